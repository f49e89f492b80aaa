/** What is said of a table that was ranked by reference actives. */

import * as format from "../package/src/format.js";
import type { Ranking, Row, SimilarityName } from "../package/src/protocol.js";

/** How many rows were ranked, and why others were not. */
export function rankingWords(
  rows: readonly Pick<Row, "state">[],
  { nearest }: Pick<Ranking, "nearest">,
  by: SimilarityName,
): string {
  const left = rows.filter((_, row) => (nearest[row] ?? -1) < 0);
  const ranked = `Ranked ${format.plural(rows.length - left.length, "row")}, the nearest first.`;
  if (left.length === 0) return ranked;
  const of = (state: Row["state"]): number => left.filter((row) => row.state === state).length;
  // The scoring model reads longer molecules than the one that embeddings are taken of.
  const scored = by === "embedding" || by === "fused" ? "too large for the embedding" : "too large";
  const failed = of("failed");
  const reasons: [number, string][] = [
    [of("scored"), scored],
    [failed, failed === 1 ? "with an error" : "with errors"],
    // Scoring would tell.
    [of("pending"), `${scored} or with errors`],
  ];
  const told = reasons.flatMap(([count, why]) =>
    count === 0 ? [] : [`${format.count(count)} ${why}`],
  );
  return `${ranked} ${format.plural(left.length, "row")} could not be compared: ${told.join(", ")}.`;
}
