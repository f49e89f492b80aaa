/** Workers without a browser: messages are answered in order, each in a later turn, as the real ones do. */

import type { WorkerHandle } from "../page/backend.js";
import type { Engines } from "../page/engines.js";
import {
  type Call,
  type Calls,
  type EngineInfo,
  Failure,
  type Row,
  type TableId,
} from "../page/protocol.js";
import type { Workers } from "../page/session.js";
import { Signal } from "../page/signal.js";

const INFO: EngineInfo = {
  backend: "cpu",
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
    endpoints: [],
  },
};

/** What the made-up model says of a SMILES. */
export const madeUpValue = (smiles: string): number => smiles.length;

/** Reads one SMILES a line; its one endpoint is the length of the SMILES. */
export class MadeUpWorker implements WorkerHandle {
  dead = false;
  readonly ready = Promise.resolve(INFO);
  /** The open tables. */
  readonly tables = new Map<TableId, Row[]>();
  #queue: Promise<unknown> = Promise.resolve();

  call<C extends Call>(call: C, args: Calls[C]["args"]): Promise<Calls[C]["result"]> {
    const answer = this.#queue.then(turn).then(() => {
      // Each call is answered with its own arguments.
      const answers = this.#answers as Record<Call, (args: unknown) => unknown>;
      return answers[call](args) as Calls[C]["result"];
    });
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  cancel(): void {
    // A piece ends by itself.
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
          predictions: null,
          standardization: null,
        })),
      );
      return {
        columns: ["smiles"],
        smiles: 0,
        id: null,
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
    restore: ({ table, start, results }) => {
      const rows = this.#opened(table);
      results.forEach((result, offset) => {
        const row = rows[start + offset];
        if (row !== undefined) rows[start + offset] = { ...row, ...result };
      });
      return null;
    },
    score: ({ table, start, end }) => {
      const rows = this.#opened(table);
      for (let index = start; index < end; index += 1) {
        const row = rows[index];
        if (row !== undefined) rows[index] = scored(row);
      }
      return rows.slice(start, end).map(({ state, error, predictions, standardization }) => ({
        state,
        error,
        predictions,
        standardization,
      }));
    },
    explain: ({ table, row }) => {
      const { fields, predictions } = this.#opened(table)[row] as Row;
      const smiles = fields[0] ?? "";
      return {
        smiles,
        standardization: { smiles, left_out: [], neutralized: 0, isotopes: 0, notes: [] },
        predictions: predictions ?? [],
        atoms: [],
      };
    },
    export: ({ table }) => new TextEncoder().encode(JSON.stringify(this.#opened(table))),
    probe: () => 1,
  };

  #opened(table: TableId): Row[] {
    const rows = this.tables.get(table);
    if (rows !== undefined) return rows;
    throw new Failure({ code: "no-table", message: "the table is not open", columns: null });
  }
}

/** Engines that always have the worker given last. */
export function madeUpEngines(): Workers &
  Pick<Engines, "state" | "changed" | "start"> & { current: MadeUpWorker } {
  const idle = { state: "idle" } as const;
  return {
    state: { forced: null, current: "cpu", cpu: idle, webgpu: idle, note: null, broken: false },
    changed: new Signal(),
    current: new MadeUpWorker(),
    async start() {
      // There is nothing to load.
    },
    replace(failed) {
      if (failed === this.current) this.current = new MadeUpWorker();
    },
    succeeded() {
      // Nothing counts its failures.
    },
  };
}

/** Lets everything that waits have its turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function scored(row: Row): Row {
  const prediction = {
    endpoint: "length",
    unit: "",
    task: "regression" as const,
    value: madeUpValue(row.fields[0] ?? ""),
    interval: null,
    domain: null,
    nearest: null,
  };
  return { ...row, state: "scored", predictions: [prediction] };
}
