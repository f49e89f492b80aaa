/** `<delicate-scorer>` and `<delicate-molecule>`; importing this defines them. */

import type { DelicateError } from "../errors.js";
import type { Row } from "../types.js";
import { DelicateMolecule } from "./molecule.js";
import { DelicateScorer } from "./scorer.js";

export { configure } from "./shared.js";
export { DelicateMolecule, DelicateScorer };

// Absent where pages are made on a server; there before where the module is loaded twice.
const elements = globalThis.customElements as CustomElementRegistry | undefined;
if (elements !== undefined) {
  if (elements.get("delicate-molecule") === undefined)
    elements.define("delicate-molecule", DelicateMolecule);
  if (elements.get("delicate-scorer") === undefined)
    elements.define("delicate-scorer", DelicateScorer);
}

declare global {
  interface HTMLElementTagNameMap {
    "delicate-molecule": DelicateMolecule;
    "delicate-scorer": DelicateScorer;
  }

  interface HTMLElementEventMap {
    "delicate-scored": CustomEvent<Row>;
    "delicate-done": CustomEvent<readonly Row[]>;
    "delicate-error": CustomEvent<DelicateError>;
  }
}
