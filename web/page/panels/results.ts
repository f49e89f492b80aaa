/** The scored table with what is done to it: filtering, choosing rows and columns, taking it away. */

import { Drawings } from "../../package/src/drawing/drawings.js";
import * as format from "../../package/src/format.js";
import type { AddedColumn, Endpoint, ExportFormat, Row } from "../../package/src/protocol.js";
import type { Session, Written } from "../../package/src/session.js";
import type { App } from "../app.js";
import { columnWords, titles } from "../column-words.js";
import { element, find } from "../dom.js";
import { ColumnFilters } from "../filters.js";
import { canBeEdited } from "../naming.js";
import { notHeldWords } from "../not-held.js";
import { rankingColumns } from "../ranking.js";
import type { Selection } from "../selection.js";
import { ShownColumns } from "../shown-columns.js";
import type { Look } from "../store.js";
import { trustColumns } from "../trust.js";
import {
  type ColumnKey,
  EVERYTHING,
  type SortKey,
  type Sought,
  sameKey,
  type View,
} from "../view.js";
import { columnChoice } from "./column-choice.js";
import { columnMenu } from "./column-menu.js";
import { filtersPanel } from "./filters.js";
import { substructurePanel } from "./substructure.js";
import { ACTIVE, type Ranked, ResultTable, referenceName, type TableData } from "./table.js";

const MEDIA_TYPES: Record<ExportFormat, string> = {
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  json: "application/json",
  jsonl: "application/x-ndjson",
  sdf: "chemical/x-mdl-sdfile",
};
/** How long a button says what became of it. */
const NOTE_MS = 2_500;
/** Somebody who opens a table means to score it: its drawings wait that long. */
const DRAWING_DELAY_MS = 400;
/** More rows than this are not laid out for a printer. */
const PRINTED = 500;

/** Under which name it is kept whether cells are shaded. */
const SHADING = "delicate shading";
/** And which columns are exported. */
const BREADTH = "delicate export columns";

export interface ResultsPanel {
  /** Gives the focus back to a row, or to the one that had it. */
  focusRow(row?: number): void;
  /** The row that many places from another as the table shows them; null beyond its ends. */
  beside(row: number, step: number): number | null;
  readonly table: ResultTable;
  /** How the table is sorted and filtered. */
  readonly look: Omit<Look, "selected">;
  /** Sorts and filters it as it was. */
  lookAgain(look: Look): void;
  /** The rows were ranked: the nearest first; or the ranking is gone. */
  showRanking(): void;
}

/** What others add to the table. */
export interface Additions {
  selection: Selection;
  /** The model has what intervals, domains and neighbours are made from. */
  calibrated: boolean;
  /** How the rows stand to the reference actives; null unless they were ranked. */
  ranked(): Ranked | null;
  /** A row is to be shown in full. */
  onOpen(session: Session, row: number): void;
  /** A row is to be changed in the sketcher. */
  onEdit(session: Session, row: number): void;
  /** Rows like this one are looked for. */
  onSimilar(session: Session, row: number): void;
}

export function resultsPanel(app: App, additions: Additions): ResultsPanel {
  const { selection } = additions;
  const panel = find("results", HTMLElement);
  const summary = find("summary", HTMLElement);
  const fault = find("fault", HTMLElement);
  const notes = find("notes", HTMLElement);
  const notesText = find("notes-text", HTMLElement);
  const otherColumns = find("other-columns", HTMLButtonElement);
  const empty = find("empty", HTMLElement);
  const legend = find("domain-legend", HTMLElement);
  const filter = find("filter", HTMLInputElement);
  const onlyErrors = find("only-errors", HTMLInputElement);
  const errorsChoice = find("errors-choice", HTMLElement);
  const errorCount = find("error-count", HTMLElement);
  const structures = find("structures", HTMLInputElement);
  const shading = find("shading", HTMLInputElement);
  const shadingChoice = find("shading-choice", HTMLElement);
  const shadingLegend = find("shading-legend", HTMLElement);
  const columns = find("columns", HTMLButtonElement);
  const selected = find("selected", HTMLElement);
  const hiddenNote = find("selected-hidden", HTMLElement);
  const selectNone = find("select-none", HTMLButtonElement);
  const smarts = find("smarts", HTMLInputElement);
  const scope = find("scope", HTMLSelectElement);
  const breadth = find("breadth", HTMLSelectElement);
  const notHeld = find("not-held", HTMLElement);
  const copy = find("copy-table", HTMLButtonElement);
  const exporters = panel.querySelectorAll<HTMLButtonElement>("button[data-format]");

  const drawings = new Drawings(async (keys) => {
    const { session } = app;
    const actives = additions.ranked()?.actives;
    const isActive = (key: string): boolean => key.startsWith(ACTIVE);
    const own = keys.filter((key) => !isActive(key)).map(Number);
    const others = keys.filter(isActive).map((key) => Number(key.slice(ACTIVE.length)));
    const { smarts } = substructure;
    const [blocks, matched, active] = await Promise.all([
      own.length === 0 ? [] : (session?.blocks(own) ?? []),
      own.length === 0 || smarts === null ? [] : (session?.matched(smarts, own) ?? []),
      others.length === 0 ? [] : (actives?.blocks(others) ?? []),
    ]);
    return keys.map((key) => {
      if (isActive(key)) return active.shift() ?? null;
      const [block, atoms] = [blocks.shift() ?? null, matched.shift()];
      return block === null || atoms === undefined ? block : { block, atoms };
    });
  });
  const shown = new ShownColumns();
  const isStructure = (key: ColumnKey): boolean =>
    key.by === "structure" || (key.by === "field" && key.index === app.session?.columns.smiles);
  const table = new ResultTable(find("viewport", HTMLElement), {
    drawings,
    selection,
    onOpen(row) {
      if (app.session !== null) additions.onOpen(app.session, row);
    },
    onEdit(row) {
      const { session } = app;
      if (session !== null && canBeEdited(session, row)) additions.onEdit(session, row);
    },
    onSimilar(row) {
      if (app.session !== null) additions.onSimilar(app.session, row);
    },
    onCopy() {
      if (selection.rows.size > 0) void copyTable();
    },
    onMenu: (key, opener, back) => menu.open(key, opener, back),
  });

  const data = (session: Session): TableData => {
    const { columns } = session;
    const fields = titles(columns.columns).flatMap((title, index) =>
      shown.showsField(title) || index === columns.smiles ? [index] : [],
    );
    return {
      columns,
      endpoints: app.model?.endpoints ?? [],
      rows: session.rows,
      scores: session.scores,
      ranked: additions.ranked(),
      similarities: additions.ranked()?.similarities ?? null,
      counted: shown.endpoints,
      shown: { endpoints: shown.endpoints, fields },
      calibrated: additions.calibrated,
      drawn: structures.checked,
      reference: shading.checked ? (app.model?.reference?.name ?? null) : null,
    };
  };
  /** How many of the selected rows the table does not show. */
  const hiddenOf = (): number => {
    if (selection.rows.size === 0) return 0;
    let shown = 0;
    for (const row of table.order) if (selection.has(row)) shown += 1;
    return selection.rows.size - shown;
  };
  const drawScope = (): void => {
    const total = app.session?.rows.length ?? 0;
    const hidden = hiddenOf();
    const { size } = selection.rows;
    const options: [string, string, boolean][] = [
      ["all", scopeWords("all", total), true],
      ["shown", scopeWords("shown", table.order.length), true],
      ["selected", scopeWords("selected", size), size > 0],
      ["selected-shown", scopeWords("selected-shown", size - hidden), hidden > 0 && hidden < size],
    ];
    const before = scope.value;
    scope.replaceChildren(
      ...options.flatMap(([value, text, offered]) =>
        offered ? [element("option", { value }, text)] : [],
      ),
    );
    scope.value = before;
    if (scope.selectedIndex === -1) scope.value = size > 0 ? "selected" : "all";
    // A part that is taken for all of a table is found out late.
    scope.classList.toggle("part", scope.value.startsWith("selected"));
    const what = scope.selectedOptions[0]?.textContent ?? "";
    breadth.classList.toggle("part", breadth.value === "shown");
    const wide = breadth.selectedOptions[0]?.textContent ?? "";
    for (const button of exporters)
      button.setAttribute("aria-label", `Export ${what}, ${wide}, as ${button.textContent}`);
    copy.title = `Copy ${what}, ${wide}`;
    const words = hiddenWords(hidden, size, scope.value);
    if (hidden > 0 && words !== hiddenNote.textContent) app.announce(words);
    hiddenNote.hidden = hidden === 0;
    hiddenNote.textContent = words;
  };
  /** The column that orders the rows, where the table does not show it. */
  const hiddenSortTitle = (): string | null => {
    const { key } = table.view.sort;
    const hidden =
      (key.by === "score" && !shown.endpoints.includes(key.endpoint)) ||
      (key.by === "field" &&
        key.index !== app.session?.columns.smiles &&
        !shown.showsField(wordsOf(key).title));
    return hidden ? wordsOf(key as ColumnKey).title : null;
  };
  const drawSummary = (): void => {
    const { session } = app;
    if (session === null) return;
    const { pending, scored, failed } = session.counts;
    const parts = [format.plural(session.rows.length, "row"), `${format.count(scored)} scored`];
    if (failed > 0) parts.push(format.plural(failed, "error"));
    if (pending > 0) parts.push(`${format.count(pending)} not scored`);
    const count = table.order.length;
    if (count !== session.rows.length) parts.push(`${format.count(count)} shown`);
    // Nothing else would say why they stand in this order.
    const hiddenSort = hiddenSortTitle();
    if (hiddenSort !== null) parts.push(`sorted by ${hiddenSort}, which is hidden`);
    summary.textContent = parts.join(" · ");
    const said = [
      ...session.notes.map(format.sentence),
      cutWords(session.rows),
      renamedWords(session.columns.columns, app.model?.endpoints ?? []),
      session.changes.summary(),
      precisionWords(session),
    ];
    notesText.textContent = said.filter(Boolean).join(" ");
    notes.hidden = notesText.textContent === "";
    // Beside what was chosen by itself, so that it can be chosen otherwise.
    otherColumns.hidden = session.notes.length === 0 || !app.canReadOthers;
    otherColumns.disabled = app.phase !== "idle";
    errorCount.textContent = `(${format.count(failed)})`;
    errorsChoice.hidden = failed === 0 && !onlyErrors.checked;
    empty.hidden = count > 0;
    empty.textContent =
      session.rows.length === 0
        ? app.input?.text == null
          ? `${session.source.name} has no rows below its header.`
          : "There is no molecule in the list."
        : "No row passes the filters.";
    drawScope();
  };
  const drawSelection = (): void => {
    const { size } = selection.rows;
    selected.textContent =
      size === 0 ? "No row selected" : `${format.plural(size, "row")} selected`;
    selectNone.hidden = size === 0;
    drawScope();
    // What was chosen is what is meant to be taken away.
    scope.value = size > 0 ? "selected" : isNarrowed(table.view) ? "shown" : "all";
    drawScope();
  };
  const drawLegends = (): void => {
    const scored = (app.session?.scores.endpoints ?? 0) > 0;
    const reference = app.model?.reference ?? null;
    legend.hidden = !scored;
    shadingChoice.hidden = reference === null;
    shadingLegend.hidden = !scored || reference === null || !shading.checked;
    const [, text] = shadingLegend.children;
    if (reference !== null && text !== undefined)
      text.textContent = `Shading and bar: the percentage of ${format.count(reference.molecules)} ${reference.name} with a lower value. Higher is not necessarily better.`;
  };
  /** Shows the table with the same filters and order. */
  const redraw = (): void => {
    const { session } = app;
    if (session === null) return;
    table.show(data(session), `Results for ${session.source.name}`, table.view);
    drawLegends();
    drawSummary();
  };
  const show = (): void => {
    const { session } = app;
    // Of the table before.
    window.clearTimeout(speaking);
    panel.hidden = session === null;
    notHeld.hidden = true;
    drawings.clear();
    filter.value = "";
    onlyErrors.checked = false;
    selection.rows = new Set();
    if (session === null) return;
    drawings.paused = true;
    setTimeout(() => pauseDrawings(), DRAWING_DELAY_MS);
    table.show(data(session), `Results for ${session.source.name}`, EVERYTHING);
    byColumn.clear();
    filters.besides = false;
    substructure.clear();
    filters.show();
    drawLegends();
    fault.hidden = session.fault === null;
    fault.textContent = `Only part of ${session.source.name} could be read: ${session.fault ?? ""}.`;
    drawSummary();
    drawSelection();
  };
  /** Nothing is to delay the first scores. */
  const pauseDrawings = (): void => {
    const waiting = app.phase === "scoring" && (app.session?.counts.scored ?? 0) === 0;
    drawings.paused = waiting || app.model === null;
  };
  const look = (change: Partial<View>): void => {
    table.look(change);
    if (selection.rows.size === 0) scope.value = isNarrowed(table.view) ? "shown" : "all";
  };
  let speaking: number | undefined;
  const tell = (): void => {
    window.clearTimeout(speaking);
    speaking = window.setTimeout(
      () => app.say(`${format.plural(table.order.length, "row")} shown.`),
      500,
    );
  };

  const showOnlyErrors = (only: boolean): void => {
    onlyErrors.checked = only;
    look({ onlyErrors: only });
    tell();
  };
  const wordsOf = (key: ColumnKey) =>
    columnWords(key, app.model?.endpoints ?? [], app.session?.columns ?? null, (field) =>
      table.keys.isNumeric(field),
    );
  const byColumn = new ColumnFilters();
  byColumn.changed.on(() => {
    look({ filters: byColumn.all });
    tell();
  });
  const menu = columnMenu(app, {
    table,
    filters: byColumn,
    wordsOf,
    errors: {
      count: () => app.session?.counts.failed ?? 0,
      only: () => onlyErrors.checked,
      set: showOnlyErrors,
    },
    holdsErrors: (key) => ["score", "state", "structure"].includes(key.by) || isStructure(key),
    isStructure,
    hiding(key) {
      const { title } = wordsOf(key);
      const hidden = (hide: () => void) => () => {
        hide();
        // Said instead of how many rows a filter left.
        window.clearTimeout(speaking);
        const order = sameKey(table.view.sort.key, key) ? " The rows stay sorted by it." : "";
        app.say(`${title} is hidden; Columns shows it again.${order}`);
      };
      if (key.by === "score") return hidden(() => shown.showEndpoints([key.endpoint], false));
      if (key.by === "field" && !isStructure(key))
        return hidden(() => shown.showField(title, false));
      return null;
    },
    onSubstructure() {
      filters.open();
      smarts.focus();
    },
  });
  const filters = filtersPanel(app, byColumn, {
    fields: () =>
      titles(app.session?.columns.columns ?? []).map((title, index) => ({ title, index })),
    hasSimilarity: () => additions.ranked() !== null,
    hasDomains: () => additions.calibrated,
    titleOf: (key) => wordsOf(key).title,
    onMenu: (key, opener, back) => menu.open(key, opener, back),
    onClear() {
      if (substructure.smarts === null) return;
      substructure.clear();
      narrow(null);
    },
  });
  const narrow = (sought: Sought | null): void => {
    // Its atoms are marked in the drawings, or no longer.
    drawings.clear();
    redraw();
    filters.besides = sought !== null;
    look({ sought });
    tell();
  };
  const substructure = substructurePanel(app, {
    onChange: narrow,
  });

  app.changed.session.on(show);
  app.changed.model.on(() => {
    const { model } = app;
    if (model === null) return;
    shown.use(model.name, model.endpoints);
    pauseDrawings();
    redraw();
    filters.show();
  });
  // It counts what is shown of a model that is known by then.
  columnChoice(app, shown, columns);
  app.changed.rows.on(() => {
    pauseDrawings();
    table.refresh();
    drawLegends();
    drawSummary();
  });
  app.changed.phase.on(pauseDrawings);
  // How many rows are shown may depend on their results.
  table.arranged.on(drawSummary);
  shown.changed.on(redraw);
  selection.changed.on(drawSelection);
  scope.addEventListener("change", drawScope);
  breadth.value = remembered(BREADTH) === "shown" ? "shown" : "all";
  breadth.addEventListener("change", () => {
    remember(BREADTH, breadth.value);
    drawScope();
  });

  filter.addEventListener("input", () => {
    look({ filter: filter.value });
    tell();
  });
  onlyErrors.addEventListener("change", () => showOnlyErrors(onlyErrors.checked));
  structures.addEventListener("change", redraw);
  shading.checked = remembered(SHADING) !== "off";
  shading.addEventListener("change", () => {
    remember(SHADING, shading.checked ? "on" : "off");
    redraw();
  });
  otherColumns.addEventListener("click", () => app.askForColumns());
  app.changed.phase.on(() => {
    otherColumns.disabled = app.phase !== "idle";
  });
  selectNone.addEventListener("click", () => {
    selection.rows = new Set();
    scope.focus();
  });
  document.addEventListener("keydown", (event) => {
    const typing =
      event.target instanceof Element && event.target.matches("input, textarea, select");
    if (event.key !== "/" || typing || panel.hidden || document.querySelector("dialog[open]"))
      return;
    event.preventDefault();
    filter.focus();
  });

  /** The rows that are to be taken away; null for all. */
  const chosen = (): number[] | null => {
    if (scope.value === "shown") return [...table.order];
    if (scope.value === "all") return null;
    // In the order shown, then those out of sight.
    const visible = table.order.filter((row) => selection.has(row));
    if (scope.value === "selected-shown") return visible;
    const seen = new Set(visible);
    return [
      ...visible,
      ...[...selection.rows].filter((row) => !seen.has(row)).sort((a, b) => a - b),
    ];
  };
  /** What the table shows beside the user's columns and the predictions. */
  const added = (): AddedColumn[] => {
    const ranked = additions.ranked();
    const scores = app.session?.scores;
    const isScored = additions.calibrated && scores !== undefined && scores.endpoints > 0;
    return [
      ...(ranked === null ? [] : rankingColumns(ranked, (row) => referenceName(ranked, row))),
      ...(isScored ? trustColumns(scores, shown.endpoints) : []),
    ];
  };
  /** Places of the endpoints that are taken along; null for all that is known. */
  const endpoints = (): readonly number[] | null =>
    breadth.value === "all" ? null : shown.endpoints;
  /** Said beside the export until the next one. */
  const sayNotHeld = (words: string): void => {
    notHeld.textContent = words;
    notHeld.hidden = words === "";
    if (words !== "") app.announce(words);
  };
  for (const button of exporters) {
    button.addEventListener("click", async () => {
      const kind = button.dataset.format as ExportFormat;
      sayNotHeld("");
      const file = await app.export(kind, chosen(), added, endpoints());
      if (file === null) return;
      download(file.name, file, kind);
      const words = notHeldWords(file.notHeld);
      if (words !== "") sayNotHeld(`${file.name}: ${words}`);
    });
  }
  const note = (button: HTMLButtonElement, text: string): void => {
    const before = button.textContent;
    button.textContent = text;
    app.say(`${text}.`);
    setTimeout(() => {
      button.textContent = before;
    }, NOTE_MS);
  };
  const copyTable = async (): Promise<void> => {
    const file = await app.export("tsv", chosen(), added, endpoints());
    if (file === null) return;
    try {
      await navigator.clipboard.writeText(await file.file.text());
      note(copy, "Copied");
    } catch {
      app.complain({
        text: "This browser does not allow the page to copy. Export a CSV file instead.",
      });
    }
  };
  copy.addEventListener("click", () => void copyTable());
  find("print", HTMLButtonElement).addEventListener("click", () => {
    // What the browser's own command prints does not wait for drawings.
    table.layOut(PRINTED);
    void table.drawn().then(() => window.print());
  });
  window.addEventListener("beforeprint", () => table.layOut(PRINTED));
  window.addEventListener("afterprint", () => table.takeBack());
  for (const [name, bar] of [
    ["tools-more", "tools"],
    ["export-more", "take"],
  ] as const)
    unfolding(find(name, HTMLButtonElement), find(bar, HTMLElement));
  return {
    table,
    get look() {
      const { sort, filter, onlyErrors } = table.view;
      return { sort, filter, onlyErrors, filters: byColumn.all, substructure: substructure.kept };
    },
    lookAgain({ sort, filter: text, onlyErrors: only, filters: kept, substructure: sought }) {
      const isThere = ({ by }: SortKey): boolean =>
        by !== "similarity" || additions.ranked() !== null;
      filter.value = text;
      onlyErrors.checked = only;
      byColumn.put(kept.filter(({ key }) => isThere(key)));
      if (sought !== null) substructure.restore(sought);
      look({ filter: text, onlyErrors: only, ...(isThere(sort.key) ? { sort } : {}) });
      // It is as it was, which nobody is told.
      window.clearTimeout(speaking);
    },
    showRanking() {
      const key = { by: "similarity" } as const;
      const { view } = table;
      const by = view.sort.key.by;
      if (additions.ranked() !== null) {
        drawings.clear();
        redraw();
        look({ sort: { key, descending: true } });
        filters.show();
      } else if (app.session !== null && (by === "similarity" || table.content?.ranked !== null)) {
        redraw();
        if (by === "similarity") look({ sort: EVERYTHING.sort });
        // No row would have a number to pass it with.
        byColumn.remove(key);
        filters.show();
      }
    },
    focusRow: (row) => table.focusRow(row),
    beside(row, step) {
      const place = table.order.indexOf(row);
      return place === -1 ? null : (table.order[place + step] ?? null);
    },
  };
}

/** That the values of a table are of one precision only since some were computed again, or are not yet. */
export function precisionWords({
  again,
  mixed,
  scoring,
}: Pick<Session, "again" | "mixed" | "scoring">): string {
  if (scoring) return "";
  if (mixed)
    return "Part of the rows were scored in 8-bit integers and part in single precision, which lie a few thousandths of a standard deviation apart; Score brings all to one precision.";
  if (again === 0) return "";
  const verb = again === 1 ? "was" : "were";
  return `${format.plural(again, "row")} ${verb} scored a second time, so that all values are in one precision: the engine changed while the table was being scored.`;
}

/** That a file ends within its last record; empty where it does not. */
export function cutWords(rows: readonly Pick<Row, "error">[]): string {
  const reason = rows.at(-1)?.error?.reason ?? "";
  if (!["truncated_record", "unclosed_quote"].includes(reason)) return "";
  return `The file looks cut off: it ends within its last record, row ${format.count(rows.length)}, and what would follow is missing.`;
}

/**
 * That a file has columns of predictions as an export has them, and what becomes of the names;
 * empty where it has none.
 */
export function renamedWords(
  columns: readonly string[],
  endpoints: readonly Pick<Endpoint, "name">[],
): string {
  const isOurs = (column: string): boolean =>
    endpoints.some(({ name }) => column === name || column.startsWith(`${name}_`));
  const count = columns.filter(isOurs).length;
  if (count === 0) return "";
  const [is, they, them] = count === 1 ? ["is", "it", "it"] : ["are", "they", "them"];
  return `${format.plural(count, "column")} of predictions ${is} in the file already, as in a table that was scored: ${they} ${is} kept, and an export has the new ones beside ${them}, with delicate_ before their names.`;
}

/** On a phone a bar has what is rare in it once it is asked for. */
function unfolding(button: HTMLButtonElement, bar: HTMLElement): void {
  button.addEventListener("click", () => {
    const open = bar.classList.toggle("unfolded");
    button.setAttribute("aria-expanded", String(open));
    const [before, now] = open ? ["More", "Less"] : ["Less", "More"];
    button.textContent = now;
    // Which of them it is, for whoever does not see where it stands.
    const name = button.getAttribute("aria-label") ?? before;
    button.setAttribute("aria-label", name.replace(before, now));
  });
}

/** Which rows an export has: "the 2 selected rows". */
export function scopeWords(scope: string, count: number): string {
  const rows = count === 1 ? "row" : "rows";
  const words: Record<string, string> = {
    all: count === 1 ? "the only row" : `all ${format.count(count)} rows`,
    shown: `the ${format.count(count)} ${rows} shown`,
    selected: `the ${format.count(count)} selected ${rows}`,
    "selected-shown": `the ${format.count(count)} selected ${rows} shown`,
  };
  return words[scope] ?? "";
}

/** That selected rows are out of sight, and whether they are taken along; empty where none is. */
export function hiddenWords(hidden: number, selected: number, scope: string): string {
  if (hidden === 0) return "";
  const [it, is] = hidden === 1 ? ["it", "is"] : ["they", "are"];
  const which =
    hidden < selected
      ? `${format.count(hidden)} of ${format.count(selected)} selected rows ${is} hidden by a filter`
      : selected === 1
        ? "The selected row is hidden by a filter"
        : `All ${format.count(selected)} selected rows are hidden by a filter`;
  const fate: Record<string, string> = {
    selected: `${it} ${is} exported as well`,
    "selected-shown": `${it} ${is} not exported`,
  };
  return `${which}${fate[scope] === undefined ? "" : `; ${fate[scope]}`}.`;
}

/** Null where nothing is, or nothing may be kept. */
function remembered(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function remember(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Where nothing may be kept, the choice lasts as long as the page.
  }
}

const isNarrowed = ({ filter, onlyErrors, among, filters, sought, sort }: View): boolean =>
  filter.trim() !== "" ||
  onlyErrors ||
  among !== null ||
  filters.length > 0 ||
  sought !== null ||
  sort.key.by !== "row" ||
  sort.descending;

function download(name: string, { file, ascii }: Written, kind: ExportFormat): void {
  // Spreadsheets take text without a mark for that of an older encoding.
  const parts = kind === "csv" && !ascii ? ["\ufeff", file] : [file];
  const url = URL.createObjectURL(new Blob(parts, { type: MEDIA_TYPES[kind] }));
  element("a", { href: url, download: name }).click();
  // The download has its own reference by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
