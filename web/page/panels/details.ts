/** The dialog that shows one row in full. */

import type { App } from "../app.js";
import { find } from "../dom.js";
import * as format from "../format.js";
import type { Session } from "../session.js";
import { closeBeside } from "./dialog.js";
import { waiting } from "./engine.js";
import { type Pending, rowDetails } from "./row-details.js";

export interface DetailsPanel {
  show(session: Session, index: number): void;
}

/** `calibrated`: the model has what intervals, domains and neighbours are made from. */
export function detailsPanel(
  app: App,
  { calibrated, onClose }: { calibrated: boolean; onClose(): void },
): DetailsPanel {
  const dialog = find("details", HTMLDialogElement);
  const title = find("details-title", HTMLElement);
  const body = find("details-body", HTMLElement);
  /** Aborted when the row in the dialog is no longer of interest. */
  let explaining: AbortController | null = null;

  /** Fills in the details of a row, unless they are closed before the answer comes. */
  const explain = async (session: Session, index: number, pending: Pending): Promise<void> => {
    explaining?.abort();
    explaining = new AbortController();
    const { signal } = explaining;
    const wait = session.scoring
      ? "Waiting for scoring to finish the current batch"
      : (waiting(app.engines.state) ?? "Explaining the prediction");
    pending.wait(`${wait}…`);
    try {
      const explanation = await session.explain(index, signal);
      if (!signal.aborted) pending.show(explanation);
    } catch (error) {
      if (signal.aborted) return;
      const why = error instanceof Error ? error.message : String(error);
      pending.fail(format.sentence(why), () => void explain(session, index, pending));
    }
  };

  closeBeside(dialog);
  dialog.addEventListener("close", () => {
    explaining?.abort();
    onClose();
  });
  // A file can be dropped onto the details of another one's row.
  app.changed.session.on(() => {
    if (dialog.open) dialog.close();
  });

  return {
    show(session, index) {
      const row = session.rows[index];
      if (row === undefined) return;
      const { id } = session.columns;
      const name = id === null ? "" : (row.fields[id] ?? "");
      title.textContent = `Row ${format.count(index + 1)}${name === "" ? "" : `: ${name}`}`;
      const { elements, pending } = rowDetails(
        session.columns,
        app.model?.endpoints ?? [],
        row,
        calibrated,
      );
      body.replaceChildren(...elements);
      dialog.showModal();
      if (pending !== null) void explain(session, index, pending);
    },
  };
}
