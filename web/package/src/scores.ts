/**
 * The predictions of a table, as columns of numbers: an object for each would take gigabytes. With
 * 61 endpoints, 29 of them with intervals, a row takes about 850 bytes; rows that have no
 * predictions yet take none.
 */

import type { Domain, Neighbour, Prediction, Scores } from "./protocol.js";

/** The bands by their number; see `Scores`. */
const DOMAINS: readonly (Domain | null)[] = [null, "out", "borderline", "in", "out"];
/** The number of a molecule that an endpoint is not defined for. */
const UNDEFINED = 4;
/** Rows whose columns lie together. */
const BLOCK = 4_096;
/** A place holds the number of a neighbour, and above it that of the domain. */
const NEIGHBOURS = 2 ** 29;
const NARROW = 2 ** 16;

/** What is known of a value. */
export type Estimate = Pick<Prediction, "value" | "interval" | "domain">;

/** The predictions of one endpoint for the rows of a block. */
interface Column {
  values: Float32Array;
  /** Null where no row has an interval, as in all classes. */
  low: Float32Array | null;
  high: Float32Array | null;
  /** The domain and the neighbour; the latter's number, 0 where none is known. */
  places: Uint32Array;
  /** Numbers of similarities, of which there are few different ones. */
  similarities: Uint16Array | Uint32Array;
}

/** All of a store, as it can be kept in a database. */
export interface PackedScores {
  rows: number;
  endpoints: number;
  blocks: (Column[] | null)[];
  molecules: string[];
  neighbours: { molecules: number[]; measured: number[] };
  similarities: number[];
}

export class ScoreStore {
  readonly #rows: number;
  #endpoints = 0;
  /** Null where no row has predictions. */
  #blocks: (Column[] | null)[] = [];
  /** SMILES of the nearest training molecules, each once. */
  #molecules: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** What was measured for a molecule differs from endpoint to endpoint: each pair of them once. */
  #neighbours: { molecules: number[]; measured: number[] } = { molecules: [], measured: [] };
  /** For each molecule the numbers of its pairs, by what was measured. */
  readonly #pairs: Map<number, number>[] = [];
  /** The similarities by their numbers; that of 0 is none. */
  #similarities: number[] = [Number.NaN];
  readonly #codes = new Map<number, number>([[Number.NaN, 0]]);

  constructor(rows: number) {
    this.#rows = rows;
  }

  /** What `packed` gave, with room for more rows where there are some. */
  static from(packed: PackedScores, rows = packed.rows): ScoreStore {
    const store = new ScoreStore(rows);
    store.#endpoints = packed.endpoints;
    store.#blocks = rows === packed.rows ? packed.blocks : grown(packed.blocks, rows);
    store.#molecules = packed.molecules;
    store.#neighbours = packed.neighbours;
    store.#similarities = packed.similarities;
    packed.molecules.forEach((smiles, number) => {
      store.#numbers.set(smiles, number);
      store.#pairs.push(new Map());
    });
    packed.neighbours.molecules.forEach((molecule, place) => {
      store.#pairs[molecule]?.set(packed.neighbours.measured[place] ?? Number.NaN, place + 1);
    });
    packed.similarities.forEach((similarity, code) => store.#codes.set(similarity, code));
    return store;
  }

  /** What the store holds, not copied: to be written somewhere, not changed. */
  get packed(): PackedScores {
    return {
      rows: this.#rows,
      endpoints: this.#endpoints,
      blocks: this.#blocks,
      molecules: this.#molecules,
      neighbours: this.#neighbours,
      similarities: this.#similarities,
    };
  }

  /** The number of rows. */
  get length(): number {
    return this.#rows;
  }

  /** Entries of each row; 0 until the first scores came. */
  get endpoints(): number {
    return this.#endpoints;
  }

  /** NaN where there is none. */
  value(row: number, endpoint: number): number {
    return this.#column(row, endpoint)?.values[row % BLOCK] ?? Number.NaN;
  }

  domain(row: number, endpoint: number): Domain | null {
    return DOMAINS[this.#band(row, endpoint)] ?? null;
  }

  /** Whether the endpoint is not defined for the molecule, which is outside its domain for that. */
  isUndefined(row: number, endpoint: number): boolean {
    return this.#band(row, endpoint) === UNDEFINED;
  }

  similarity(row: number, endpoint: number): number {
    const code = this.#column(row, endpoint)?.similarities[row % BLOCK] ?? 0;
    return this.#similarities[code] ?? Number.NaN;
  }

  /** The nearest training molecule; null where none is known. */
  neighbour(row: number, endpoint: number): Neighbour | null {
    const place = this.#column(row, endpoint)?.places[row % BLOCK] ?? 0;
    const number = (place % NEIGHBOURS) - 1;
    const smiles = this.#molecules[this.#neighbours.molecules[number] ?? -1];
    if (smiles === undefined) return null;
    const measured = this.#neighbours.measured[number] ?? Number.NaN;
    return {
      smiles,
      similarity: this.similarity(row, endpoint),
      measured: Number.isNaN(measured) ? null : measured,
    };
  }

  /** Null where there is no prediction. */
  estimate(row: number, endpoint: number): Estimate | null {
    const value = this.value(row, endpoint);
    if (Number.isNaN(value)) return null;
    const { low, high } = this.#column(row, endpoint) as Column;
    const bounds = [low?.[row % BLOCK] ?? Number.NaN, high?.[row % BLOCK] ?? Number.NaN] as const;
    return {
      value,
      interval: Number.isNaN(bounds[0]) ? null : { low: bounds[0], high: bounds[1] },
      domain: this.domain(row, endpoint),
    };
  }

  /** Takes over the scores of `count` rows from `start` on. */
  set(start: number, count: number, scores: Scores): void {
    const endpoints = count === 0 ? 0 : scores.values.length / count;
    if (endpoints === 0) return;
    if (endpoints !== this.#endpoints) {
      this.#endpoints = endpoints;
      this.#blocks = new Array(Math.ceil(this.#rows / BLOCK)).fill(null);
    }
    const numbers = scores.molecules.map((smiles) => this.#number(smiles));
    for (let offset = 0; offset < count; offset += 1) {
      const row = start + offset;
      // A row without predictions has nothing to take over.
      if (Number.isNaN(scores.values[offset * endpoints] ?? Number.NaN)) continue;
      const block = this.#block(Math.floor(row / BLOCK));
      const at = row % BLOCK;
      for (let endpoint = 0; endpoint < endpoints; endpoint += 1) {
        const from = offset * endpoints + endpoint;
        const column = block[endpoint] as Column;
        column.values[at] = scores.values[from] as number;
        const low = scores.low[from] as number;
        if (!Number.isNaN(low)) {
          column.low ??= new Float32Array(column.values.length).fill(Number.NaN);
          column.high ??= new Float32Array(column.values.length).fill(Number.NaN);
          column.low[at] = low;
          column.high[at] = scores.high[from] as number;
        }
        const molecule = numbers[(scores.nearest[from] as number) - 1];
        const pair =
          molecule === undefined ? 0 : this.#pair(molecule, scores.measured[from] as number);
        column.places[at] = (scores.domains[from] as number) * NEIGHBOURS + pair;
        const code = this.#code(scores.similarities[from] as number);
        if (code >= NARROW && column.similarities instanceof Uint16Array)
          column.similarities = Uint32Array.from(column.similarities);
        column.similarities[at] = code;
      }
    }
  }

  /** Rows from `start` on have no predictions any more. */
  forget(start: number, count: number): void {
    for (let row = start; row < start + count; row += 1)
      for (const column of this.#blocks[Math.floor(row / BLOCK)] ?? []) {
        const at = row % BLOCK;
        column.values[at] = Number.NaN;
        if (column.low !== null) column.low[at] = Number.NaN;
        if (column.high !== null) column.high[at] = Number.NaN;
        column.places[at] = 0;
        column.similarities[at] = 0;
      }
  }

  /** The scores of these rows, in that order. */
  pick(rows: ArrayLike<number>): Scores {
    const [count, endpoints] = [rows.length, this.#endpoints];
    const length = count * endpoints;
    const picked: Scores = {
      values: new Float32Array(length).fill(Number.NaN),
      low: new Float32Array(length).fill(Number.NaN),
      high: new Float32Array(length).fill(Number.NaN),
      domains: new Uint8Array(length),
      nearest: new Uint32Array(length),
      similarities: new Float64Array(length).fill(Number.NaN),
      measured: new Float32Array(length).fill(Number.NaN),
      molecules: [],
    };
    const numbers = new Map<number, number>();
    for (let offset = 0; offset < count; offset += 1) {
      const row = rows[offset] as number;
      const block = this.#blocks[Math.floor(row / BLOCK)] ?? null;
      if (block === null) continue;
      const at = row % BLOCK;
      for (let endpoint = 0; endpoint < endpoints; endpoint += 1) {
        const to = offset * endpoints + endpoint;
        const { values, low, high, places, similarities } = block[endpoint] as Column;
        picked.values[to] = values[at] as number;
        picked.low[to] = low?.[at] ?? Number.NaN;
        picked.high[to] = high?.[at] ?? Number.NaN;
        const place = places[at] as number;
        picked.domains[to] = Math.floor(place / NEIGHBOURS);
        picked.similarities[to] = this.#similarities[similarities[at] as number] ?? Number.NaN;
        const pair = (place % NEIGHBOURS) - 1;
        const molecule = this.#neighbours.molecules[pair];
        if (molecule === undefined) continue;
        picked.measured[to] = this.#neighbours.measured[pair] as number;
        let number = numbers.get(molecule);
        if (number === undefined) {
          number = picked.molecules.push(this.#molecules[molecule] as string);
          numbers.set(molecule, number);
        }
        picked.nearest[to] = number;
      }
    }
    return picked;
  }

  /** The number of the domain. */
  #band(row: number, endpoint: number): number {
    const place = this.#column(row, endpoint)?.places[row % BLOCK] ?? 0;
    return Math.floor(place / NEIGHBOURS);
  }

  #column(row: number, endpoint: number): Column | undefined {
    return this.#blocks[Math.floor(row / BLOCK)]?.[endpoint];
  }

  #block(place: number): Column[] {
    const known = this.#blocks[place];
    if (known !== null && known !== undefined) return known;
    const rows = Math.min(BLOCK, this.#rows - place * BLOCK);
    const made = Array.from(
      { length: this.#endpoints },
      (): Column => ({
        values: new Float32Array(rows).fill(Number.NaN),
        low: null,
        high: null,
        places: new Uint32Array(rows),
        similarities:
          this.#similarities.length > NARROW ? new Uint32Array(rows) : new Uint16Array(rows),
      }),
    );
    this.#blocks[place] = made;
    return made;
  }

  #number(smiles: string): number {
    const known = this.#numbers.get(smiles);
    if (known !== undefined) return known;
    const number = this.#molecules.push(smiles) - 1;
    this.#numbers.set(smiles, number);
    this.#pairs.push(new Map());
    return number;
  }

  /** The number of a molecule with what was measured for it, from 1. */
  #pair(molecule: number, measured: number): number {
    const pairs = this.#pairs[molecule] as Map<number, number>;
    const known = pairs.get(measured);
    if (known !== undefined) return known;
    this.#neighbours.molecules.push(molecule);
    const number = this.#neighbours.measured.push(measured);
    pairs.set(measured, number);
    return number;
  }

  #code(similarity: number): number {
    const known = this.#codes.get(similarity);
    if (known !== undefined) return known;
    const code = this.#similarities.push(similarity) - 1;
    this.#codes.set(similarity, code);
    return code;
  }
}

/** The blocks of as many rows; those that are new have no predictions. */
function grown(blocks: readonly (Column[] | null)[], rows: number): (Column[] | null)[] {
  const floats = (from: Float32Array, length: number): Float32Array => {
    const made = new Float32Array(length).fill(Number.NaN);
    made.set(from);
    return made;
  };
  return Array.from({ length: Math.ceil(rows / BLOCK) }, (_, place) => {
    const length = Math.min(BLOCK, rows - place * BLOCK);
    return (
      blocks[place]?.map((column): Column => {
        if (column.values.length === length) return column;
        const places = new Uint32Array(length);
        places.set(column.places);
        const isNarrow = column.similarities instanceof Uint16Array;
        const similarities = isNarrow ? new Uint16Array(length) : new Uint32Array(length);
        similarities.set(column.similarities);
        return {
          values: floats(column.values, length),
          low: column.low && floats(column.low, length),
          high: column.high && floats(column.high, length),
          places,
          similarities,
        };
      }) ?? null
    );
  });
}
