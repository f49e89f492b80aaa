/** What is said of a table that was ranked by reference actives. */

import * as format from "../package/src/format.js";
import type {
  AddedColumn,
  Ranking,
  Row,
  RowError,
  SimilarityName,
} from "../package/src/protocol.js";
import { errorText } from "../package/src/words.js";

/** A reference that nothing can be compared with. */
export interface Unusable {
  /** Its place among the references. */
  row: number;
  /** Null where it can be scored, and is too large to be compared. */
  error: RowError | null;
}

/** The faults told in full; of the rest there is the number. */
export const TOLD = 3;

/** Why references were left out; with none left, that nothing was ranked. Empty where all are good. */
export function unusableWords(text: string, total: number, unusable: readonly Unusable[]): string {
  const { length } = unusable;
  if (length === 0) return "";
  const lines = linesOf(text, total);
  const told = unusable.slice(0, TOLD).map(({ row, error }) => {
    const place = lines === null ? `reference ${row + 1}` : `line ${lines[row]}`;
    return `${place}: ${error === null ? "Too large to be compared" : errorText(error)}`;
  });
  if (length > TOLD) told.push(`and ${format.count(length - TOLD)} more`);
  const why = told.join("; ");
  if (length < total) {
    const verb = length === 1 ? "was" : "were";
    return `${format.count(length)} of ${format.plural(total, "reference")} could not be used and ${verb} left out (${why}).`;
  }
  const none =
    total === 1
      ? "The reference cannot be used"
      : `None of the ${format.count(total)} references can be used`;
  return `${none}, so nothing was ranked (${why}).`;
}

/** The line of each row, from 1, of a text with a row a line; null where it is none. */
function linesOf(text: string, rows: number): number[] | null {
  const filled = text
    .split(/\r\n|\r|\n/)
    .flatMap((line, at) => (/^\s*(#|$)/.test(line) ? [] : [at + 1]));
  // What was copied from a table may have its header.
  const headers = filled.length - rows;
  return headers === 0 || headers === 1 ? filled.slice(headers) : null;
}

/** What an export has of a ranking: how similar each row is to the nearest reference, and to which. */
export function rankingColumns(
  { similarities, nearest }: Ranking,
  nameOf: (reference: number) => string,
): AddedColumn[] {
  const ranked = Array.from(nearest, (reference) => reference >= 0);
  return [
    {
      name: "similarity_to_reference",
      values: ranked.map((is, row) => (is ? (similarities[row] as number).toFixed(4) : "")),
    },
    {
      name: "nearest_reference",
      values: ranked.map((is, row) => (is ? nameOf(nearest[row] as number) : "")),
    },
  ];
}

/** How many rows were ranked, and why others were not. */
export function rankingWords(
  rows: readonly Pick<Row, "state">[],
  { nearest }: Pick<Ranking, "nearest">,
  by: SimilarityName,
): string {
  const left = rows.filter((_, row) => (nearest[row] ?? -1) < 0);
  const ranked = `Ranked ${format.plural(rows.length - left.length, "row")}, most similar first.`;
  if (left.length === 0) return ranked;
  const of = (state: Row["state"]): number => left.filter((row) => row.state === state).length;
  // The scoring model reads longer molecules than the one that embeddings are taken of.
  const embedded = by === "embedding" || by === "fused";
  const large = `too large${embedded ? " for an embedding (ECFP4 compares larger ones)" : ""}`;
  const failed = rows.filter((row) => row.state === "failed").length;
  const reasons = (["scored", "failed", "pending"] as const).map((state): [number, string] => {
    const count = of(state);
    // What cannot be scored can often be compared: the table counts more errors than that.
    const others = state === "failed" && failed > count ? failed - count : 0;
    const but =
      others === 0
        ? ""
        : ` (${format.count(others)} more ${others === 1 ? "has an error and was" : "have errors and were"} compared all the same)`;
    const [is, has] = count === 1 ? ["is", `has an error${but}`] : ["are", `have errors${but}`];
    // Of those that are not scored, scoring would tell.
    const why = { scored: `${is} ${large}`, failed: has, pending: `${is} ${large} or ${has}` };
    return [count, why[state]];
  });
  const told = reasons.flatMap(([count, why]) =>
    count === 0 ? [] : [`${format.count(count)} ${why}`],
  );
  return `${ranked} ${format.plural(left.length, "row")} could not be compared: ${told.join(", ")}.`;
}

/** The two kinds of methods, of which one needs a model. */
export type Cost = "embedding" | "fingerprint";
export const costOf = (by: SimilarityName): Cost =>
  by === "embedding" || by === "fused" ? "embedding" : "fingerprint";

/** How long a ranking will take; `rate`, in rows a second, is null until it was measured here. */
export function expectedWords(
  by: SimilarityName,
  rows: number,
  rate: number | null,
  /** The rows were compared by this method before, and what that found is kept. */
  before: boolean,
): string {
  if (before) return "Compared before: takes seconds.";
  const of = format.plural(rows, "row");
  if (rate !== null)
    return `Takes about ${format.duration(rows / rate)} for ${of} on this device${costOf(by) === "embedding" && rows / rate > 20 ? "; ECFP4 takes seconds" : ""}.`;
  return costOf(by) === "embedding"
    ? "Each row is embedded once, which takes minutes for thousands of them; ECFP4 takes seconds."
    : "Takes seconds.";
}
