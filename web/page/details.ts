/** One row in full: its fields uncut, the fault in its place, each number with what it means. */

import { element } from "./dom.js";
import { marked, stateText } from "./table.js";
import type { Columns, Endpoint, Row } from "./protocol.js";

export function details({ columns, smiles }: Columns, endpoints: Endpoint[], row: Row): HTMLElement[] {
  const parts: HTMLElement[] = [];
  const text = smiles === null ? "" : (row.fields[smiles] ?? "");
  if (smiles !== null) {
    const position = row.error?.position ?? null;
    parts.push(element("p", { class: "structure" }, position === null ? element("code", { class: "smiles" }, text) : marked(text.trim(), position)));
  }
  if (row.error !== null) {
    parts.push(element("p", { class: "message" }, stateText(row)));
  }
  if (row.state === "pending") parts.push(element("p", { class: "hint" }, "Not scored yet."));
  const scores = row.scores;
  if (scores !== null) {
    const lines = endpoints.flatMap(({ name, title, description }) => {
      const score = scores[name];
      if (score === undefined) return [];
      const value = element("data", { value: String(score.value) }, score.value.toPrecision(4).replace("-", "\u2212"));
      return [
        element("tr", {}, element("th", { scope: "row" }, title), element("td", { class: "number" }, value), element("td", {}, score.unit), element("td", {}, description)),
      ];
    });
    const head = element("tr", {}, ...["Endpoint", "Value", "Unit", "Meaning"].map((text) => element("th", { scope: "col" }, text)));
    parts.push(element("div", { class: "wide" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines))));
  }
  const others = columns.flatMap((name, index) => (index === smiles ? [] : [element("div", {}, element("dt", {}, name), element("dd", {}, row.fields[index] ?? ""))]));
  if (others.length > 0) parts.push(element("h3", {}, "From your table"), element("dl", { class: "facts" }, ...others));
  return parts;
}
