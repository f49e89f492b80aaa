/** What the page says of its model. */

import { element } from "./dom.js";
import * as format from "./format.js";
import { type Inline, parse } from "./markdown.js";
import type { EngineInfo } from "./protocol.js";

/** Facts known from the build, and more once the model is loaded. */
export function modelFacts(
  name: string,
  bytes: number,
  model: EngineInfo["model"] | null,
): HTMLElement[] {
  const facts: [string, string][] = [
    ["Name", model?.name ?? name],
    ["Size", format.bytes(bytes)],
    ["Parameters", model === null ? "…" : format.parameters(model.parameters)],
    ["Licence", model === null ? "…" : model.license],
    [
      "Shape",
      model === null
        ? "…"
        : `${model.preset}: ${format.plural(model.layers, "layer")}, ${model.hidden} wide, up to ${model.maxLength} tokens`,
    ],
  ];
  return facts.map(([term, value]) =>
    element("div", {}, element("dt", {}, term), element("dd", {}, value)),
  );
}

export function endpointList(model: EngineInfo["model"]): HTMLElement {
  const items = model.endpoints.flatMap(({ title, unit, description }) => [
    element(
      "dt",
      {},
      title,
      ...(unit === "" ? [] : [" ", element("span", { class: "unit" }, unit)]),
    ),
    element("dd", {}, description),
  ]);
  return element("dl", { class: "endpoints" }, ...items);
}

/** The card's Markdown as elements. Its headings go below the dialog's own. */
export function modelCard(markdown: string): HTMLElement[] {
  return parse(markdown).map((block) => {
    switch (block.kind) {
      case "heading":
        return element(
          block.level === 1 ? "h3" : block.level === 2 ? "h4" : "h5",
          {},
          ...inline(block.text),
        );
      case "paragraph":
        return element("p", {}, ...inline(block.text));
      case "code":
        return element("pre", { tabIndex: 0 }, element("code", {}, block.text));
      case "list":
        return element(
          block.ordered ? "ol" : "ul",
          {},
          ...block.items.map((item) => element("li", {}, ...inline(item))),
        );
      case "table": {
        const head = element(
          "tr",
          {},
          ...block.head.map((cell) => element("th", { scope: "col" }, ...inline(cell))),
        );
        const rows = block.rows.map((row) =>
          element("tr", {}, ...row.map((cell) => element("td", {}, ...inline(cell)))),
        );
        return element(
          "div",
          { class: "wide", tabIndex: 0 },
          element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)),
        );
      }
    }
  });
}

function inline(parts: Inline[]): (Node | string)[] {
  return parts.map((part) => {
    switch (part.kind) {
      case "text":
        return part.text;
      case "strong":
        return element("strong", {}, part.text);
      case "emphasis":
        return element("em", {}, part.text);
      case "code":
        return element("code", {}, part.text);
      case "link":
        return element(
          "a",
          { href: part.href, target: "_blank", rel: "noreferrer noopener" },
          part.text,
        );
    }
  });
}
