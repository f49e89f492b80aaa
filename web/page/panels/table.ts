/** The results: a native table that holds only the rows in sight, however many there are. */

import { element, spoken } from "../dom.js";
import * as format from "../format.js";
import { mark } from "../mark.js";
import type { Endpoint, Header, Row } from "../protocol.js";
import { arrange, predictionOf, type SortKey, sameKey, type View } from "../view.js";

export interface TableData {
  columns: Header;
  endpoints: Endpoint[];
  rows: readonly Row[];
}

interface Column {
  key: SortKey;
  title: string;
  unit: string;
  description: string;
  kind: "text" | "smiles" | "number";
  /** Width in characters. */
  width: number;
  /** Null where the cell before it reaches this far. */
  cell(row: Row): HTMLTableCellElement | null;
}

/** As `--row` in styles/tokens.css. */
const ROW_REM = 2.25;
/** Rows kept above and below those in sight. */
const MARGIN = 12;
const SMILES_WIDTH = { least: 14, most: 32 };
const TEXT_WIDTH = { least: 5, most: 22 };
/** On a phone. */
const NARROW = { pixels: 520, smiles: 16, text: 10 };
/** Room for the reason why a row has no values, which takes the place of all of them. */
const REASON_WIDTH = 34;
/** Rows looked at to choose the columns' widths. */
const SAMPLE = 500;

export class ResultTable {
  readonly #viewport: HTMLElement;
  readonly #table = element("table");
  readonly #head = element("thead");
  readonly #body = element("tbody");
  readonly #above = spacer();
  readonly #below = spacer();
  readonly #onOpen: (row: number) => void;

  #data: TableData = { columns: { columns: [], smiles: null, id: null }, endpoints: [], rows: [] };
  #columns: Column[] = [];
  #view: View = { filter: "", onlyErrors: false, sort: { key: { by: "row" }, descending: false } };
  /** Row indexes in the order shown. */
  #order: number[] = [];
  /** The place in that order which the Tab key reaches and the arrow keys move. */
  #active = 0;
  #live = new Map<number, { element: HTMLTableRowElement; row: Row }>();
  #frame = 0;

  constructor(viewport: HTMLElement, onOpen: (row: number) => void) {
    this.#viewport = viewport;
    this.#onOpen = onOpen;
    this.#body.append(this.#above, this.#below);
    this.#table.append(this.#head, this.#body);
    viewport.append(this.#table);
    viewport.addEventListener("scroll", () => this.#draw(), { passive: true });
    viewport.addEventListener("keydown", (event) => this.#move(event));
    new ResizeObserver(() => this.#draw()).observe(viewport);
  }

  /** Shows another table, unsorted. */
  show(data: TableData, caption: string): void {
    this.#data = data;
    this.#view = { ...this.#view, sort: { key: { by: "row" }, descending: false } };
    this.#active = 0;
    this.#columns = columns(data, this.#viewport.clientWidth < NARROW.pixels);
    this.#table.setAttribute("aria-colcount", String(this.#columns.length + 1));
    this.#drawHead(caption);
    this.#viewport.scrollTo(0, 0);
    this.#clear();
    this.refresh();
  }

  /** Rows have changed. */
  refresh(): void {
    this.#order = arrange(this.#data.rows, this.#view);
    this.#active = Math.min(this.#active, Math.max(0, this.#order.length - 1));
    this.#table.setAttribute("aria-rowcount", String(this.#order.length + 1));
    this.#draw();
  }

  /** Rows that the filter lets through. */
  get shown(): number {
    return this.#order.length;
  }

  filter(change: Partial<Pick<View, "filter" | "onlyErrors">>): void {
    this.#view = { ...this.#view, ...change };
    this.#active = 0;
    this.#viewport.scrollTo({ top: 0 });
    this.refresh();
  }

  /** Moves the focus to the row that has it, as after closing its details. */
  focusRow(): void {
    const index = this.#order[this.#active];
    this.#reveal(this.#active);
    this.#paint();
    if (index !== undefined)
      this.#live.get(index)?.element.querySelector("button")?.focus({ preventScroll: true });
  }

  #sortBy(key: SortKey): void {
    const { sort } = this.#view;
    // Ascending, descending, then the file's own order again.
    const next = !sameKey(sort.key, key)
      ? { key, descending: false }
      : sort.descending
        ? { key: { by: "row" } as const, descending: false }
        : { key, descending: true };
    this.#view = { ...this.#view, sort: next };
    this.#active = 0;
    this.#markSorted();
    this.#viewport.scrollTo({ top: 0 });
    this.refresh();
  }

  #drawHead(caption: string): void {
    this.#table.querySelectorAll("caption, colgroup").forEach((old) => old.remove());
    const group = element("colgroup");
    const number = element("col");
    number.style.width = `${Math.max(4, String(this.#data.rows.length).length + 3)}ch`;
    group.append(number);
    for (const { width } of this.#columns) {
      const column = element("col");
      column.style.width = `calc(${width}ch + 1.75rem)`;
      group.append(column);
    }
    this.#table.prepend(element("caption", { class: "spoken" }, caption), group);
    const cells = this.#columns.map((column, index) => {
      const button = element(
        "button",
        { type: "button", title: column.description },
        element("span", { class: "name" }, column.title),
      );
      if (column.unit !== "") button.append(element("span", { class: "unit" }, column.unit));
      button.addEventListener("click", () => this.#sortBy(column.key));
      return element(
        "th",
        { scope: "col", class: column.kind, attributes: { "aria-colindex": String(index + 2) } },
        button,
      );
    });
    const first = element(
      "th",
      { scope: "col", class: "row", attributes: { "aria-colindex": "1" } },
      element("span", { title: "Row" }, "#"),
    );
    this.#head.replaceChildren(
      element("tr", { attributes: { "aria-rowindex": "1" } }, first, ...cells),
    );
    this.#markSorted();
  }

  #markSorted(): void {
    const { key, descending } = this.#view.sort;
    this.#head.querySelectorAll("th:not(.row)").forEach((cell, index) => {
      const column = this.#columns[index];
      const sorted = column !== undefined && sameKey(column.key, key);
      cell.setAttribute("aria-sort", sorted ? (descending ? "descending" : "ascending") : "none");
    });
  }

  #draw(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#paint());
  }

  #paint(): void {
    const height = rowHeight();
    const top = Math.floor(this.#viewport.scrollTop / height);
    const inSight = Math.ceil(this.#viewport.clientHeight / height);
    const first = Math.max(0, Math.min(top, this.#order.length) - MARGIN);
    const last = Math.min(this.#order.length, top + inSight + MARGIN);
    const wanted = this.#order.slice(first, last);

    const kept = new Set(wanted);
    for (const [index, { element }] of this.#live) {
      if (kept.has(index)) continue;
      // The focus stays in the table when its row is scrolled away, and the arrow keys bring it back.
      if (element.contains(document.activeElement)) this.#viewport.focus({ preventScroll: true });
      element.remove();
      this.#live.delete(index);
    }

    resize(this.#above, first * height, this.#columns.length + 1);
    resize(this.#below, (this.#order.length - last) * height, this.#columns.length + 1);
    const reachable = Math.min(Math.max(this.#active, first), Math.max(first, last - 1));
    let previous: Element = this.#above;
    wanted.forEach((index, offset) => {
      const line = this.#row(index);
      const place = first + offset;
      line.setAttribute("aria-rowindex", String(place + 2));
      const button = line.querySelector("button");
      if (button !== null) button.tabIndex = place === reachable ? 0 : -1;
      if (previous.nextElementSibling !== line) previous.after(line);
      previous = line;
    });
  }

  #row(index: number): HTMLTableRowElement {
    const row = this.#data.rows[index] as Row;
    const live = this.#live.get(index);
    if (live !== undefined && live.row === row) return live.element;
    const cells = this.#columns.flatMap((column, place) => {
      const cell = column.cell(row);
      if (cell === null) return [];
      cell.setAttribute("aria-colindex", String(place + 2));
      return [cell];
    });
    let line = live?.element;
    if (line === undefined) {
      const button = element(
        "button",
        { type: "button", attributes: { "aria-haspopup": "dialog" } },
        spoken("Details of row "),
        format.count(index + 1),
      );
      button.addEventListener("click", () => {
        this.#active = this.#order.indexOf(index);
        this.#onOpen(index);
      });
      line = element(
        "tr",
        {},
        element("th", { scope: "row", class: "row", attributes: { "aria-colindex": "1" } }, button),
      );
    }
    const [head] = line.children;
    line.replaceChildren(...(head === undefined ? [] : [head]), ...cells);
    line.className = row.state;
    this.#live.set(index, { element: line, row });
    return line;
  }

  #clear(): void {
    for (const { element } of this.#live.values()) element.remove();
    this.#live.clear();
  }

  #move(event: KeyboardEvent): void {
    const inHead = this.#head.contains(event.target as Node);
    if (inHead || event.ctrlKey || event.metaKey || event.altKey || this.#order.length === 0)
      return;
    const page = Math.max(1, Math.floor(this.#viewport.clientHeight / rowHeight()) - 2);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.#order.length,
      End: this.#order.length,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.#active = Math.min(Math.max(this.#active + step, 0), this.#order.length - 1);
    this.focusRow();
  }

  #reveal(place: number): void {
    const height = rowHeight();
    const top = place * height;
    const head = this.#head.offsetHeight;
    const { scrollTop, clientHeight } = this.#viewport;
    if (top < scrollTop) this.#viewport.scrollTop = top;
    else if (top + height > scrollTop + clientHeight - head)
      this.#viewport.scrollTop = top + height - clientHeight + head;
  }
}

/** Marks the offending character: by a border and an underline as well as by colour, and in words. */
export function marked(smiles: string, position: number, width?: number): HTMLElement {
  const parts = mark(smiles, position, width);
  const note =
    parts.mark === "" ? "the end is marked" : `the character at position ${position} is marked`;
  return element(
    "code",
    { class: "smiles" },
    parts.before,
    element(
      "mark",
      { class: parts.mark === "" ? "end" : "" },
      parts.mark === "" ? "\u00a0" : parts.mark,
    ),
    parts.after,
    spoken(` (${note})`),
  );
}

/** What is said of a row beside its numbers. */
export function stateText(row: Row): string {
  const message = row.error?.message;
  if (message !== undefined) return message.charAt(0).toUpperCase() + message.slice(1);
  return { scored: "Scored", pending: "Not scored", failed: "Failed" }[row.state];
}

/** The columns that say what a molecule is, then what the model says of it, then the file's others. */
function columns({ columns, endpoints, rows }: TableData, narrow: boolean): Column[] {
  const field = (index: number): Column => {
    const isSmiles = index === columns.smiles;
    const title = columns.columns[index] ?? "";
    const { least, most } = isSmiles ? SMILES_WIDTH : TEXT_WIDTH;
    const longest = sample(rows).reduce(
      (most, row) => Math.max(most, row.fields[index]?.length ?? 0),
      title.length + 2,
    );
    const width = Math.min(
      Math.max(longest, least),
      narrow ? (isSmiles ? NARROW.smiles : NARROW.text) : most,
    );
    return {
      key: { by: "field", index },
      title,
      unit: "",
      description: `Sort by ${title}`,
      kind: isSmiles ? "smiles" : "text",
      width,
      cell(row) {
        const text = row.fields[index] ?? "";
        if (!isSmiles) return element("td", { title: text }, text);
        const position = row.error?.position ?? null;
        return element(
          "td",
          { title: text },
          position === null ? element("code", {}, text) : marked(text.trim(), position, width),
        );
      },
    };
  };
  const least = Math.ceil(REASON_WIDTH / Math.max(1, endpoints.length));
  const score = ({ name, title, unit, description }: Endpoint, place: number): Column => ({
    key: { by: "score", name },
    title,
    unit,
    description,
    kind: "number",
    // The title breaks between its words; the longest and the unit must fit.
    width: Math.max(
      least,
      Math.min(24, Math.max(...title.split(" ").map((word) => word.length + 3), unit.length + 1)),
    ),
    cell(row) {
      if (row.error !== null) return place === 0 ? reason(row, endpoints.length) : null;
      const prediction = predictionOf(row.predictions ?? [], name);
      if (prediction === null) return element("td", { class: "number none" }, "–");
      return element(
        "td",
        { class: "number" },
        element("data", { value: String(prediction.value) }, format.score(prediction.value)),
      );
    },
  });
  // Until the model is loaded, its endpoints are not known.
  const result: Column = {
    key: { by: "state" },
    title: "Result",
    unit: "",
    description: "Sort by result, errors first",
    kind: "text",
    width: REASON_WIDTH,
    cell: (row) =>
      row.error === null ? element("td", { class: "none" }, stateText(row)) : reason(row, 1),
  };
  const all = columns.columns.map((_, index) => index);
  const naming = all.filter((index) => index === columns.smiles || index === columns.id);
  const others = all.filter((index) => !naming.includes(index));
  return [
    ...naming.map(field),
    ...(endpoints.length > 0 ? endpoints.map(score) : [result]),
    ...others.map(field),
  ];
}

function reason(row: Row, colSpan: number): HTMLTableCellElement {
  const text = stateText(row);
  return element(
    "td",
    { title: text, colSpan, class: "reason" },
    element("span", { class: "fault" }, spoken("Error: "), text),
  );
}

function sample(rows: readonly Row[]): Row[] {
  const step = Math.max(1, Math.floor(rows.length / SAMPLE));
  return rows.filter((_, index) => index % step === 0);
}

/** Stands for the rows that are out of sight. */
function spacer(): HTMLTableRowElement {
  return element("tr", { class: "spacer", attributes: { "aria-hidden": "true" } }, element("td"));
}

function resize(row: HTMLTableRowElement, height: number, columns: number): void {
  const cell = row.cells[0] as HTMLTableCellElement;
  cell.colSpan = columns;
  cell.style.height = `${height}px`;
  row.hidden = height === 0;
}

const rowHeight = (): number =>
  ROW_REM * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
