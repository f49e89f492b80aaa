/** Which rows to trust: how many of the values shown stand within the model's domain. */

import type { AddedColumn, Domain } from "../package/src/protocol.js";
import type { ScoreStore } from "../package/src/scores.js";

/** Values of a row by their domain, over those endpoints of which it is known. */
export type Standing = Record<Domain | "of", number>;

/** Null where no domain is known. */
export function standing(
  scores: Pick<ScoreStore, "domain">,
  row: number,
  endpoints: readonly number[],
): Standing | null {
  const found: Standing = { in: 0, borderline: 0, out: 0, of: 0 };
  for (const endpoint of endpoints) {
    const domain = scores.domain(row, endpoint);
    if (domain === null) continue;
    found[domain] += 1;
    found.of += 1;
  }
  return found.of === 0 ? null : found;
}

/** "9 of 12 values in the model’s domain, 2 borderline, 1 outside". */
export function standingWords(found: Standing): string {
  const parts = [`${found.in} of ${found.of} values in the model’s domain`];
  if (found.borderline > 0) parts.push(`${found.borderline} borderline`);
  if (found.out > 0) parts.push(`${found.out} outside`);
  return parts.join(", ");
}

/** What an export has of it: how many of the endpoints shown are in domain, and of how many that is. */
export function trustColumns(scores: ScoreStore, endpoints: readonly number[]): AddedColumn[] {
  const all = Array.from({ length: scores.length }, (_, row) => standing(scores, row, endpoints));
  const column = (name: string, part: keyof Standing): AddedColumn => ({
    name,
    values: all.map((found) => (found === null ? "" : String(found[part]))),
  });
  return [column("shown_in_domain", "in"), column("shown_endpoints", "of")];
}
