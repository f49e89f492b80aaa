/** What a model says of two molecules, beside each other. */

import { band } from "../../package/src/cells.js";
import * as format from "../../package/src/format.js";
import type { Endpoint } from "../../package/src/protocol.js";
import type { Estimate } from "../../package/src/scores.js";
import { element, spoken } from "../dom.js";
import { groupOf } from "../shown-columns.js";

/** A line an endpoint, with no difference where both are one estimate; `heads` are over the first molecule, the second and the difference. */
export function comparison(
  endpoints: readonly Endpoint[],
  heads: readonly [string, string, string],
  first: readonly (Estimate | null)[],
  second: readonly (Estimate | null)[],
): HTMLTableElement {
  let before = "";
  const rows = endpoints.flatMap((endpoint, place) => {
    const { title, unit } = endpoint;
    const [one, other] = [first[place] ?? null, second[place] ?? null];
    const line = element(
      "tr",
      { attributes: { role: "row" } },
      element(
        "th",
        { scope: "row", attributes: { role: "rowheader" } },
        title,
        " ",
        element("span", { class: "unit" }, unit),
      ),
      cell(one),
      cell(other),
      difference(one, other),
    );
    const group = groupOf(endpoint);
    const isNew = group !== before && group !== "";
    before = group;
    if (!isNew) return [line];
    const head = element(
      "th",
      { scope: "rowgroup", colSpan: 4, class: "group", attributes: { role: "rowheader" } },
      group,
    );
    return [element("tr", { attributes: { role: "row" } }, head), line];
  });
  const top = ["Endpoint", ...heads].map((text, place) =>
    element(
      "th",
      {
        scope: "col",
        class: place === 0 ? "" : "number",
        attributes: { role: "columnheader" },
      },
      text,
    ),
  );
  // The roles are those of the elements, which a phone's layout would take from them.
  const group = { role: "rowgroup" };
  return element(
    "table",
    { class: "comparison", attributes: { role: "table" } },
    element("thead", { attributes: group }, element("tr", { attributes: { role: "row" } }, ...top)),
    element("tbody", { attributes: group }, ...rows),
  );
}

const cellOf = (kind: string, ...content: (Node | string)[]): HTMLTableCellElement =>
  element("td", { class: kind, attributes: { role: "cell" } }, ...content);

function cell(estimate: Estimate | null): HTMLTableCellElement {
  if (estimate === null) return cellOf("number none", "–");
  const { value, interval, domain } = estimate;
  const made = cellOf(
    "number",
    band(domain),
    element("data", { value: String(value) }, format.estimate(value, interval)),
  );
  if (domain !== null) made.dataset.domain = domain;
  if (interval !== null)
    made.append(
      element("span", { class: "interval" }, spoken(", interval "), format.bounds(interval)),
    );
  return made;
}

/** What changed, and whether by more than what either number may be off. */
function difference(before: Estimate | null, after: Estimate | null): HTMLTableCellElement {
  // Nothing is compared with itself.
  if (before === null || after === null || before === after) return cellOf("number none", "–");
  const change = after.value - before.value;
  const halves = [before, after].flatMap(({ interval }) =>
    interval === null ? [] : [(interval.high - interval.low) / 2],
  );
  const beyond = halves.every((half) => Math.abs(change) > half);
  const arrow = format.signed(change) === "0.00" ? "" : change > 0 ? "▲ " : "▼ ";
  const made = cellOf(
    "number",
    element("span", { attributes: { "aria-hidden": "true" } }, arrow),
    element("data", { value: String(change) }, format.signed(change)),
  );
  if (halves.length > 0)
    made.append(
      element(
        "span",
        { class: "interval" },
        beyond ? "beyond the interval" : "within the interval",
      ),
    );
  return made;
}
