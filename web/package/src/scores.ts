/** The predictions of a table, as columns of numbers: an object for each would take gigabytes. */

import type { Domain, Neighbour, Prediction, Scores } from "./protocol.js";

/** The bands by their number; see `Scores`. */
const DOMAINS: readonly (Domain | null)[] = [null, "out", "borderline", "in"];

/** What is known of a value. */
export type Estimate = Pick<Prediction, "value" | "interval" | "domain">;

export class ScoreStore {
  readonly #rows: number;
  #endpoints = 0;
  #values = new Float32Array();
  #low = new Float32Array();
  #high = new Float32Array();
  #domains = new Uint8Array();
  #nearest = new Uint32Array();
  #similarities = new Float64Array();
  #measured = new Float32Array();
  readonly #molecules: string[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(rows: number) {
    this.#rows = rows;
  }

  /** Entries of each row; 0 until the first scores came. */
  get endpoints(): number {
    return this.#endpoints;
  }

  /** NaN where there is none. */
  value(row: number, endpoint: number): number {
    return this.#values[row * this.#endpoints + endpoint] ?? Number.NaN;
  }

  domain(row: number, endpoint: number): Domain | null {
    return DOMAINS[this.#domains[row * this.#endpoints + endpoint] ?? 0] ?? null;
  }

  similarity(row: number, endpoint: number): number {
    return this.#similarities[row * this.#endpoints + endpoint] ?? Number.NaN;
  }

  /** The nearest training molecule; null where none is known. */
  neighbour(row: number, endpoint: number): Neighbour | null {
    const at = row * this.#endpoints + endpoint;
    const smiles = this.#molecules[(this.#nearest[at] ?? 0) - 1];
    if (smiles === undefined) return null;
    const measured = this.#measured[at] ?? Number.NaN;
    return {
      smiles,
      similarity: this.similarity(row, endpoint),
      measured: Number.isNaN(measured) ? null : measured,
    };
  }

  /** Null where there is no prediction. */
  estimate(row: number, endpoint: number): Estimate | null {
    const at = row * this.#endpoints + endpoint;
    const value = this.value(row, endpoint);
    if (Number.isNaN(value)) return null;
    const [low, high] = [this.#low[at] ?? Number.NaN, this.#high[at] ?? Number.NaN];
    return {
      value,
      interval: Number.isNaN(low) ? null : { low, high },
      domain: this.domain(row, endpoint),
    };
  }

  /** Takes over the scores of `count` rows from `start` on. */
  set(start: number, count: number, scores: Scores): void {
    const endpoints = count === 0 ? 0 : scores.values.length / count;
    if (endpoints === 0) return;
    if (endpoints !== this.#endpoints) this.#resize(endpoints);
    const at = start * endpoints;
    this.#values.set(scores.values, at);
    this.#low.set(scores.low, at);
    this.#high.set(scores.high, at);
    this.#domains.set(scores.domains, at);
    this.#similarities.set(scores.similarities, at);
    this.#measured.set(scores.measured, at);
    // Each piece numbers its molecules from 1.
    const numbers = [0, ...scores.molecules.map((smiles) => this.#number(smiles))];
    scores.nearest.forEach((number, offset) => {
      this.#nearest[at + offset] = numbers[number] ?? 0;
    });
  }

  /** The scores from row `start` to before row `end`. */
  slice(start: number, end: number): Scores {
    const [from, to] = [start * this.#endpoints, end * this.#endpoints];
    return {
      values: this.#values.slice(from, to),
      low: this.#low.slice(from, to),
      high: this.#high.slice(from, to),
      domains: this.#domains.slice(from, to),
      nearest: this.#nearest.slice(from, to),
      similarities: this.#similarities.slice(from, to),
      measured: this.#measured.slice(from, to),
      molecules: this.#molecules,
    };
  }

  #number(smiles: string): number {
    const known = this.#numbers.get(smiles);
    if (known !== undefined) return known;
    const number = this.#molecules.push(smiles);
    this.#numbers.set(smiles, number);
    return number;
  }

  #resize(endpoints: number): void {
    const length = this.#rows * endpoints;
    this.#endpoints = endpoints;
    this.#values = new Float32Array(length).fill(Number.NaN);
    this.#low = new Float32Array(length).fill(Number.NaN);
    this.#high = new Float32Array(length).fill(Number.NaN);
    this.#domains = new Uint8Array(length);
    this.#nearest = new Uint32Array(length);
    this.#similarities = new Float64Array(length).fill(Number.NaN);
    this.#measured = new Float32Array(length).fill(Number.NaN);
  }
}
