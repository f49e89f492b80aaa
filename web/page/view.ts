/** Which rows the table shows, in which order. */

import type { Domain, Row } from "../package/src/protocol.js";
import type { ScoreStore } from "../package/src/scores.js";
import { standing } from "./trust.js";

export type SortKey =
  | { by: "row" }
  | { by: "field"; index: number }
  | { by: "score"; endpoint: number }
  | { by: "similarity" }
  /** How many of the endpoints shown are in the model's domain. */
  | { by: "domain" }
  | { by: "state" };

/** A column of numbers. */
export type NumberKey = Extract<SortKey, { by: "field" | "score" | "similarity" | "domain" }>;

/** Any column of the table; rows cannot be sorted by the structures of an SDF. */
export type ColumnKey = Exclude<SortKey, { by: "row" }> | { by: "structure" };

/** Lets through the rows whose number lies within, bounds included. */
export interface Range {
  key: NumberKey;
  low: number | null;
  high: number | null;
  /** For an endpoint: how well the model may know the molecule. */
  domains: readonly Domain[];
}

/** Lets through the rows with a field that holds this text, whatever its case. */
export interface Containing {
  key: Extract<SortKey, { by: "field" }>;
  contains: string;
}

export type Filter = Range | Containing;

/** From what the model knows to what it does not. */
export const DOMAINS: readonly Domain[] = ["in", "borderline", "out"];

/** What was found of a substructure. */
export interface Sought {
  /** A row each: 0 it has it not, 1 it has, 2 that is not known. */
  rows: Uint8Array;
  /** Lets through the rows that have it; else those that have it not. */
  has: boolean;
}

export interface View {
  /** Shows rows that hold this text in a field or an error, whatever its case. */
  filter: string;
  onlyErrors: boolean;
  /** Shows these rows alone. */
  among: ReadonlySet<number> | null;
  /** At most one a column. */
  filters: readonly Filter[];
  sought: Sought | null;
  sort: { key: SortKey; descending: boolean };
}

/** What is looked at. */
export interface Content {
  rows: readonly Row[];
  scores: ScoreStore;
  /** How near each row is to the reference actives, once they were ranked. */
  similarities: Float64Array | null;
  /** Places of the endpoints that a row's domains are counted over. */
  counted: readonly number[];
}

export const EVERYTHING: View = {
  filter: "",
  onlyErrors: false,
  among: null,
  filters: [],
  sought: null,
  sort: { key: { by: "row" }, descending: false },
};

const STATES = { failed: 0, pending: 1, scored: 2 };
/** Values looked at to tell whether a column holds numbers, and the part of them that must. */
const SAMPLE = 2_000;
const MOSTLY = 0.6;

/** A number as people write it: no hexadecimal one, and no word for infinity. */
export const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** NaN for what is too large for a number. */
export const finite = (value: number): number => (Number.isFinite(value) ? value : Number.NaN);

/** A comma that parts thousands, and one that can only part decimals. */
const THOUSANDS = /^[-+]?\d{1,3}(,\d{3})+(\.|e|$)/i;
const DECIMAL_COMMA = /^[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+(e[-+]?\d+)?$/i;

/** A field without a sign that its number is a bound. */
const bare = (field: string): string =>
  field
    .trim()
    .replace(/^[<>≤≥~≈=]+\s*/, "")
    .replace("\u2212", "-");

/** Whether the comma in a field parts decimals whatever the others are: 5,49 and 0,125, but not 1,250. */
function showsDecimalComma(field: string): boolean {
  const text = bare(field);
  return DECIMAL_COMMA.test(text) && (!THOUSANDS.test(text) || /^[-+]?0,/.test(text));
}

/**
 * The number in a field, with a sign that it is a bound left out; NaN where there is none.
 * `commas`: what a comma parts in its column.
 */
export function numberIn(field: string, commas: "thousands" | "decimals" = "thousands"): number {
  const text = bare(field);
  const isDecimal = commas === "decimals" && DECIMAL_COMMA.test(text);
  const plain = isDecimal
    ? text.replaceAll(".", "").replace(",", ".")
    : THOUSANDS.test(text)
      ? text.replaceAll(",", "")
      : text;
  return DECIMAL.test(plain) ? finite(Number(plain)) : Number.NaN;
}

/** Sorting keys of a table's fields, each column's made once. */
export class FieldKeys {
  readonly #rows: readonly Row[];
  readonly #numeric = new Map<number, boolean>();
  readonly #numbers = new Map<number, Float64Array>();
  readonly #commas = new Map<number, "thousands" | "decimals">();
  readonly #texts = new Map<number, string[]>();

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
  }

  /** Whether a column of the user's holds numbers for the most part. */
  isNumeric(index: number): boolean {
    const known = this.#numeric.get(index);
    if (known !== undefined) return known;
    const step = Math.max(1, Math.floor(this.#rows.length / SAMPLE));
    let [filled, numbers] = [0, 0];
    for (let row = 0; row < this.#rows.length; row += step) {
      const field = this.#rows[row]?.fields[index]?.trim() ?? "";
      if (field === "") continue;
      filled += 1;
      if (!Number.isNaN(numberIn(field, this.#commasOf(index)))) numbers += 1;
    }
    const numeric = filled > 0 && numbers >= MOSTLY * filled;
    this.#numeric.set(index, numeric);
    return numeric;
  }

  numbers(index: number): Float64Array {
    const known = this.#numbers.get(index);
    if (known !== undefined) return known;
    const commas = this.#commasOf(index);
    const made = Float64Array.from(this.#rows, ({ fields }) =>
      numberIn(fields[index] ?? "", commas),
    );
    this.#numbers.set(index, made);
    return made;
  }

  /** One field in which a comma parts decimals tells what all of them mean, as 1,250. */
  #commasOf(index: number): "thousands" | "decimals" {
    const known = this.#commas.get(index);
    if (known !== undefined) return known;
    const isDecimal = this.#rows.some(({ fields }) => showsDecimalComma(fields[index] ?? ""));
    const commas = isDecimal ? "decimals" : "thousands";
    this.#commas.set(index, commas);
    return commas;
  }

  /** Texts that compare as people sort them: whatever the case, and by the numbers in them. */
  texts(index: number): string[] {
    const known = this.#texts.get(index);
    if (known !== undefined) return known;
    const made = this.#rows.map(({ fields }) =>
      (fields[index] ?? "").toLowerCase().replaceAll(/\d+/g, (digits) => digits.padStart(12, "0")),
    );
    this.#texts.set(index, made);
    return made;
  }
}

/** Row indexes in the order shown. Rows without a value come last, whichever way the sort goes. */
export function arrange(content: Content, view: View, keys: FieldKeys): number[] {
  const { rows } = content;
  const { onlyErrors, among, sought, sort } = view;
  const text = view.filter.trim().toLowerCase();
  const filters = view.filters.map((filter) => passing(content, filter, keys));
  const shown: number[] = [];
  rows.forEach((row, index) => {
    if (onlyErrors && row.state !== "failed") return;
    if (among !== null && !among.has(index)) return;
    if (sought !== null && sought.rows[index] !== Number(sought.has)) return;
    if (!filters.every((passes) => passes(index))) return;
    if (text !== "" && !holds(row, text)) return;
    shown.push(index);
  });
  const { key, descending } = sort;
  const sign = descending ? -1 : 1;
  if (key.by === "row") return descending ? shown.reverse() : shown;
  if (key.by === "field" && !keys.isNumeric(key.index)) {
    const texts = keys.texts(key.index);
    return shown.sort((a, b) => {
      const [left, right] = [texts[a] ?? "", texts[b] ?? ""];
      if (left === right) return a - b;
      if (left === "" || right === "") return left === "" ? 1 : -1;
      return left < right ? -sign : sign;
    });
  }
  const number = key.by === "state" ? stateOf(rows) : numbers(content, key, keys);
  const values = Float64Array.from(shown, number);
  const order = Array.from(shown, (_, place) => place);
  order.sort((a, b) => {
    const [left, right] = [values[a] ?? Number.NaN, values[b] ?? Number.NaN];
    if (left === right) return a - b;
    if (Number.isNaN(left)) return Number.isNaN(right) ? a - b : 1;
    if (Number.isNaN(right)) return -1;
    return left < right ? -sign : sign;
  });
  return order.map((place) => shown[place] as number);
}

/** Whether new results change which rows are shown, or their order. */
export const dependsOnResults = ({ filter, onlyErrors, filters, sort }: View): boolean =>
  onlyErrors ||
  filter.trim() !== "" ||
  filters.some(({ key }) => isOfResults(key)) ||
  isOfResults(sort.key) ||
  sort.key.by === "state";

const isOfResults = ({ by }: SortKey): boolean => by === "score" || by === "domain";

/** The number of a row in a column; NaN where there is none. */
export function numbers(
  { scores, similarities, counted }: Content,
  key: NumberKey,
  keys: FieldKeys,
): (row: number) => number {
  if (key.by === "domain") return (row) => standing(scores, row, counted)?.in ?? Number.NaN;
  if (key.by === "score") return (row) => scores.value(row, key.endpoint);
  if (key.by === "similarity") return (row) => similarities?.[row] ?? Number.NaN;
  const known = keys.numbers(key.index);
  return (row) => known[row] ?? Number.NaN;
}

export const sameKey = (a: SortKey | ColumnKey, b: SortKey | ColumnKey): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

const stateOf =
  (rows: readonly Row[]) =>
  (row: number): number =>
    STATES[rows[row]?.state ?? "pending"];

/** Which rows a filter lets through. */
function passing(content: Content, filter: Filter, keys: FieldKeys): (row: number) => boolean {
  if ("contains" in filter) {
    const { index } = filter.key;
    const text = filter.contains.trim().toLowerCase();
    return (row) => (content.rows[row]?.fields[index] ?? "").toLowerCase().includes(text);
  }
  const { key, low, high, domains } = filter;
  const number = numbers(content, key, keys);
  const bounded = low !== null || high !== null;
  const [least, most] = [low ?? Number.NEGATIVE_INFINITY, high ?? Number.POSITIVE_INFINITY];
  return (row) => {
    if (key.by === "score" && domains.length < DOMAINS.length) {
      const domain = content.scores.domain(row, key.endpoint);
      if (domain === null || !domains.includes(domain)) return false;
    }
    if (!bounded) return true;
    const value = number(row);
    return value >= least && value <= most;
  };
}

function holds(row: Row, text: string): boolean {
  return (
    row.fields.some((field) => field.toLowerCase().includes(text)) ||
    (row.error?.message.toLowerCase().includes(text) ?? false)
  );
}
