/** The dialog that shows one row in full. */

import * as format from "../../package/src/format.js";
import type { Session } from "../../package/src/session.js";
import type { App } from "../app.js";
import { find } from "../dom.js";
import { canBeEdited, nameOf, ownSmiles } from "../naming.js";
import { closeBeside } from "./dialog.js";
import { waiting } from "./engine.js";
import { type Pending, rowDetails } from "./row-details.js";

/** How long a button says what became of it. */
const NOTE_MS = 2_500;

export interface DetailsPanel {
  show(session: Session, index: number): void;
}

/** `calibrated`: the model has what intervals, domains and neighbours are made from. */
export function detailsPanel(
  app: App,
  {
    calibrated,
    beside,
    onClose,
    onEdit,
    onSimilar,
  }: {
    calibrated: boolean;
    /** The row that many places away in the table. */
    beside(row: number, step: number): number | null;
    onClose(row: number): void;
    onEdit(session: Session, row: number): void;
    /** The table is to be ranked by its similarity to this molecule, given as a line. */
    onSimilar(line: string): void;
  },
): DetailsPanel {
  const dialog = find("details", HTMLDialogElement);
  const title = find("details-title", HTMLElement);
  const body = find("details-body", HTMLElement);
  const previous = find("details-previous", HTMLButtonElement);
  const next = find("details-next", HTMLButtonElement);
  const edit = find("details-edit", HTMLButtonElement);
  const copy = find("details-copy", HTMLButtonElement);
  const similar = find("details-similar", HTMLButtonElement);
  let shown: { session: Session; index: number } | null = null;
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
    onClose(shown?.index ?? 0);
  });
  const step = (by: number): void => {
    const to = shown === null ? null : beside(shown.index, by);
    if (shown !== null && to !== null) show(shown.session, to);
  };
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  edit.addEventListener("click", () => {
    if (shown === null) return;
    const { session, index } = shown;
    dialog.close();
    onEdit(session, index);
  });
  similar.addEventListener("click", () => {
    const line = shown === null ? null : lineOf(shown.session, shown.index);
    if (line === null) return;
    dialog.close();
    onSimilar(line);
  });
  copy.addEventListener("click", async () => {
    if (shown === null) return;
    const { session, index } = shown;
    try {
      const smiles = ownSmiles(session, index) ?? (await session.smiles([index]))[0];
      if (smiles == null) return;
      await navigator.clipboard.writeText(smiles);
      copy.textContent = "Copied";
      setTimeout(() => {
        copy.textContent = "Copy SMILES";
      }, NOTE_MS);
    } catch {
      copy.textContent = "This browser does not allow copying";
    }
  });
  dialog.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!plain || (event.target as Element).matches("input, select, .atom")) return;
    if (event.key === "PageDown" || event.key === "j") step(1);
    else if (event.key === "PageUp" || event.key === "k") step(-1);
    else if (event.key === "e" && !edit.hidden) edit.click();
    else if (event.key === "s" && !similar.hidden) similar.click();
    else return;
    event.preventDefault();
  });
  // A file can be dropped onto the details of another one's row.
  app.changed.session.on(() => {
    if (dialog.open) dialog.close();
  });

  const show = (session: Session, index: number): void => {
    const row = session.rows[index];
    if (row === undefined) return;
    shown = { session, index };
    explaining?.abort();
    const name = nameOf(session, index);
    title.textContent = `Row ${format.count(index + 1)}${name === "" ? "" : `: ${name}`}`;
    previous.disabled = beside(index, -1) === null;
    next.disabled = beside(index, 1) === null;
    edit.hidden = !canBeEdited(session, index);
    edit.textContent = row.state === "failed" ? "Correct…" : "Edit…";
    similar.hidden = row.standardization === null;
    copy.hidden = row.standardization === null;
    copy.textContent = "Copy SMILES";
    const endpoints = app.model?.endpoints ?? [];
    const { elements, pending } = rowDetails(session, index, row, endpoints, calibrated);
    body.replaceChildren(...elements);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    if (pending !== null) void explain(session, index, pending);
  };
  return { show };
}

/** A scored row as a line of a list: its molecule and its name; null where it was not scored. */
export function lineOf(session: Session, index: number): string | null {
  const smiles = session.rows[index]?.standardization?.smiles;
  if (smiles === undefined) return null;
  return `${smiles}\t${nameOf(session, index) || `row ${index + 1}`}`;
}
