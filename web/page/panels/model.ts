/** What the page says of its model. */

import * as format from "../../package/src/format.js";
import type { Endpoint, ModelInfo } from "../../package/src/protocol.js";
import type { App } from "../app.js";
import { element, find } from "../dom.js";

/** Tokens that a drug-like molecule takes for each of its heavy atoms, roughly. */
const TOKENS_PER_ATOM = 2.1;

/** `built`: what is known before the model is loaded. */
export function modelPanel(app: App, built: { name: string; bytes: number }): void {
  const facts = find("model-facts", HTMLElement);
  const endpoints = find("endpoints", HTMLElement);
  const draw = (): void => {
    const { model } = app;
    facts.replaceChildren(...modelFacts(built, model));
    if (model !== null) endpoints.replaceChildren(endpointList(model.endpoints));
  };
  app.changed.model.on(draw);
  draw();
}

function modelFacts(
  built: { name: string; bytes: number },
  model: ModelInfo | null,
): HTMLElement[] {
  const facts: [string, string][] = [
    ["Name", model?.name ?? built.name],
    ["Size", format.bytes(built.bytes)],
    ["Parameters", model === null ? "…" : format.parameters(model.parameters)],
    ["Licence", model === null ? "…" : model.license],
    ["Largest molecule", model === null ? "…" : limit(model.maxLength)],
  ];
  return facts.map(([term, value]) =>
    element("div", {}, element("dt", {}, term), element("dd", {}, value)),
  );
}

function limit(tokens: number): string {
  const atoms = Math.round(tokens / TOKENS_PER_ATOM / 10) * 10;
  return `${tokens} tokens (about ${atoms} heavy atoms)`;
}

function endpointList(endpoints: Endpoint[]): HTMLElement {
  const items = endpoints.flatMap(({ title, unit, description }) => [
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
