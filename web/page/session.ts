/** One table: opened in whichever worker is current, scored piece by piece, surviving a worker's death. */

import type { Backend } from "./backend.js";
import type { Engines } from "./engines.js";
import {
  type Columns,
  type Explanation,
  type ExportFormat,
  Failure,
  type Opened,
  type Row,
  type RowResult,
  type Source,
} from "./protocol.js";

/** Rows fetched from the worker in one message. */
const PAGE = 2_000;
/** Rows in the first piece, and in the first after a failure. */
const FIRST_PIECE = 32;
const LARGEST_PIECE = 2_048;
/** A piece should take about this long: the table fills at this pace, and a crash costs no more. */
const PIECE_SECONDS = 1.5;

export interface Watch {
  /** The number of rows done in the whole table, after each batch. */
  onProgress(done: number): void;
  /** Some rows have their results. */
  onRows(): void;
}

export class Session {
  readonly source: Source;
  readonly columns: Columns;
  /** Why the rest of the file could not be read, if so. */
  readonly fault: string | null;
  /** Replaced one by one, never changed in place, so that a view can tell what is new. */
  readonly rows: Row[];
  /** How many rows are in each state. */
  readonly counts: Record<RowResult["state"], number> = { pending: 0, scored: 0, failed: 0 };
  readonly #engines: Engines;
  #scoring: AbortController | null = null;

  private constructor(
    engines: Engines,
    source: Source,
    { columns, smiles, id, fault }: Opened,
    rows: Row[],
  ) {
    this.#engines = engines;
    this.source = source;
    this.columns = { columns, smiles, id };
    this.fault = fault;
    this.rows = rows;
    for (const { state } of rows) this.counts[state] += 1;
  }

  static async open(engines: Engines, source: Source): Promise<Session> {
    return attempt(engines, async (backend) => {
      backend.holder = null;
      const opened = await backend.call("open", source);
      const rows: Row[] = [];
      for (let start = 0; start < opened.length; start += PAGE) {
        rows.push(
          ...(await backend.call("rows", { start, end: Math.min(start + PAGE, opened.length) })),
        );
      }
      const session = new Session(engines, source, opened, rows);
      backend.holder = session;
      return session;
    });
  }

  get scoring(): boolean {
    return this.#scoring !== null;
  }

  /** Scores what is not scored yet. */
  async score(watch: Watch): Promise<"finished" | "cancelled"> {
    const controller = new AbortController();
    this.#scoring = controller;
    try {
      return await this.#scorePending(controller.signal, watch);
    } finally {
      this.#scoring = null;
    }
  }

  cancel(): void {
    this.#scoring?.abort();
  }

  /** What the prediction of a row rests on; in turn, when the worker is scoring. */
  async explain(row: number, signal: AbortSignal): Promise<Explanation> {
    return attempt(this.#engines, async (backend) => {
      // By the time of a second attempt another table may be open.
      if (signal.aborted)
        throw new Failure({
          code: "cancelled",
          message: "nobody waits for it any more",
          columns: null,
        });
      await this.#openIn(backend);
      const explanation = await backend.call("explain", { row });
      this.#engines.succeeded();
      return explanation;
    });
  }

  async export(format: ExportFormat): Promise<Uint8Array> {
    return attempt(this.#engines, async (backend) => {
      await this.#openIn(backend);
      return backend.call("export", { format });
    });
  }

  async #scorePending(
    signal: AbortSignal,
    { onProgress, onRows }: Watch,
  ): Promise<"finished" | "cancelled"> {
    let size = FIRST_PIECE;
    const done = (): number => this.rows.length - this.counts.pending;
    onProgress(done());
    for (let start = this.#nextPending(0); start < this.rows.length; ) {
      if (signal.aborted) return "cancelled";
      let end = start;
      while (end < this.rows.length && end < start + size && this.rows[end]?.state === "pending")
        end += 1;
      const backend = this.#engines.current;
      const cancel = (): void => backend.cancel();
      signal.addEventListener("abort", cancel);
      try {
        await this.#openIn(backend);
        // Not the worker's fault if it is still loading when the user gives up.
        await Promise.race([backend.ready, aborted(signal)]);
        if (signal.aborted) return "cancelled";
        const began = performance.now();
        const results = await backend.call("score", { start, end }, (count) =>
          onProgress(done() + count),
        );
        this.#apply(start, results);
        this.#engines.succeeded();
        const rate = results.length / ((performance.now() - began) / 1_000);
        size = Math.min(LARGEST_PIECE, Math.max(FIRST_PIECE, Math.round(rate * PIECE_SECONDS)));
        onProgress(done());
        onRows();
        start = this.#nextPending(end);
      } catch (error) {
        if (signal.aborted) return "cancelled";
        this.#engines.replace(backend, error);
        size = FIRST_PIECE;
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    }
    return signal.aborted ? "cancelled" : "finished";
  }

  #nextPending(from: number): number {
    let index = from;
    while (index < this.rows.length && this.rows[index]?.state !== "pending") index += 1;
    return index;
  }

  #apply(start: number, results: RowResult[]): void {
    results.forEach((result, offset) => {
      const row = this.rows[start + offset];
      if (row === undefined) return;
      this.counts[row.state] -= 1;
      this.counts[result.state] += 1;
      this.rows[start + offset] = { ...row, ...result };
    });
  }

  /** A worker that has not this table yet opens it and is told what the one before it found. */
  async #openIn(backend: Backend): Promise<void> {
    if (backend.holder === this) return;
    backend.holder = null;
    await backend.call("open", this.source);
    let start = 0;
    while (start < this.rows.length) {
      const end = Math.min(start + PAGE, this.rows.length);
      const results = this.rows
        .slice(start, end)
        .map(({ state, error, scores }) => ({ state, error, scores }));
      if (results.some(({ state }) => state !== "pending"))
        await backend.call("restore", { start, results });
      start = end;
    }
    backend.holder = this;
  }
}

/** Runs `action` on the current worker, and once more on a fresh one for each that dies under it. */
async function attempt<T>(engines: Engines, action: (backend: Backend) => Promise<T>): Promise<T> {
  for (;;) {
    const backend = engines.current;
    try {
      return await action(backend);
    } catch (error) {
      if (error instanceof Failure && !backend.dead && error.code !== "device_lost") throw error;
      engines.replace(backend, error);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
