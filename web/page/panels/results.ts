/** The scored table with its filters, its counts and its export. */

import type { App } from "../app.js";
import { element, find } from "../dom.js";
import * as format from "../format.js";
import type { ExportFormat } from "../protocol.js";
import type { Session } from "../session.js";
import { ResultTable } from "./table.js";

const MEDIA_TYPES: Record<ExportFormat, string> = {
  csv: "text/csv",
  json: "application/json",
  jsonl: "application/x-ndjson",
};

export interface ResultsPanel {
  /** Gives the focus back to the row that had it. */
  focusRow(): void;
}

/** `onOpen`: a row is to be shown in full. */
export function resultsPanel(
  app: App,
  { onOpen }: { onOpen(session: Session, row: number): void },
): ResultsPanel {
  const panel = find("results", HTMLElement);
  const summary = find("summary", HTMLElement);
  const fault = find("fault", HTMLElement);
  const notes = find("notes", HTMLElement);
  const filter = find("filter", HTMLInputElement);
  const onlyErrors = find("only-errors", HTMLInputElement);
  const errorCount = find("error-count", HTMLElement);
  const columns = find("columns", HTMLButtonElement);
  const table = new ResultTable(find("viewport", HTMLElement), (row) => {
    if (app.session !== null) onOpen(app.session, row);
  });

  const drawSummary = (): void => {
    const { session } = app;
    if (session === null) return;
    const { pending, scored, failed } = session.counts;
    const parts = [format.plural(session.rows.length, "row"), `${format.count(scored)} scored`];
    if (failed > 0) parts.push(format.plural(failed, "error"));
    if (pending > 0) parts.push(`${format.count(pending)} not scored`);
    if (table.shown !== session.rows.length) parts.push(`${format.count(table.shown)} shown`);
    summary.textContent = parts.join(" · ");
    errorCount.textContent = `(${format.count(failed)})`;
  };
  const show = (): void => {
    const { session } = app;
    panel.hidden = session === null;
    if (session === null) return;
    filter.value = "";
    onlyErrors.checked = false;
    table.filter({ filter: "", onlyErrors: false });
    table.show(
      { columns: session.columns, endpoints: app.model?.endpoints ?? [], rows: session.rows },
      `Results for ${session.source.name}`,
    );
    // Where the structures are mol blocks, there is nothing to choose.
    columns.hidden = session.columns.smiles === null || session.columns.columns.length < 2;
    fault.hidden = session.fault === null;
    notes.hidden = session.notes.length === 0;
    notes.textContent = session.notes.map((note) => `${note}.`).join(" ");
    fault.textContent = `Only part of ${session.source.name} could be read: ${session.fault ?? ""}.`;
    drawSummary();
  };
  app.changed.session.on(show);
  app.changed.model.on(show);
  app.changed.rows.on(() => {
    table.refresh();
    drawSummary();
  });
  app.changed.phase.on(() => {
    columns.disabled = app.phase !== "idle";
  });

  columns.addEventListener("click", () => app.askForColumns());
  filter.addEventListener("input", () => {
    table.filter({ filter: filter.value });
    drawSummary();
  });
  onlyErrors.addEventListener("change", () => {
    table.filter({ onlyErrors: onlyErrors.checked });
    drawSummary();
  });
  for (const button of panel.querySelectorAll<HTMLButtonElement>("button[data-format]")) {
    button.addEventListener("click", async () => {
      const kind = button.dataset.format as ExportFormat;
      const file = await app.export(kind);
      if (file !== null) download(file.name, file.bytes, MEDIA_TYPES[kind]);
    });
  }
  return { focusRow: () => table.focusRow() };
}

function download(name: string, bytes: Uint8Array, type: string): void {
  const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type }));
  element("a", { href: url, download: name }).click();
  // The download has its own reference by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
