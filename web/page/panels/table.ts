/** The results: a native table that holds only the rows in sight, however many there are. */

import { band, marked } from "../../package/src/cells.js";
import type { Drawings } from "../../package/src/drawing/drawings.js";
import * as format from "../../package/src/format.js";
import { percentile } from "../../package/src/percentile.js";
import type { Endpoint, Header, Ranking, Row } from "../../package/src/protocol.js";
import type { Estimate } from "../../package/src/scores.js";
import type { Session } from "../../package/src/session.js";
import { Signal } from "../../package/src/signal.js";
import { BANDS, errorText } from "../../package/src/words.js";
import { TRUST, titles } from "../column-words.js";
import { element, spoken } from "../dom.js";
import { nameColumn, nameOf as nameOfRow } from "../naming.js";
import type { Selection } from "../selection.js";
import { groupOf } from "../shown-columns.js";
import { type Standing, standing, standingWords } from "../trust.js";
import {
  arrange,
  type ColumnKey,
  type Content,
  DOMAINS,
  dependsOnResults,
  EVERYTHING,
  FieldKeys,
  type SortKey,
  sameKey,
  type View,
} from "../view.js";
import { groupLine } from "./groups.js";
import { printedTables } from "./printed.js";

/** How the rows stand to the reference actives. */
export interface Ranked extends Ranking {
  actives: Session;
}

export interface TableData extends Content {
  ranked: Ranked | null;
  columns: Header;
  endpoints: Endpoint[];
  /** Places of the endpoints and of the file's columns that are shown. */
  shown: { endpoints: number[]; fields: number[] };
  /** Whether each row has its structure drawn, and room for it. */
  drawn: boolean;
  /** The model knows its domain, so that rows say how many of their values are within it. */
  calibrated: boolean;
  /** What cells are shaded by: the molecules that values are compared with; null for nothing. */
  reference: string | null;
}

/** What the table is given to work with. */
export interface Means {
  drawings: Drawings;
  selection: Selection;
  /** A row is to be shown in full. */
  onOpen(row: number): void;
  /** A row is to be changed in the sketcher. */
  onEdit(row: number): void;
  /** Rows like this one are looked for. */
  onSimilar(row: number): void;
  /** What is chosen is to be copied. */
  onCopy(): void;
  /** A column's menu is to open; the focus goes to `back` when it closes. */
  onMenu(key: ColumnKey, opener: HTMLElement, back: () => HTMLElement | null): void;
}

export interface Column {
  key: ColumnKey;
  title: string;
  unit: string;
  description: string;
  group: string;
  kind: "text" | "smiles" | "number";
  /** What it is on a card, where a row is one. */
  part: "structure" | "naming" | "score" | "rest";
  /** Width in characters. */
  width: number;
  /** Its cell of a row with an error has the reason, over the columns behind it. */
  holdsReason?: boolean;
  /** Null where the cell before it reaches this far. */
  cell(row: Row, index: number): HTMLTableCellElement | null;
}

/** As `--row` in styles/results.css, of a row in one line and of one with a drawing. */
const ROW_REM = { plain: 2.25, drawn: 6 };
/** Of a card: its name, each of its values, and the button for more of them. */
const CARD_REM = { naming: 2.25, value: 2.3125, more: 2.25 };
/** Rows kept above and below those in sight. */
const MARGIN = { plain: 12, drawn: 4 };
/** Elements higher than this are cut off by some browser; beyond, scrolling takes larger steps. */
const HIGHEST = 8_000_000;
const SMILES_WIDTH = { least: 14, most: 32 };
/** Room for a drawing. */
const DRAWING_WIDTH = 20;
const TEXT_WIDTH = { least: 5, most: 18 };
/** On a phone, and on a screen at 200 %. */
const NARROW = { pixels: 600, smiles: 16, text: 10 };
/**
 * The part of the table's width that columns of the user's take before those of the model, which
 * they would push out of sight; and about how many pixels a character and a column's edges are.
 */
const OWN_FIRST = { part: 0.25, character: 8, edges: 24 };
/** Endpoints on a card, unless all are wanted; one more takes no more room than a button for it. */
const ON_CARD = 4;
/** Values that a drawing on a card is at least, and at most, as high as. */
const BESIDE_CARD = { least: 3, most: 4 };
/** Room for the reason why a row has no values, which takes the place of all of them. */
const REASON_WIDTH = 34;
/** Lines that an endpoint's title has room for. */
const TITLE_LINES = 3;
/** Rows looked at to choose the columns' widths. */
const SAMPLE = 500;
/** For how many times as long as it takes rows are not put in order again while results come. */
const REST = 8;
/** Pixels for a unit of a drawing. */
const DRAWING_SIZE = 0.8;
const ACTIVE_SIZE = 0.6;
/** A printer waits that long for drawings. */
const PRINT_WAIT_MS = 10_000;
/** About how many pixels wide a sheet is. */
const PRINT_ROOM = 900;
/** How the drawings of reference actives are told from those of rows. */
export const ACTIVE = "active ";

export class ResultTable {
  /** Other rows are shown, or in another order. */
  readonly arranged = new Signal();
  readonly #viewport: HTMLElement;
  readonly #table = element("table", { attributes: { role: "table" } });
  readonly #head = element("thead", { attributes: { role: "rowgroup" } });
  readonly #body = element("tbody", { attributes: { role: "rowgroup" } });
  readonly #above = spacer();
  readonly #below = spacer();
  readonly #means: Means;
  readonly #all = element("input", {
    type: "checkbox",
    attributes: { "aria-label": "Select all rows shown" },
  });

  #data: TableData | null = null;
  #keys = new FieldKeys([]);
  #columns: Column[] = [];
  #view: View = EVERYTHING;
  /** Row indexes in the order shown. */
  #order: number[] = [];
  /** The place in that order which the Tab key reaches and the arrow keys move. */
  #active = 0;
  /** Where a range of selected rows begins. */
  #anchor = 0;
  /** Which column a button of the header belongs to. */
  #keyOfHead = new WeakMap<Element, ColumnKey>();
  #live = new Map<number, { element: HTMLTableRowElement; row: Row }>();
  #frame = 0;
  /** When rows were last put in order, and how long that took. */
  #arranged = { at: 0, took: 0 };
  /** They are to be put in order again. */
  #later: number | undefined;
  /** What is on paper in place of the rows in sight. */
  readonly #printed = element("div", { class: "viewport printed" });
  /** Rows are cards, for there is no room for columns. */
  #narrow = false;
  /** Cards have all endpoints that are shown. */
  #wholeCards = false;
  /** Above the cards, in place of the header. */
  readonly #bar = element("div", { class: "card-bar", hidden: true });
  readonly #sortChoice = element("select");
  readonly #way = element("button", { type: "button" });
  #caption = "";

  constructor(viewport: HTMLElement, means: Means) {
    this.#viewport = viewport;
    this.#means = means;
    this.#body.append(this.#above, this.#below);
    this.#table.append(this.#head, this.#body);
    this.#bar.append(
      element("label", { class: "check" }, "All"),
      element("label", { class: "sorting" }, "Sort by ", this.#sortChoice),
      this.#way,
    );
    viewport.append(this.#bar, this.#table);
    viewport.after(this.#printed);
    this.#sortChoice.addEventListener("change", () => {
      const { key } = this.#columns[Number(this.#sortChoice.value)] ?? { key: { by: "row" } };
      if (key.by !== "structure") this.look({ sort: { ...this.#view.sort, key } });
    });
    this.#way.addEventListener("click", () => {
      const { key, descending } = this.#view.sort;
      this.look({ sort: { key, descending: !descending } });
    });
    viewport.addEventListener("scroll", () => this.#draw(), { passive: true });
    viewport.addEventListener("keydown", (event) => this.#onKey(event));
    this.#body.addEventListener("click", (event) => this.#onClick(event));
    this.#all.addEventListener("change", () => means.selection.put(this.#order, this.#all.checked));
    means.selection.changed.on(() => this.#markSelected());
    new ResizeObserver(() => {
      if (this.#data !== null && this.#isNarrow() !== this.#narrow)
        this.show(this.#data, this.#caption, this.#view);
      else this.#draw();
    }).observe(viewport);
  }

  /** Shows another table, or the same with other columns; `view` is how it is looked at. */
  show(data: TableData, caption: string, view: View = EVERYTHING): void {
    if (data.rows !== this.#data?.rows) {
      this.#keys = new FieldKeys(data.rows);
      this.#active = 0;
      this.#viewport.scrollTo(0, 0);
    }
    this.#data = data;
    this.#view = view;
    this.#caption = caption;
    this.#narrow = this.#isNarrow();
    this.#viewport.classList.toggle("with-drawings", data.drawn);
    this.#viewport.classList.toggle("cards", this.#narrow);
    const room = this.#narrow ? null : this.#viewport.clientWidth;
    this.#columns = columns(data, this.#keys, room, this.#onCard, this.#means.drawings);
    this.#measureCards();
    this.#table.setAttribute("aria-colcount", String(this.#columns.length + 1));
    this.#drawHead(caption);
    this.#clear();
    this.#arrange();
  }

  /** Rows have new results. */
  refresh(): void {
    this.#draw();
    if (!dependsOnResults(this.#view) || this.#later !== undefined) return;
    // Of many rows this takes a second, and results come each second.
    const wait = this.#arranged.at + REST * this.#arranged.took - performance.now();
    this.#later = window.setTimeout(
      () => {
        this.#later = undefined;
        this.#arrange();
      },
      Math.max(0, wait),
    );
  }

  get view(): View {
    return this.#view;
  }

  /** What is shown; null before the first table. */
  get content(): TableData | null {
    return this.#data;
  }

  get keys(): FieldKeys {
    return this.#keys;
  }

  /** Row indexes in the order shown. */
  get order(): readonly number[] {
    return this.#order;
  }

  look(change: Partial<View>): void {
    this.#view = { ...this.#view, ...change };
    this.#active = 0;
    this.#viewport.scrollTo({ top: 0 });
    this.#markHeads();
    this.#arrange();
  }

  /** Lays the rows shown out for a printer, up to so many of them; the screen does not change. */
  layOut(limit: number): void {
    const data = this.#data;
    if (data === null) return;
    const all = columns(data, this.#keys, PRINT_ROOM, 0, this.#means.drawings);
    const rows = this.#order.slice(0, limit).flatMap((index) => {
      const row = data.rows[index];
      return row === undefined ? [] : [{ row, index }];
    });
    const left = this.#order.length - rows.length;
    const note = `The first ${format.count(rows.length)} of ${format.plural(this.#order.length, "row")} are printed, in the order of the table: filter it, or export it, for the others.`;
    this.#printed.replaceChildren(
      ...(left === 0 ? [] : [element("p", { class: "message plain" }, note)]),
      ...printedTables(all, rows),
    );
  }

  /** Resolves once what is laid out has its drawings, or after some seconds. */
  async drawn(): Promise<void> {
    await this.#means.drawings.settled(PRINT_WAIT_MS);
  }

  /** What was laid out is printed. */
  takeBack(): void {
    this.#printed.replaceChildren();
    this.#draw();
  }

  /** Moves the focus to a row, or to the one that has it, as after closing its details. */
  focusRow(row?: number): void {
    const place = row === undefined ? -1 : this.#order.indexOf(row);
    if (place !== -1) this.#active = place;
    const index = this.#order[this.#active];
    this.#reveal(this.#active);
    this.#paint();
    if (index !== undefined)
      this.#live.get(index)?.element.querySelector("button")?.focus({ preventScroll: true });
  }

  #arrange(): void {
    if (this.#data === null) return;
    window.clearTimeout(this.#later);
    this.#later = undefined;
    const began = performance.now();
    this.#order = arrange(this.#data, this.#view, this.#keys);
    this.#arranged = { at: performance.now(), took: performance.now() - began };
    this.#active = Math.min(this.#active, Math.max(0, this.#order.length - 1));
    this.#table.setAttribute("aria-rowcount", String(this.#order.length + 1));
    this.#markSelected();
    this.#draw();
    this.arranged.emit();
  }

  #sortBy(key: SortKey): void {
    const { sort } = this.#view;
    // Ascending, descending, then the file's own order again.
    const next = !sameKey(sort.key, key)
      ? { key, descending: false }
      : sort.descending
        ? { key: { by: "row" } as const, descending: false }
        : { key, descending: true };
    this.look({ sort: next });
  }

  /** How many endpoints a card has. */
  get #onCard(): number {
    const all = this.#data?.shown.endpoints.length ?? 0;
    return this.#wholeCards || all <= ON_CARD + 1 ? all : ON_CARD;
  }

  /** The column that tells what a row is about: its drawing, or else its name, or else its SMILES. */
  get #pinned(): number {
    const place = (wanted: Column["part"]): number =>
      this.#columns.findIndex(({ part }) => part === wanted);
    const [structure, naming] = [place("structure"), place("naming")];
    return structure !== -1 && (this.#data?.drawn === true || naming === -1) ? structure : naming;
  }

  /** What the button on a card says; null where nothing is left out. */
  get #more(): string | null {
    const all = this.#data?.shown.endpoints.length ?? 0;
    if (!this.#narrow || all <= ON_CARD + 1) return null;
    return this.#wholeCards ? "Fewer" : `${all - ON_CARD} more…`;
  }

  /** Values on a card, or as many as its drawing needs. */
  get #cardLines(): number {
    const values = this.#columns.filter(({ part }) => part === "score").length;
    return Math.max(BESIDE_CARD.least, values);
  }

  #cardRem(): number {
    const more = this.#more === null ? 0 : CARD_REM.more;
    return CARD_REM.naming + this.#cardLines * CARD_REM.value + more;
  }

  #measureCards(): void {
    const { style } = this.#viewport;
    const lines = this.#cardLines;
    const measures = {
      "--row": `${this.#cardRem()}rem`,
      "--lines": `${lines}`,
      "--beside": `${Math.min(lines, BESIDE_CARD.most)}`,
    };
    for (const [name, value] of Object.entries(measures)) {
      if (this.#narrow) style.setProperty(name, value);
      else style.removeProperty(name);
    }
  }

  /** Shows all endpoints on the cards, or a few; the card stays where it is. */
  #turnCards(row: number): void {
    if (this.#data === null) return;
    const place = this.#order.indexOf(row);
    const { height, top } = this.#geometry();
    const below = Math.max(0, place * height - top);
    this.#wholeCards = !this.#wholeCards;
    this.#active = place;
    this.show(this.#data, this.#caption, this.#view);
    this.#paint();
    const after = this.#geometry();
    this.#viewport.scrollTop = Math.max(0, place * after.height - below) / after.ratio;
    this.#paint();
    this.#live.get(row)?.element.querySelector<HTMLElement>(".more")?.focus();
  }

  /** What cells are read with, and what stands above cards. */
  #drawCardHead(): void {
    const cells = this.#columns.map(({ title, unit }, index) =>
      element(
        "th",
        { scope: "col", attributes: { "aria-colindex": `${index + 2}`, role: "columnheader" } },
        unit === "" ? title : `${title}, ${unit}`,
      ),
    );
    const first = element(
      "th",
      { scope: "col", class: "row", attributes: { "aria-colindex": "1", role: "columnheader" } },
      "Row",
    );
    const line = element("tr", { attributes: { "aria-rowindex": "1", role: "row" } });
    line.append(first, ...cells);
    this.#head.replaceChildren(line);
    this.#bar.querySelector("label")?.prepend(this.#all);
    this.#sortChoice.replaceChildren(
      element("option", { value: "" }, "file order"),
      ...this.#columns.flatMap(({ key, title }, place) =>
        key.by === "structure" ? [] : [element("option", { value: `${place}` }, title)],
      ),
    );
    this.#markHeads();
  }

  #drawHead(caption: string): void {
    this.#bar.hidden = !this.#narrow;
    this.#table.querySelectorAll("caption, colgroup").forEach((old) => old.remove());
    const number = Math.max(4, String(this.#data?.rows.length ?? 0).length + 2);
    const widths = [
      `calc(${number}ch + 2rem)`,
      ...this.#columns.map(({ width }) => `calc(${width}ch + 1.5rem)`),
    ];
    const group = element("colgroup");
    for (const width of widths) {
      const column = element("col");
      column.style.width = width;
      group.append(column);
    }
    const pinned = this.#pinned;
    const reason = this.#columns.findIndex(({ holdsReason }) => holdsReason);
    const sum = (parts: string[]): string => `calc(${parts.join(" + ")})`;
    const [first = ""] = widths;
    const { style } = this.#table;
    style.setProperty("--pinned-left", first);
    style.setProperty("--pinned-right", sum([first, widths[pinned + 1] ?? "0px"]));
    style.setProperty("--reason-left", sum(widths.slice(0, Math.max(0, reason) + 1)));
    this.#table.prepend(element("caption", { class: "spoken" }, caption), group);
    if (this.#narrow) {
      this.#drawCardHead();
      return;
    }
    const cells = this.#columns.map((column, index) => {
      const { key, title, unit, description, kind } = column;
      const made = element("th", {
        scope: "col",
        class: key.by === "domain" ? `${kind} trust` : kind,
        // What its buttons are called is not to be read with every cell.
        attributes: {
          "aria-colindex": String(index + 2),
          role: "columnheader",
          "aria-label": unit === "" ? title : `${title}, ${unit}`,
        },
      });
      const menu = element("button", {
        type: "button",
        class: "menu",
        title: "Sort, filter, hide",
        attributes: { "aria-haspopup": "dialog" },
      });
      menu.addEventListener("click", () =>
        this.#means.onMenu(key, menu, () => this.#menuButton(key, index)),
      );
      const name = element("span", { class: "name" }, title);
      let sorting: HTMLElement;
      if (key.by === "structure") sorting = element("span", { class: "plain" }, title);
      else {
        sorting = element("button", { type: "button", class: "sort", title: description }, name);
        if (unit !== "") {
          const meaning = format.unitMeaning(unit);
          sorting.append(
            element("span", { class: "unit", title: meaning === "" ? description : meaning }, unit),
          );
        }
        sorting.addEventListener("click", () => this.#sortBy(key));
      }
      this.#keyOfHead.set(menu, key);
      this.#keyOfHead.set(sorting, key);
      made.append(element("div", { class: "head" }, sorting, menu));
      if (index === pinned) made.classList.add("pinned");
      return made;
    });
    const rowHead = element(
      "th",
      { scope: "col", class: "row", attributes: { "aria-colindex": "1", role: "columnheader" } },
      this.#all,
      element("span", { title: "Row" }, "#"),
    );
    const lines = [
      element("tr", { attributes: { "aria-rowindex": "1", role: "row" } }, rowHead, ...cells),
    ];
    const groups = groupLine(this.#columns);
    if (groups !== null) lines.unshift(groups);
    // A header that has the focus keeps it.
    const focused = this.#focusedHead();
    this.#head.replaceChildren(...lines);
    this.#markHeads();
    focused?.();
  }

  /** The button of a column's menu; once it is hidden, that of the column in its place. */
  #menuButton(key: ColumnKey, place: number): HTMLElement | null {
    const buttons = [...this.#head.querySelectorAll<HTMLElement>("button.menu")];
    const now = this.#columns.findIndex((column) => sameKey(column.key, key));
    return buttons[now] ?? buttons[Math.min(place, buttons.length - 1)] ?? null;
  }

  /** What gives the focus back to the header that has it, once they are drawn anew. */
  #focusedHead(): (() => void) | null {
    const active = document.activeElement;
    if (!(active instanceof HTMLElement) || !this.#head.contains(active)) return null;
    const key = this.#keyOfHead.get(active);
    const sorts = active.classList.contains("sort");
    if (key === undefined) return () => this.#all.focus({ preventScroll: true });
    return () => {
      const menu = this.#menuButton(key, 0);
      const sort = menu?.parentElement?.querySelector<HTMLElement>(".sort");
      (sorts ? sort : menu)?.focus({ preventScroll: true });
    };
  }

  /** Says of each header how its column is sorted, and whether it is filtered. */
  #markHeads(): void {
    const { sort, filters, onlyErrors, sought } = this.#view;
    const sorted = this.#columns.findIndex(({ key }) => sameKey(key, sort.key));
    this.#sortChoice.value = sorted === -1 ? "" : `${sorted}`;
    this.#way.textContent = sort.descending ? "▼" : "▲";
    const way = sort.descending ? "Descending" : "Ascending";
    this.#way.setAttribute("aria-label", `${way}: turn the order round`);
    this.#head.querySelectorAll("tr:last-child th:not(.row)").forEach((cell, index) => {
      const column = this.#columns[index];
      if (column === undefined) return;
      const { key, title } = column;
      if (key.by !== "structure") {
        const sorted = sameKey(key, sort.key);
        const way = sort.descending ? "descending" : "ascending";
        cell.setAttribute("aria-sort", sorted ? way : "none");
      }
      const filtered =
        filters.some((filter) => sameKey(filter.key, key)) ||
        (key.by === "state" && onlyErrors) ||
        (column.part === "structure" && sought !== null);
      const menu = cell.querySelector(".menu");
      menu?.classList.toggle("filtered", filtered);
      menu?.setAttribute("aria-label", `Menu of ${title}${filtered ? ", filtered" : ""}`);
    });
  }

  #markSelected(): void {
    const { selection } = this.#means;
    for (const [index, { element }] of this.#live) this.#markRow(element, index);
    const chosen = this.#order.reduce((sum, row) => sum + (selection.has(row) ? 1 : 0), 0);
    this.#all.checked = chosen > 0 && chosen === this.#order.length;
    this.#all.indeterminate = chosen > 0 && chosen < this.#order.length;
  }

  #markRow(line: HTMLTableRowElement, index: number): void {
    const selected = this.#means.selection.has(index);
    line.classList.toggle("selected", selected);
    const box = line.querySelector("input");
    if (box !== null) box.checked = selected;
  }

  #draw(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#paint());
  }

  /** Where rows are: in pixels of the table, and how many of them a pixel of scrolling is. */
  #geometry(): { height: number; extent: number; ratio: number; top: number } {
    const height = this.#rowHeight();
    const total = this.#order.length * height;
    const extent = Math.min(total, HIGHEST);
    const { clientHeight, scrollTop } = this.#viewport;
    const ratio = extent < total ? (total - clientHeight) / (extent - clientHeight) : 1;
    return { height, extent, ratio, top: scrollTop * ratio };
  }

  #paint(): void {
    const { height, extent, top } = this.#geometry();
    const { scrollTop, clientHeight } = this.#viewport;
    const margin = this.#data?.drawn === true ? MARGIN.drawn : MARGIN.plain;
    const inSight = Math.ceil(clientHeight / height);
    const start = Math.floor(top / height);
    const first = Math.max(0, Math.min(start, this.#order.length) - margin);
    const last = Math.min(this.#order.length, start + inSight + margin);
    const wanted = this.#order.slice(first, last);

    const kept = new Set(wanted);
    for (const [index, { element }] of this.#live) {
      if (kept.has(index)) continue;
      // The focus stays in the table when its row is scrolled away, and the arrow keys bring it back.
      if (element.contains(document.activeElement)) this.#viewport.focus({ preventScroll: true });
      element.remove();
      this.#live.delete(index);
    }
    const keys = new Set(wanted.map(String));
    const printing = this.#printed.hasChildNodes();
    this.#means.drawings.keep((key) => printing || keys.has(key) || key.startsWith(ACTIVE));

    const above = Math.max(0, scrollTop - (top - first * height));
    const below = Math.max(0, extent - above - (last - first) * height);
    resize(this.#above, above, this.#columns.length + 1);
    resize(this.#below, below, this.#columns.length + 1);
    const reachable = Math.min(Math.max(this.#active, first), Math.max(first, last - 1));
    let previous: Element = this.#above;
    wanted.forEach((index, offset) => {
      const line = this.#row(index);
      const place = first + offset;
      line.setAttribute("aria-rowindex", String(place + 2));
      for (const button of line.querySelectorAll("button"))
        button.tabIndex = place === reachable ? 0 : -1;
      if (previous.nextElementSibling !== line) previous.after(line);
      previous = line;
    });
  }

  #row(index: number): HTMLTableRowElement {
    const row = this.#data?.rows[index] as Row;
    const live = this.#live.get(index);
    if (live !== undefined && live.row === row) return live.element;
    const pinned = this.#pinned;
    const cells = this.#columns.flatMap((column, place) => {
      const cell = column.cell(row, index);
      if (cell === null) return [];
      cell.setAttribute("aria-colindex", String(place + 2));
      // The roles are those of the elements, which a card's layout would take from them.
      cell.setAttribute("role", "cell");
      cell.classList.add(`on-card-${column.part}`);
      if (place === pinned) cell.classList.add("pinned");
      cell.dataset.label = column.title;
      // Over a column it stands in the header.
      const isValue = column.kind === "number" && column.key.by !== "domain";
      if (this.#narrow && isValue && !cell.classList.contains("reason"))
        cell.dataset.unit = column.unit;
      return [cell];
    });
    let line = live?.element;
    if (line === undefined) {
      const number = format.count(index + 1);
      const button = element(
        "button",
        { type: "button", attributes: { "aria-haspopup": "dialog" } },
        spoken("Details of row "),
        number,
      );
      const box = element("input", {
        type: "checkbox",
        tabIndex: -1,
        attributes: { "aria-label": `Select row ${number}` },
      });
      const head = element("th", {
        scope: "row",
        class: "row",
        attributes: { "aria-colindex": "1", role: "rowheader" },
      });
      head.append(box, button);
      line = element("tr", { attributes: { role: "row" } }, head);
      line.dataset.row = String(index);
    }
    const [head] = line.children;
    const more = row.error === null ? this.#more : null;
    if (more !== null) {
      const button = element("button", { type: "button", class: "link more" }, more);
      button.setAttribute("aria-expanded", String(this.#wholeCards));
      const cell = element("td", { class: "on-card-more", attributes: { role: "cell" } }, button);
      cells.push(cell);
    }
    line.replaceChildren(...(head === undefined ? [] : [head]), ...cells);
    line.className = row.state;
    this.#markRow(line, index);
    this.#live.set(index, { element: line, row });
    return line;
  }

  #clear(): void {
    for (const { element } of this.#live.values()) element.remove();
    this.#live.clear();
  }

  #onClick(event: MouseEvent): void {
    const target = event.target as Element;
    const line = target.closest("tr");
    const row = Number(line?.dataset.row ?? Number.NaN);
    if (Number.isNaN(row)) return;
    const place = this.#order.indexOf(row);
    if (target.closest("input") !== null) {
      const selected = !this.#means.selection.has(row);
      const [from, to] = event.shiftKey
        ? [Math.min(this.#anchor, place), Math.max(this.#anchor, place)]
        : [place, place];
      this.#anchor = place;
      this.#means.selection.put(this.#order.slice(from, to + 1), selected);
      return;
    }
    if (target.closest(".more") !== null) {
      this.#turnCards(row);
      return;
    }
    // Text may be marked to be copied.
    if (target.closest("button, a") === null && getSelection()?.isCollapsed === false) return;
    this.#active = place;
    this.#means.onOpen(row);
  }

  #onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const inHead = this.#head.contains(target);
    // Text that is marked is copied by the browser.
    if (
      event.key === "c" &&
      (event.ctrlKey || event.metaKey) &&
      getSelection()?.isCollapsed !== false
    ) {
      event.preventDefault();
      this.#means.onCopy();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (inHead) {
      this.#onHeadKey(event);
      return;
    }
    if (this.#bar.contains(target)) return;
    if (this.#order.length === 0) return;
    if (event.key === " ") {
      const row = this.#order[this.#active];
      if (row === undefined || target.matches("input, .more")) return;
      event.preventDefault();
      this.#anchor = this.#active;
      this.#means.selection.put([row], !this.#means.selection.has(row));
      return;
    }
    const active = this.#order[this.#active];
    if ((event.key === "e" || event.key === "s") && active !== undefined) {
      event.preventDefault();
      if (event.key === "e") this.#means.onEdit(active);
      else this.#means.onSimilar(active);
      return;
    }
    const page = Math.max(1, Math.floor(this.#viewport.clientHeight / this.#rowHeight()) - 2);
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
    if (event.key === "ArrowUp" && this.#active === 0) {
      this.#focusHead();
      return;
    }
    this.#active = Math.min(Math.max(this.#active + step, 0), this.#order.length - 1);
    this.focusRow();
  }

  /** From the first row: to the header that the rows are sorted by, or else the first. */
  #focusHead(): void {
    if (this.#narrow) {
      this.#sortChoice.focus();
      return;
    }
    const sorted = this.#head.querySelector<HTMLElement>(
      ":is([aria-sort=ascending], [aria-sort=descending]) .sort",
    );
    (sorted ?? this.#head.querySelector<HTMLElement>(".sort") ?? this.#all).focus();
  }

  /** With many columns the Tab key alone takes long. */
  #onHeadKey(event: KeyboardEvent): void {
    if (event.key === "ArrowDown" && this.#order.length > 0) {
      event.preventDefault();
      this.focusRow();
      return;
    }
    const buttons = [...this.#head.querySelectorAll<HTMLElement>("input, button")];
    const at = buttons.indexOf(event.target as HTMLElement);
    const steps: Record<string, number> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      Home: 0,
      End: buttons.length - 1,
    };
    const to = steps[event.key];
    if (at === -1 || to === undefined) return;
    event.preventDefault();
    buttons[Math.min(Math.max(to, 0), buttons.length - 1)]?.focus();
  }

  #reveal(place: number): void {
    const { height, ratio, top: shown } = this.#geometry();
    const top = place * height;
    const head = (this.#narrow ? this.#bar : this.#head).offsetHeight;
    const { clientHeight } = this.#viewport;
    if (top < shown) this.#viewport.scrollTop = top / ratio;
    else if (top + height > shown + clientHeight - head)
      this.#viewport.scrollTop = (top + height - clientHeight + head) / ratio;
  }

  #isNarrow(): boolean {
    return this.#viewport.clientWidth > 0 && this.#viewport.clientWidth < NARROW.pixels;
  }

  #rowHeight(): number {
    const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
    if (this.#narrow) return this.#cardRem() * rem;
    return (this.#data?.drawn === true ? ROW_REM.drawn : ROW_REM.plain) * rem;
  }
}

/** What a reference active is called. */
export function referenceName({ actives }: Ranked, row: number): string {
  const text = actives.rows[row]?.fields[actives.columns.smiles ?? -1] ?? "";
  return nameOfRow(actives, row) || text || `active ${row + 1}`;
}

/** What is said of a row beside its numbers. */
export function stateText(row: Row): string {
  if (row.error !== null) return errorText(row.error);
  return { scored: "Scored", pending: "Not scored", failed: "Failed" }[row.state];
}

/** The columns that say what a molecule is, then some of the file's others, then what the model says of it. */
function columns(
  {
    columns,
    endpoints,
    rows,
    scores,
    ranked,
    counted,
    shown,
    drawn,
    reference,
    calibrated,
  }: TableData,
  keys: FieldKeys,
  /** The table's width in pixels; null where rows are cards. */
  room: number | null,
  onCard: number,
  drawings: Drawings,
): Column[] {
  const narrow = room === null;
  const drawing = (index: number, text: string, shown: Node): HTMLElement => {
    const slot = element("div", { class: "drawing" }, shown);
    drawings.show({
      key: String(index),
      slot,
      name: text === "" ? `Structure of row ${index + 1}` : `Structure of ${text}`,
      size: DRAWING_SIZE,
    });
    return slot;
  };
  const named = nameColumn(columns, rows, keys);
  /** What a drawing is called: the molecule's name, or else its SMILES. */
  const nameOf = (row: Row): string =>
    (row.fields[named ?? -1] ?? "") || (row.fields[columns.smiles ?? -1] ?? "");
  // A text is wanted beside the structure, whatever it says.
  const id =
    named ??
    shown.fields.find((index) => index !== columns.smiles && !keys.isNumeric(index)) ??
    null;
  const field = (index: number): Column => {
    const isSmiles = index === columns.smiles;
    const title = titles(columns.columns)[index] ?? "";
    const { least, most } = isSmiles ? SMILES_WIDTH : TEXT_WIDTH;
    const numeric = !isSmiles && keys.isNumeric(index);
    const longest = sample(rows).reduce(
      (most, row) => Math.max(most, row.fields[index]?.length ?? 0),
      // In bold, with its menu beside it.
      Math.ceil(1.15 * title.length) + 4,
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
      group: "",
      kind: isSmiles ? "smiles" : numeric ? "number" : "text",
      part: isSmiles ? "structure" : index === id ? "naming" : "rest",
      width: isSmiles && drawn ? DRAWING_WIDTH : width,
      cell(row, at) {
        const text = row.fields[index] ?? "";
        if (!isSmiles) {
          return element("td", { title: text, class: numeric ? "number given" : "given" }, text);
        }
        const position = row.error?.position ?? null;
        const shown =
          position === null
            ? element("code", {}, text)
            : marked(text.trim(), position, drawn ? DRAWING_WIDTH - 4 : width);
        if (!drawn || row.state === "failed") return element("td", { title: text }, shown);
        return element("td", { title: text }, drawing(at, nameOf(row), shown));
      },
    };
  };
  const hasTrust = calibrated && counted.length > 0;
  const least = Math.ceil(REASON_WIDTH / Math.max(1, shown.endpoints.length));
  const score = (endpoint: number, place: number): Column => {
    const { title = "", description = "" } = endpoints[endpoint] ?? {};
    const of = endpoints[endpoint];
    const unitText = format.unitOf(of ?? {});
    return {
      key: { by: "score", endpoint },
      title,
      unit: unitText,
      description,
      group: of === undefined ? "" : groupOf(of),
      kind: "number",
      part: place < onCard ? "score" : "rest",
      holdsReason: place === 0 && !hasTrust,
      // The title breaks between its words, into few lines; the longest word, the unit and an
      // interval must fit.
      width: Math.max(
        least,
        Math.min(
          24,
          Math.max(
            11,
            Math.ceil(title.length / TITLE_LINES) + 3,
            ...title.split(" ").map((word) => Math.ceil(1.15 * word.length) + 2),
            unitText.length,
          ),
        ),
      ),
      cell(row, at) {
        if (row.error !== null)
          return place === 0 && !hasTrust ? reason(row, shown.endpoints.length) : null;
        const estimate = scores.estimate(at, endpoint);
        if (estimate === null || of === undefined)
          return element("td", { class: "number none" }, "–");
        const cell = estimateCell(estimate, of, drawn || narrow);
        // Where the endpoint is not defined for the molecule, the value stands nowhere.
        if (reference !== null && !scores.isUndefined(at, endpoint))
          shade(cell, percentile(of.quantiles, estimate.value), reference);
        return cell;
      },
    };
  };
  // Until the model is loaded, its endpoints are not known.
  const result: Column = {
    key: { by: "state" },
    title: "Result",
    unit: "",
    description: "Sort by result, errors first",
    group: "",
    kind: "text",
    part: "score",
    width: REASON_WIDTH,
    holdsReason: !hasTrust,
    cell: (row) =>
      row.error === null
        ? element("td", { class: "none" }, stateText(row))
        : hasTrust
          ? null
          : reason(row, 1),
  };
  // The structures of an SDF are no column of it.
  const structure: Column = {
    key: { by: "structure" },
    title: "Structure",
    unit: "",
    description: "",
    group: "",
    kind: "smiles",
    part: "structure",
    width: DRAWING_WIDTH,
    cell(row, at) {
      if (row.state === "failed") return element("td");
      const text = element("code", {}, row.standardization?.smiles ?? "");
      return element("td", {}, drawing(at, nameOf(row), text));
    },
  };
  const similarity: Column = {
    key: { by: "similarity" },
    title: "Similarity",
    unit: "nearest active",
    description: "Sort by similarity to the nearest reference active",
    group: "",
    kind: "number",
    part: "score",
    width: drawn ? 16 : 14,
    cell(_, at) {
      const value = ranked?.similarities[at] ?? Number.NaN;
      const nearest = ranked?.nearest[at] ?? -1;
      const active = ranked?.actives.rows[nearest];
      if (ranked === null || active === undefined)
        return element("td", { class: "number none" }, "–");
      const name = referenceName(ranked, nearest);
      const cell = element(
        "td",
        { class: "number with-active", title: `Nearest: ${name}` },
        element("data", { value: `${value}` }, value.toFixed(2)),
      );
      if (drawn && !narrow) {
        const slot = element("div", { class: "drawing" }, element("code", {}, name));
        const key = `${ACTIVE}${nearest}`;
        drawings.show({ key, slot, name: `Nearest active: ${name}`, size: ACTIVE_SIZE });
        cell.append(slot);
      } else cell.append(spoken(`, nearest: ${name}`));
      return cell;
    },
  };
  const trust: Column = {
    key: { by: "domain" },
    title: TRUST,
    unit: `of ${format.plural(counted.length, "value")}`,
    description: "Sort by how many of the values shown are in the model’s domain",
    group: "",
    kind: "number",
    part: "score",
    width: 13,
    holdsReason: true,
    cell: (row, at) =>
      row.error === null
        ? standingCell(standing(scores, at, counted))
        : reason(row, 1 + Math.max(1, shown.endpoints.length)),
  };
  const naming = shown.fields.filter((index) => index === columns.smiles || index === id);
  const others = shown.fields.filter((index) => !naming.includes(index)).map(field);
  const first = fitting(others, OWN_FIRST.part * (room ?? 0));
  return [
    ...(columns.smiles === null && drawn ? [structure] : []),
    ...naming.map(field),
    ...(ranked === null ? [] : [similarity]),
    ...others.slice(0, first),
    ...(hasTrust ? [trust] : []),
    ...(shown.endpoints.length > 0 ? shown.endpoints.map(score) : [result]),
    ...others.slice(first),
  ];
}

/** How many columns have room for them, from the first on. */
function fitting(columns: readonly Column[], room: number): number {
  let taken = 0;
  const place = columns.findIndex(({ width }) => {
    taken += width * OWN_FIRST.character + OWN_FIRST.edges;
    return taken > room;
  });
  return place === -1 ? columns.length : place;
}

/** A value and how far it can be trusted; the interval stands below it where there is room. */
function estimateCell(
  { value, interval, domain }: Estimate,
  endpoint: Endpoint,
  roomy: boolean,
): HTMLTableCellElement {
  const bounds = interval === null ? "" : format.bounds(interval, endpoint);
  const words = domain === null ? "" : BANDS[domain];
  const cell = element(
    "td",
    {
      class: "number",
      title: [bounds === "" ? "" : `90 % interval ${bounds}`, words].filter(Boolean).join("; "),
    },
    band(domain),
    element("data", { value: String(value) }, format.estimate(value, endpoint)),
  );
  if (bounds !== "") {
    cell.append(
      roomy
        ? element("span", { class: "interval" }, spoken(", interval "), bounds)
        : spoken(`, interval ${bounds}`),
    );
  }
  if (domain !== null) {
    cell.dataset.domain = domain;
    if (domain !== "in") cell.append(spoken(`, ${words}`));
  }
  return cell;
}

/** How many values of a row are in domain, in numbers and as a bar of its three parts. */
function standingCell(found: Standing | null): HTMLTableCellElement {
  if (found === null) return element("td", { class: "number none" }, "–");
  const bar = element("span", { class: "standing", attributes: { "aria-hidden": "true" } });
  for (const domain of DOMAINS) {
    if (found[domain] === 0) continue;
    const part = element("span");
    part.dataset.domain = domain;
    part.style.setProperty("flex-grow", String(found[domain]));
    bar.append(part);
  }
  const words = standingWords(found);
  return element(
    "td",
    { class: "number trust", title: words },
    element("span", { attributes: { "aria-hidden": "true" } }, `${found.in} of ${found.of}`),
    spoken(words),
    bar,
  );
}

/** Marks where a value stands among the reference molecules: by a tint, a bar and in words. */
function shade(cell: HTMLTableCellElement, percent: number | null, reference: string): void {
  if (percent === null) return;
  const words = `${format.ordinal(Math.round(percent))} percentile of ${reference}`;
  cell.classList.add("shaded");
  cell.style.setProperty("--percentile", `${percent.toFixed(1)}%`);
  cell.title = [cell.title, words].filter(Boolean).join("; ");
  cell.append(spoken(`, ${words}`));
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
