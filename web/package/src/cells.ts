/** Parts of what is shown of a result. */

import { element, spoken } from "./dom.js";
import { mark } from "./mark.js";
import type { Domain } from "./protocol.js";

/** Marks the offending character: by a border and an underline as well as by colour, and in words. */
export function marked(smiles: string, position: number, width?: number): HTMLElement {
  const parts = mark(smiles, position, width);
  const note = parts.mark === "" ? "the end is marked" : `character ${position + 1} is marked`;
  return element(
    "code",
    { class: "smiles" },
    parts.before,
    element(
      "mark",
      { class: parts.mark === "" ? "end" : "" },
      parts.mark === "" ? "\u00a0" : parts.mark,
    ),
    parts.after,
    spoken(` (${note})`),
  );
}

/** Full, half, empty: told apart without their colours. */
export function band(domain: Domain | null): HTMLElement {
  const made = element("span", { class: "band", attributes: { "aria-hidden": "true" } });
  if (domain !== null) made.dataset.domain = domain;
  return made;
}
