/** What the page says of its model. */

import * as format from "../../package/src/format.js";
import type { Endpoint, ModelInfo } from "../../package/src/protocol.js";
import type { App } from "../app.js";
import { element, find } from "../dom.js";
import { groups } from "../shown-columns.js";

/** Tokens that a drug-like molecule takes for each of its heavy atoms, roughly. */
const TOKENS_PER_ATOM = 2.1;

/** What is known before the model is loaded. */
interface Built {
  name: string;
  bytes: number;
  parameters: number;
}

export function modelPanel(app: App, built: Built): void {
  const facts = find("model-facts", HTMLElement);
  const endpoints = find("endpoints", HTMLElement);
  const draw = (): void => {
    const { model } = app;
    facts.replaceChildren(...modelFacts(built, model));
    if (model !== null) endpoints.replaceChildren(...endpointLists(model.endpoints));
  };
  app.changed.model.on(draw);
  draw();
}

function modelFacts(built: Built, model: ModelInfo | null): HTMLElement[] {
  const facts: [string, string][] = [
    ["Name", model?.name ?? built.name],
    ["Size", format.bytes(built.bytes)],
    ["Parameters", parameterWords(built.parameters, model?.parameters ?? null)],
    ["Licence", model === null ? "…" : model.license],
    ["Largest molecule", model === null ? "…" : limit(model.maxLength)],
  ];
  return facts.map(([term, value]) =>
    element("div", {}, element("dt", {}, term), element("dd", {}, value)),
  );
}

/** "2.3 million, of which the encoder 0.93 million". */
export function parameterWords(all: number, encoder: number | null): string {
  const words = (value: number): string =>
    value >= 100_000 && value < 1_000_000
      ? `${Number((value / 1_000_000).toPrecision(2))} million`
      : format.parameters(value);
  return encoder === null || encoder >= all
    ? words(all)
    : `${words(all)}, of which the encoder ${words(encoder)}`;
}

function limit(tokens: number): string {
  const atoms = Math.round(tokens / TOKENS_PER_ATOM / 10) * 10;
  return `${tokens} tokens (about ${atoms} heavy atoms)`;
}

/** The endpoints with what they are, a group at a time behind its name. */
function endpointLists(endpoints: Endpoint[]): HTMLElement[] {
  return groups(endpoints).map(({ name, endpoints: places }) => {
    const items = places.flatMap((place) => {
      const { title = "", description = "" } = endpoints[place] ?? {};
      const unit = format.unitOf(endpoints[place] ?? {});
      return [
        element(
          "dt",
          {},
          title,
          ...(unit === "" ? [] : [" ", element("span", { class: "unit" }, unit)]),
        ),
        element("dd", {}, description),
      ];
    });
    const list = element("dl", { class: "endpoints" }, ...items);
    const head = `${name === "" ? "Endpoints" : name} (${format.count(places.length)})`;
    return element("details", {}, element("summary", {}, head), list);
  });
}
