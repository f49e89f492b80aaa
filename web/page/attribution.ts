/** What every atom adds to a prediction, without the drawing of it. */

import * as format from "../package/src/format.js";
import type { Explanation } from "../package/src/protocol.js";

export interface Piece {
  text: string;
  /** Which atom these characters stand for; null for bonds, branches and ring closures. */
  atom: number | null;
}

/** The SMILES cut into its atoms and what is between them. */
export function pieces({ smiles, atoms }: Pick<Explanation, "smiles" | "atoms">): Piece[] {
  const parts: Piece[] = [];
  let end = 0;
  atoms.forEach(({ range }, atom) => {
    if (range.start > end) parts.push({ text: smiles.slice(end, range.start), atom: null });
    parts.push({ text: smiles.slice(range.start, range.end), atom });
    end = range.end;
  });
  if (end < smiles.length) parts.push({ text: smiles.slice(end), atom: null });
  return parts;
}

/** The contributions of all atoms to the endpoint of this index. */
export const contributions = ({ atoms }: Pick<Explanation, "atoms">, endpoint: number): number[] =>
  atoms.map(({ contributions }) => contributions[endpoint] ?? 0);

/** The largest contribution either way, which gets the full tint. */
export const largest = (values: readonly number[]): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

export type Direction = "raises" | "lowers" | "none";

/** Which way a contribution goes, if it can be seen in the decimals shown. */
export function direction(value: number): Direction {
  if (format.score(value) === "0.00" || !Number.isFinite(value)) return "none";
  return value > 0 ? "raises" : "lowers";
}

/** "raises it by 0.41 log mol/L". */
export function effect(value: number, unit: string): string {
  const way = direction(value);
  if (way === "none") return "changes nothing";
  return `${way} it by ${format.score(Math.abs(value))}${unit === "" ? "" : ` ${unit}`}`;
}

/** The atoms that raise and lower most, if any do. */
export function extremes(values: readonly number[]): {
  raises: number | null;
  lowers: number | null;
} {
  const most = (way: Direction, sign: number): number | null =>
    values.reduce<number | null>((best, value, atom) => {
      if (direction(value) !== way) return best;
      return best === null || sign * value > sign * (values[best] ?? 0) ? atom : best;
    }, null);
  return { raises: most("raises", 1), lowers: most("lowers", -1) };
}
