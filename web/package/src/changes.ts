/** How often molecules were brought into standard form. */

import { count, plural } from "./format.js";
import type { Standardization } from "./protocol.js";

/** How they were scored. */
const KINDS: readonly [string, (of: Standardization) => boolean][] = [
  ["without salts or solvents", ({ left_out }) => left_out.length > 0],
  ["in neutral form", ({ neutralized }) => neutralized > 0],
  ["without isotope labels", ({ isotopes }) => isotopes > 0],
  ["without stereo, which the model does not read", ({ stereo }) => stereo === true],
];
const WHY = "A compound has one value that way, however it is drawn.";

export class Changes {
  readonly #kinds = KINDS.map(() => 0);
  readonly #notes = new Map<string, number>();

  /** Counts a row, or takes it back: by 1 or -1. */
  count(standardization: Standardization | null, by: number): void {
    if (standardization === null) return;
    KINDS.forEach(([, holds], kind) => {
      if (holds(standardization)) this.#kinds[kind] = (this.#kinds[kind] ?? 0) + by;
    });
    for (const note of standardization.notes)
      this.#notes.set(note, (this.#notes.get(note) ?? 0) + by);
  }

  /** How many molecules were scored in which form, and why; empty where there is nothing to say. */
  summary(): string {
    const kinds = KINDS.flatMap(([how], kind) => {
      const molecules = this.#kinds[kind] ?? 0;
      return molecules > 0 ? [{ molecules, how }] : [];
    });
    const said = kinds.map(({ molecules, how }, place) => {
      const verb = molecules === 1 ? "was" : "were";
      return place === 0
        ? `${plural(molecules, "molecule")} ${verb} scored ${how}`
        : `${count(molecules)} ${how}`;
    });
    const notes = [...this.#notes]
      .filter(([, rows]) => rows > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([note, rows]) => `In ${plural(rows, "row")}: ${note}.`);
    const sentences = said.length === 0 ? [] : [`${said.join("; ")}. ${WHY}`];
    return [...sentences, ...notes].join(" ");
  }
}
