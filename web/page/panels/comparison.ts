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
    const meaning = format.unitMeaning(unit);
    const [one, other] = [first[place] ?? null, second[place] ?? null];
    const line = element(
      "tr",
      {},
      element(
        "th",
        { scope: "row" },
        title,
        " ",
        element("span", { class: "unit", title: meaning }, format.unitOf(endpoint)),
      ),
      cell(one, endpoint),
      cell(other, endpoint),
      difference(one, other, endpoint),
    );
    const group = groupOf(endpoint);
    const isNew = group !== before && group !== "";
    before = group;
    if (!isNew) return [line];
    const head = element("th", { scope: "rowgroup", colSpan: 4, class: "group" }, group);
    return [element("tr", {}, head), line];
  });
  const top = ["Endpoint", ...heads].map((text, place) =>
    element("th", { scope: "col", class: place === 0 ? "" : "number" }, text),
  );
  const table = element(
    "table",
    { class: "comparison" },
    element("thead", {}, element("tr", {}, ...top)),
    element("tbody", {}, ...rows),
  );
  // The roles are those of the elements, which the layout on a phone would take from them.
  for (const [selector, role] of ROLES)
    for (const part of [table, ...table.querySelectorAll(selector)])
      if (part.matches(selector)) part.setAttribute("role", role);
  return table;
}

const ROLES = [
  ["table", "table"],
  ["thead, tbody", "rowgroup"],
  ["tr", "row"],
  ["th[scope=col]", "columnheader"],
  ["th[scope=row], th[scope=rowgroup]", "rowheader"],
  ["td", "cell"],
] as const;

function cell(estimate: Estimate | null, endpoint: Endpoint): HTMLTableCellElement {
  if (estimate === null) return element("td", { class: "number none" }, "–");
  const { value, interval, domain } = estimate;
  const made = element(
    "td",
    { class: "number" },
    band(domain),
    element("data", { value: String(value) }, format.estimate(value, endpoint)),
  );
  if (domain !== null) made.dataset.domain = domain;
  if (interval !== null)
    made.append(
      element(
        "span",
        { class: "interval" },
        spoken(", interval "),
        format.bounds(interval, endpoint),
      ),
    );
  return made;
}

/** What changed, and whether by more than what either number may be off. */
function difference(
  before: Estimate | null,
  after: Estimate | null,
  endpoint: Endpoint,
): HTMLTableCellElement {
  // Nothing is compared with itself.
  if (before === null || after === null || before === after)
    return element("td", { class: "number none" }, "–");
  const { change, text } = format.difference(before.value, after.value, endpoint);
  const arrow = change === 0 ? "" : change > 0 ? "▲ " : "▼ ";
  const made = element(
    "td",
    { class: "number" },
    element("span", { attributes: { "aria-hidden": "true" } }, arrow),
    element("data", { value: String(after.value - before.value) }, text),
  );
  const words = heldWords(before, after);
  if (words !== "") made.append(element("span", { class: "interval" }, words));
  return made;
}

/** Whether each value lies in the other's interval; empty where neither has one. */
export function heldWords(before: Estimate, after: Estimate): string {
  const held = [
    [before, after],
    [after, before],
  ].flatMap(([one, other]) =>
    one?.interval == null || other === undefined
      ? []
      : [one.interval.low <= other.value && other.value <= one.interval.high],
  );
  if (held.length === 0) return "";
  if (held.length === 1) return held[0] ? "within the one interval" : "beyond the one interval";
  const within = held.filter(Boolean).length;
  return ["beyond both intervals", "within one interval", "within both intervals"][within] ?? "";
}
