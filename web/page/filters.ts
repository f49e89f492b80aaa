/** The filters by column, at most one a column, wherever they are set and shown. */

import { Signal } from "../package/src/signal.js";
import { type ColumnKey, DECIMAL, DOMAINS, type Filter, finite, sameKey } from "./view.js";

export class ColumnFilters {
  readonly changed = new Signal();
  #filters: readonly Filter[] = [];

  /** In the order in which they were set; replaced, never changed. */
  get all(): readonly Filter[] {
    return this.#filters;
  }

  of(key: ColumnKey): Filter | null {
    return this.#filters.find((filter) => sameKey(filter.key, key)) ?? null;
  }

  /** Takes the place of the column's filter; one that lets every row through is none. */
  set(filter: Filter): void {
    const at = this.#filters.findIndex(({ key }) => sameKey(key, filter.key));
    const wanted = narrows(filter) ? [filter] : [];
    if (at === -1 && wanted.length === 0) return;
    const place = at === -1 ? this.#filters.length : at;
    this.#replace([...this.#filters.slice(0, place), ...wanted, ...this.#filters.slice(place + 1)]);
  }

  remove(key: ColumnKey): void {
    if (this.of(key) !== null) this.#replace(this.#filters.filter((one) => !sameKey(one.key, key)));
  }

  /** Takes the place of all of them. */
  put(filters: readonly Filter[]): void {
    if (filters.length > 0 || this.#filters.length > 0) this.#replace(filters);
  }

  clear(): void {
    if (this.#filters.length > 0) this.#replace([]);
  }

  #replace(filters: readonly Filter[]): void {
    this.#filters = filters;
    this.changed.emit();
  }
}

/** Whether a filter can keep a row out. */
const narrows = (filter: Filter): boolean =>
  "contains" in filter
    ? filter.contains.trim() !== ""
    : filter.low !== null || filter.high !== null || filter.domains.length < DOMAINS.length;

/** What a filter asks of its column: "1 to 5, in or borderline of the domain". */
export function words(filter: Filter): string {
  if ("contains" in filter) return `contains “${filter.contains.trim()}”`;
  const { low, high, domains } = filter;
  const parts: string[] = [];
  if (low !== null && high !== null) parts.push(`${number(low)} to ${number(high)}`);
  else if (low !== null) parts.push(`at least ${number(low)}`);
  else if (high !== null) parts.push(`at most ${number(high)}`);
  if (domains.length === 0) parts.push("no domain");
  else if (domains.length < DOMAINS.length)
    parts.push(
      DOMAINS.filter((one) => domains.includes(one))
        .map(domainWord)
        .join(" or "),
    );
  return parts.join(", ");
}

const domainWord = (domain: (typeof DOMAINS)[number]): string =>
  ({ in: "in domain", borderline: "borderline", out: "outside the domain" })[domain];

const number = (value: number): string => String(value).replace("-", "\u2212");

/**
 * The number of a field that a person fills in; null where it is empty, NaN where it is none or has
 * no end, as 1e999.
 */
export function typed(text: string): number | null {
  const plain = text.trim().replace("\u2212", "-");
  if (plain === "") return null;
  return DECIMAL.test(plain) ? finite(Number(plain)) : Number.NaN;
}
