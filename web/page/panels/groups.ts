/** The names of the groups over their columns. */

import { element } from "../dom.js";

/** A line of a header; null where no column is of a group. */
export function groupLine(columns: readonly { group: string }[]): HTMLTableRowElement | null {
  if (columns.every(({ group }) => group === "")) return null;
  const cells = [element("td", { class: "row" })];
  let before: string | null = null;
  for (const { group } of columns) {
    const last = cells.at(-1);
    if (group === before && last !== undefined) last.colSpan += 1;
    else if (group === "") cells.push(element("td"));
    else
      cells.push(element("th", { scope: "colgroup", class: "group" }, element("span", {}, group)));
    before = group;
  }
  return element("tr", { class: "groups" }, ...cells);
}
