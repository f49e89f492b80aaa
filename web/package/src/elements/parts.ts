/** What both elements show. */

import { band } from "../cells.js";
import { element, spoken } from "../dom.js";
import { Drawings } from "../drawing/drawings.js";
import { DelicateError } from "../errors.js";
import * as format from "../format.js";
import type { Scorer } from "../scorer.js";
import type { Domain, Endpoint, RowPrediction, Standardization } from "../types.js";
import { BANDS } from "../words.js";
import { sharedScorer } from "./shared.js";

/** Drawings of all elements, by their SMILES. */
export const drawings = new Drawings(async (keys) => {
  const scorer = await sharedScorer();
  return Promise.all(
    keys.map((smiles) =>
      scorer.depict(smiles).then(
        ({ block }) => block,
        () => null,
      ),
    ),
  );
});

/** The endpoints that an attribute names, in its order; all of them where it names none. */
export function chosen(
  { endpoints }: Scorer,
  attribute: string | null,
): { endpoint: Endpoint; place: number }[] {
  const all = endpoints.map((endpoint, place) => ({ endpoint, place }));
  const names = (attribute ?? "").split(/[\s,]+/).filter(Boolean);
  if (names.length === 0) return all;
  return names.map((name) => {
    const found = all.find(({ endpoint }) => endpoint.name === name);
    if (found !== undefined) return found;
    const known = endpoints.map(({ name }) => name).join(", ");
    const message = `the model has no endpoint “${name}”; it has ${known}`;
    throw new DelicateError({ code: "argument", message });
  });
}

/** A value, what it may also be, and how far it can be trusted. */
export function estimate(
  { value, interval, domain, unit, task }: RowPrediction,
  endpoint: Endpoint,
  withUnit: boolean,
): Node[] {
  const nodes: Node[] = [
    band(domain),
    element("data", { value: String(value) }, format.estimate(value, endpoint)),
  ];
  const printed = withUnit ? format.unitOf({ unit, task }) : "";
  if (printed !== "") nodes.push(element("span", { class: "unit" }, ` ${printed}`));
  if (interval !== null) {
    const bounds = format.bounds(interval, endpoint);
    nodes.push(
      element(
        "span",
        { class: "interval", attributes: { part: "interval" } },
        spoken(", interval "),
        bounds,
      ),
    );
  }
  if (domain !== null && domain !== "in") nodes.push(spoken(`, ${BANDS[domain]}`));
  return nodes;
}

/** What the marks before the values mean. */
export function legend(): HTMLElement {
  const meaning = (domain: Domain, text: string): (Node | string)[] => [band(domain), text];
  return element(
    "p",
    { class: "legend soft", attributes: { part: "legend" } },
    ...meaning("in", "in, "),
    ...meaning("borderline", "borderline, "),
    ...meaning("out", "outside the model’s domain; below each value, its 90 % interval"),
  );
}

/** As what a molecule was scored, where that is not how it was given; nothing otherwise. */
export function scoredAs(standardization: Standardization): HTMLElement[] {
  const done = format.changes(standardization);
  if (done.length === 0) return [];
  const smiles = element("code", { class: "smiles" }, standardization.smiles);
  const part = { class: "changes soft", attributes: { part: "changes" } };
  return [element("span", part, "Scored as ", smiles, ` (${done.join("; ")})`)];
}

export const sentence = (error: unknown): string =>
  format.sentence(error instanceof Error ? error.message : String(error));

export const isCancelled = (error: unknown): boolean =>
  error instanceof DelicateError && (error.code === "cancelled" || error.code === "closed");
