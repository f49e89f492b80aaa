/** The rows on paper: as many tables one below the other as their columns need. */

import * as format from "../../package/src/format.js";
import type { Row } from "../../package/src/protocol.js";
import { element } from "../dom.js";
import { groupLine } from "./groups.js";
import type { Column } from "./table.js";

/**
 * Characters in the width of a table. A browser makes what is wider than its paper smaller, to two
 * thirds at most: beyond, an upright sheet loses columns.
 */
const WIDTH = 130;
/** What a column takes besides its text, and what the number of the row takes. */
const EDGES = 2;
const NUMBER = 6;

/** Tables of these rows that have each column once, and what a row is called in each of them. */
export function printedTables(
  columns: readonly Column[],
  rows: readonly { row: Row; index: number }[],
): HTMLElement[] {
  const parts = partsOf(columns);
  const fault = columns.find(({ holdsReason }) => holdsReason);
  return parts.map((part, place) => {
    const widths = [NUMBER, ...part.map(({ width }) => width + EDGES)];
    const caption = element("caption", {}, `Part ${place + 1} of ${parts.length}`);
    const group = element("colgroup");
    for (const width of widths) {
      const column = element("col");
      column.style.width = `${width}ch`;
      group.append(column);
    }
    const heads = part.map(({ kind, title, unit }) =>
      element(
        "th",
        { scope: "col", class: kind },
        title,
        ...(unit === "" ? [] : [element("span", { class: "unit" }, unit)]),
      ),
    );
    const number = element("th", { scope: "col", class: "row" }, "#");
    const groups = groupLine(part);
    const head = element("thead");
    if (groups !== null) head.append(groups);
    head.append(element("tr", {}, number, ...heads));
    const body = element("tbody");
    for (const { row, index } of rows) body.append(line(part, fault, row, index));
    const table = element("table");
    table.style.width = `${widths.reduce((sum, width) => sum + width)}ch`;
    // What is drawn needs its height in the part that has it alone.
    table.classList.toggle(
      "with-structures",
      part.some((column) => column.part === "structure"),
    );
    table.append(...(parts.length > 1 ? [caption] : []), group, head, body);
    return table;
  });
}

function line(
  part: readonly Column[],
  fault: Column | undefined,
  row: Row,
  index: number,
): HTMLTableRowElement {
  const head = element("th", { scope: "row", class: "row" }, format.count(index + 1));
  const made = element("tr", { class: row.state }, head);
  /** Columns that the cell before reaches over. */
  let over: HTMLTableCellElement | null = null;
  for (const column of part) {
    const cell = column.cell(row, index);
    if (cell === null && over !== null) {
      over.colSpan += 1;
      continue;
    }
    // Where a part begins among them, it says the reason again.
    const shown = cell ?? fault?.cell(row, index) ?? element("td");
    over = shown.colSpan > 1 || cell === null ? shown : null;
    shown.colSpan = 1;
    made.append(shown);
  }
  return made;
}

/** The columns in order, and before those of a later part the one that names its rows. */
function partsOf(columns: readonly Column[]): Column[][] {
  const naming = columns.filter(({ part }) => part === "naming");
  const sum = (columns: readonly Column[]): number =>
    columns.reduce((total, { width }) => total + width + EDGES, NUMBER);
  const parts: Column[][] = [[]];
  for (const column of columns) {
    const last = parts.at(-1) ?? [];
    if (last.length > 0 && sum([...last, column]) > WIDTH) parts.push([...naming, column]);
    else last.push(column);
  }
  return parts;
}
