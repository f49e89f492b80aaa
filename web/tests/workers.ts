/** Workers without a browser: messages are answered in order, each in a later turn, as the real ones do. */

import type { WorkerHandle } from "../package/src/backend.js";
import type { Engines } from "../package/src/engines.js";
import { DelicateError } from "../package/src/errors.js";
import type {
  Call,
  Calls,
  EngineInfo,
  Precision,
  Row,
  Scores,
  TableId,
} from "../package/src/protocol.js";
import type { Workers } from "../package/src/session.js";
import { Signal } from "../package/src/signal.js";

/** Of the made-up model. */
export const INFO: EngineInfo = {
  backend: "cpu",
  precision: "int8",
  adapter: "",
  software: false,
  model: {
    name: "made-up",
    preset: "made-up",
    parameters: 0,
    license: "",
    hidden: 0,
    layers: 0,
    maxLength: 0,
    reference: null,
    endpoints: [],
  },
};

/** What the made-up model says of a SMILES. */
export const madeUpValue = (smiles: string): number => smiles.length;

/** A row and the value of its one endpoint. */
export interface MadeUpRow extends Row {
  value?: number;
}

/** Reads one SMILES a line; its one endpoint is the length of the SMILES. */
export class MadeUpWorker implements WorkerHandle {
  dead = false;
  ready: Promise<EngineInfo>;
  /** The open tables. */
  readonly tables = new Map<TableId, MadeUpRow[]>();
  /** Rows that it has scored. */
  scored = 0;
  /** Pieces after which it fails. */
  failsAfter = Number.POSITIVE_INFINITY;
  /** Its model has all but its domain, so that rows come early. */
  withoutDomain = false;
  /** It answers nothing that is asked of it from now on, until it is ended. */
  hangs = false;
  #end: (error: DelicateError) => void = () => undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(precision: Precision = "int8") {
    this.ready = Promise.resolve({ ...INFO, precision });
  }

  call<C extends Call>(call: C, args: Calls[C]["args"]): Promise<Calls[C]["result"]> {
    if (this.hangs)
      return new Promise((_, reject) => {
        this.#end = reject;
      });
    const answer = this.#queue.then(turn).then(() => {
      // Each call is answered with its own arguments.
      const answers = this.#answers as Record<Call, (args: unknown) => unknown>;
      return answers[call](args) as Calls[C]["result"];
    });
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  /** As one that goes on loading its model. */
  neverReady(): void {
    this.ready = new Promise(() => undefined);
  }

  /** As one that loads its model for a while and ends. */
  failsToLoad(): void {
    this.ready = new Promise((_, reject) => {
      setTimeout(() => {
        this.dead = true;
        reject(new DelicateError({ code: "worker", message: "it did not start" }));
      }, 50);
    });
    this.ready.catch(() => undefined);
  }

  cancel(): void {
    // A piece ends by itself.
  }

  stop(): void {
    this.dead = true;
    this.#end(new DelicateError({ code: "stopped", message: "it was ended" }));
  }

  readonly #answers: { [C in Call]: (args: Calls[C]["args"]) => Calls[C]["result"] } = {
    open: ({ table, bytes }) => {
      const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
      this.tables.set(
        table,
        lines.map((line) => ({
          fields: [line],
          state: "pending",
          error: null,
          standardization: null,
        })),
      );
      return {
        columns: ["smiles"],
        smiles: 0,
        id: null,
        format: "smi",
        length: lines.length,
        fault: null,
        notes: [],
      };
    },
    close: ({ table }) => {
      this.tables.delete(table);
      return null;
    },
    rows: ({ table, start, end }) => this.#opened(table).slice(start, end),
    score: ({ table, start, end, early }) => {
      const rows = this.#opened(table);
      if (early && this.withoutDomain) {
        const values = rows.slice(start, end).map(({ fields }) => madeUpValue(fields[0] ?? ""));
        return { results: [], scores: madeUpScores(values), early: true };
      }
      this.#work(end - start);
      for (let index = start; index < end; index += 1) {
        const row = rows[index];
        if (row === undefined) continue;
        rows[index] = { ...row, state: "scored", value: madeUpValue(row.fields[0] ?? "") };
      }
      const scored = rows.slice(start, end);
      return {
        results: scored.map(({ state, error, standardization }) => ({
          state,
          error,
          standardization,
        })),
        scores: madeUpScores(scored.map(({ value }) => value ?? Number.NaN)),
      };
    },
    molecules: ({ table, start, end }) =>
      this.#opened(table)
        .slice(start, end)
        .map(({ fields }) => ({ smiles: fields[0] ?? "" })),
    scoreMolecules: ({ molecules }) => {
      this.#work(molecules.length);
      const values = molecules.map((given) =>
        madeUpValue(given !== null && "smiles" in given ? given.smiles : ""),
      );
      return {
        results: values.map(() => ({ state: "scored", error: null, standardization: null })),
        scores: madeUpScores(values),
      };
    },
    explain: ({ table, row }) => {
      const { fields } = this.#opened(table)[row] as MadeUpRow;
      const smiles = fields[0] ?? "";
      return {
        smiles,
        standardization: { smiles, left_out: [], neutralized: 0, isotopes: 0, notes: [] },
        predictions: [],
        units: [],
        standings: [],
        atoms: [],
      };
    },
    export: ({ table, rows, results, scores, columns: { added } }) => {
      const all = this.#opened(table);
      const lines = Array.from(rows, (row, at) =>
        JSON.stringify({
          ...all[row],
          ...results[at],
          value: scores.values[at],
          ...Object.fromEntries(added.map(({ name, values }) => [name, values[at]])),
        }),
      );
      // As the engine writes it.
      const text = `[${lines.map((line) => `\n${line}`).join(",")}\n]\n`;
      return {
        bytes: new TextEncoder().encode(text),
        notHeld: {
          renamed: [["a<b", "a(b)"]],
          openStereo: rows.length,
          firstOpen: rows[0] ?? null,
          others: ["what else"],
        },
      };
    },
    matches: ({ table, smarts, start, end }) =>
      Uint8Array.from(this.#opened(table).slice(start, end), ({ fields }) =>
        Number(fields[0]?.includes(smarts)),
      ),
    matched: ({ rows }) => rows.map(() => new Uint32Array()),
    blocks: ({ rows }) => rows.map(() => null),
    smiles: ({ rows }) => rows.map(() => null),
    depict: () => ({ block: "", places: [] }),
    descriptors: () => ({}),
    drawnSmiles: () => "",
    rank: ({ table }) => {
      const rows = this.#opened(table).length;
      return {
        similarities: new Float64Array(rows).fill(1),
        nearest: new Int32Array(rows),
      };
    },
    probe: () => ({ rate: 1, values: [] }),
    domain: () => null,
  };

  #work(rows: number): void {
    this.failsAfter -= 1;
    if (this.failsAfter < 0) {
      this.dead = true;
      throw new DelicateError({ code: "crashed", message: "it was made to" });
    }
    this.scored += rows;
  }

  #opened(table: TableId): MadeUpRow[] {
    const rows = this.tables.get(table);
    if (rows !== undefined) return rows;
    throw new DelicateError({ code: "no_table", message: "the table is not open" });
  }
}

/** Engines that always have the worker given last. */
export function madeUpEngines(): Omit<Workers, "helpers"> &
  Pick<Engines, "state" | "changed" | "start" | "loadDomain"> & {
    current: MadeUpWorker;
    helpers: MadeUpWorker[];
    fresh(): MadeUpWorker;
  } {
  const idle = { state: "idle" } as const;
  return {
    state: {
      forced: null,
      current: "cpu",
      cpu: idle,
      webgpu: idle,
      note: null,
      domainMissing: null,
      broken: false,
    },
    changed: new Signal(),
    current: new MadeUpWorker(),
    helpers: [],
    gather() {
      // One is enough.
    },
    async start() {
      // There is nothing to load.
    },
    fresh: () => new MadeUpWorker(),
    replace(failed) {
      this.helpers = this.helpers.filter((helper) => helper !== failed);
      if (failed === this.current) this.current = this.fresh();
    },
    abandon(worker) {
      (worker as MadeUpWorker).stop();
      this.replace(worker, null);
    },
    get domainMissing() {
      return this.state.domainMissing !== null;
    },
    async loadDomain() {
      this.state.domainMissing = null;
      this.changed.emit();
    },
    succeeded() {
      // Nothing counts its failures.
    },
  };
}

/** Lets everything that waits have its turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Scores of one endpoint. */
export function madeUpScores(values: number[]): Scores {
  return {
    values: Float32Array.from(values),
    low: new Float32Array(values.length).fill(Number.NaN),
    high: new Float32Array(values.length).fill(Number.NaN),
    domains: new Uint8Array(values.length),
    nearest: new Uint32Array(values.length),
    similarities: new Float64Array(values.length).fill(Number.NaN),
    measured: new Float32Array(values.length).fill(Number.NaN),
    molecules: [],
  };
}
