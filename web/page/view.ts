/** Which rows the table shows, in which order. */

import type { Prediction, Row } from "./protocol.js";

export type SortKey =
  | { by: "row" }
  | { by: "field"; index: number }
  | { by: "score"; name: string }
  | { by: "state" };

export interface View {
  /** Shows rows that hold this text in a field or an error, whatever its case. */
  filter: string;
  onlyErrors: boolean;
  sort: { key: SortKey; descending: boolean };
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const STATES = { failed: 0, pending: 1, scored: 2 };

/** Row indexes in the order shown. Rows without a value come last, whichever way the sort goes. */
export function arrange(rows: readonly Row[], { filter, onlyErrors, sort }: View): number[] {
  const text = filter.trim().toLowerCase();
  const shown: number[] = [];
  rows.forEach((row, index) => {
    if (onlyErrors && row.state !== "failed") return;
    if (text !== "" && !holds(row, text)) return;
    shown.push(index);
  });
  const { key, descending } = sort;
  const sign = descending ? -1 : 1;
  if (key.by === "row") return descending ? shown.reverse() : shown;
  const values = new Map(shown.map((index) => [index, value(rows[index] as Row, key)]));
  return shown.sort((a, b) => {
    const [left, right] = [values.get(a) ?? null, values.get(b) ?? null];
    if (left === null || right === null) return left === right ? a - b : left === null ? 1 : -1;
    const order =
      typeof left === "number" && typeof right === "number"
        ? left - right
        : collator.compare(String(left), String(right));
    return order === 0 ? a - b : sign * order;
  });
}

/** The prediction of an endpoint, if there is one. */
export const predictionOf = (predictions: readonly Prediction[], name: string): Prediction | null =>
  predictions.find(({ endpoint }) => endpoint === name) ?? null;

export const sameKey = (a: SortKey, b: SortKey): boolean => JSON.stringify(a) === JSON.stringify(b);

function holds(row: Row, text: string): boolean {
  return (
    row.fields.some((field) => field.toLowerCase().includes(text)) ||
    (row.error?.message.toLowerCase().includes(text) ?? false)
  );
}

function value(row: Row, key: Exclude<SortKey, { by: "row" }>): string | number | null {
  if (key.by === "score") return predictionOf(row.predictions ?? [], key.name)?.value ?? null;
  if (key.by === "state") return STATES[row.state];
  const field = row.fields[key.index] ?? "";
  return field === "" ? null : field;
}
