/** How often molecules were brought into standard form. */

import { count } from "./format.js";
import type { Standardization } from "./protocol.js";

const KINDS: readonly [string, (of: Standardization) => boolean][] = [
  ["without salts or solvents", ({ left_out }) => left_out.length > 0],
  ["without charges", ({ neutralized }) => neutralized > 0],
  ["without isotopes", ({ isotopes }) => isotopes > 0],
  ["without stereo", ({ stereo }) => stereo === true],
];

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

  /** A sentence, as the command says it; empty where there is nothing to say. */
  summary(): string {
    const kinds = KINDS.flatMap(([what], kind) => {
      const rows = this.#kinds[kind] ?? 0;
      return rows > 0 ? [`${count(rows)} ${what}`] : [];
    });
    const notes = [...this.#notes].filter(([, rows]) => rows > 0);
    const said = notes.sort(([a], [b]) => (a < b ? -1 : 1));
    const parts = [...kinds, ...said.map(([note, rows]) => `${count(rows)}: ${note}`)];
    return parts.length === 0 ? "" : `Scored in standard form: ${parts.join("; ")}.`;
  }
}
