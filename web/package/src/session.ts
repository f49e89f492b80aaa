/**
 * One table: opened in whichever worker is current, scored piece by piece by that and its helpers,
 * surviving a worker's death.
 */

import { afterAwake } from "./awake.js";
import type { WorkerHandle } from "./backend.js";
import { Changes } from "./changes.js";
import { DelicateError } from "./errors.js";
import { Pieces, type Span } from "./pieces.js";
import type {
  AddedColumn,
  Depiction,
  Explanation,
  ExportFormat,
  Given,
  Header,
  NotHeld,
  Opened,
  Piece,
  Precision,
  Ranking,
  Row,
  RowError,
  RowResult,
  Scores,
  SimilarityName,
  Source,
  TableFormat,
  TableId,
} from "./protocol.js";
import { type PackedScores, ScoreStore } from "./scores.js";

/** Rows fetched from the worker in one message. */
const PAGE = 2_000;
/** Rows in the first piece, and in the first after a failure. */
const FIRST_PIECE = 32;
/** Fewer are not worth a message. */
const SMALLEST_PIECE = 8;
const LARGEST_PIECE = 2_048;
/**
 * A piece should take about this long: the table fills at this pace, and a crash costs no more.
 * Where several score, short ones let all of them end at the same time.
 */
const PIECE_SECONDS = { alone: 1.5, together: 0.3 };
/** A piece that has failed so often ends the run: its rows are to blame. */
const PIECE_FAILURES = 3;
/** A rate is told once it is of so many rows. */
const RATE_ROWS = 64;

/** Rows written in one message. */
const EXPORTED = 2_000;
/** Rows in which a substructure is looked for in one message. */
const SEARCHED = 1_000;

/** How an array of JSON ends. */
const JSON_END = "\n]\n";
const COMMA = ",".charCodeAt(0);

/** Rows as a file. */
export interface Written {
  file: Blob;
  /** Whether it reads the same in every encoding. */
  ascii: boolean;
  /** Rows in it that have no result yet. */
  unscored: number;
  /** What it could not hold of them as they came. */
  notHeld: NotHeld;
}

/** All that was found of a table, to be kept. */
export interface Found {
  results: RowResult[];
  scores: PackedScores;
  /** One a row: see {@link PRECISIONS}. */
  precisions: Uint8Array;
  /** One a row: 1 where the model's domain could not be had. */
  unassessed: Uint8Array;
}

/** As it was kept, perhaps by a version that knew less of a table. */
export type Kept = Pick<Found, "results" | "scores"> &
  Partial<Found> & {
    /** Rows that the table has more than there were then, at its end. */
    added?: number;
  };

/** A worker that has not ended by then what was cancelled is ended itself. */
const CANCELLED_MS = 8_000;

/** By their numbers; that of 0 is not known. */
const PRECISIONS: readonly (Precision | null)[] = [null, "int8", "fp32"];
/** Engines may change so often while a table is brought to one precision. */
const MOST_ROUNDS = 4;

/** The workers, one of which is current. */
export interface Workers {
  readonly current: WorkerHandle;
  /** Those that score beside it. */
  readonly helpers: readonly WorkerHandle[];
  /** Starts more of them where that many rows, which are to be scored, are worth it. */
  gather(rows: number): void;
  /** Puts a fresh worker in the place of one that failed, or throws when that was tried often enough. */
  replace(failed: WorkerHandle, error: unknown): void;
  /** Ends a worker that does not end what is cancelled, which is no failure. */
  abandon(worker: WorkerHandle): void;
  /** Values come without interval, domain and nearest molecule, though the model has them. */
  readonly domainMissing: boolean;
  /** A worker has scored rows; all together score `rate` of them a second, where that is known. */
  succeeded(rows: number, rate: number | null): void;
}

/** What a run is to do. */
export interface Wanted {
  /**
   * Rows that were scored in another precision than the engine in use has are scored again: the
   * values of a table are to be comparable.
   */
  uniform: boolean;
}

export interface Watch {
  /**
   * The number of rows done in the whole table, after each batch; fewer than before once rows are
   * to be scored again.
   */
  onProgress(done: number): void;
  /** Some rows have their results. */
  onRows(): void;
}

let nextTable: TableId = 0;

export class Session {
  readonly source: Source;
  readonly columns: Header;
  readonly format: TableFormat;
  /** Why the rest of the file could not be read, if so. */
  readonly fault: string | null;
  /** What was chosen or left out while reading, a sentence each. */
  readonly notes: string[];
  /** Replaced one by one, never changed in place, so that a view can tell what is new. */
  readonly rows: Row[];
  /** Their predictions. */
  readonly scores: ScoreStore;
  /** How many rows are in each state. */
  readonly counts: Record<RowResult["state"], number> = { pending: 0, scored: 0, failed: 0 };
  /** What the encoder of each scored row computed in; see {@link PRECISIONS}. */
  readonly #precisions: Uint8Array;
  /** How many rows were scored in each. */
  readonly #inPrecision = [0, 0];
  /** Rows that were scored a second time, so that all are in one precision. */
  again = 0;
  /** Rows that were scored while the model's domain could not be had: 1, others 0. */
  readonly #unassessed: Uint8Array;
  /** In how many rows the molecule was not scored as it was drawn. */
  readonly changes = new Changes();
  readonly #workers: Workers;
  readonly #table: TableId;
  /** The workers that have the table, or are opening it. */
  readonly #openIn: Map<WorkerHandle, Promise<void>>;
  /** Molecules for the helpers, by pages, as far as they are needed. */
  readonly #molecules = new Map<number, Promise<(Given | null)[]>>();
  #scoring: AbortController | null = null;
  /** Rows of which values are to be seen that have no domain yet; null before there were any. */
  #early: { start: number; count: number } | null = null;
  /** Resolves once there are no such rows. */
  #noneEarly: Promise<void> = Promise.resolve();
  #endEarly = (): void => undefined;
  #closed = false;

  private constructor(
    workers: Workers,
    worker: WorkerHandle,
    table: TableId,
    source: Source,
    { columns, smiles, id, format, fault, notes }: Opened,
    rows: Row[],
    scores: ScoreStore,
  ) {
    this.#workers = workers;
    this.#table = table;
    this.#openIn = new Map([[worker, Promise.resolve()]]);
    this.source = source;
    this.columns = { columns, smiles, id };
    this.format = format;
    this.fault = fault;
    this.notes = notes;
    this.rows = rows;
    this.scores = scores;
    this.#precisions = new Uint8Array(rows.length);
    this.#unassessed = new Uint8Array(rows.length);
    for (const { state } of rows) this.counts[state] += 1;
  }

  /** Reads the table; rejects with the code `cancelled` once nobody wants it any more. */
  static async open(
    workers: Workers,
    source: Source,
    signal: AbortSignal,
    /** What was found of this table before, with the same model. */
    kept: Kept | null = null,
  ): Promise<Session> {
    const table = nextTable++;
    return attempt(workers, async (worker) => {
      try {
        refuseIf(signal.aborted);
        const opened = await worker.call("open", { ...source, table });
        const rows: Row[] = [];
        for (let start = 0; start < opened.length; start += PAGE) {
          refuseIf(signal.aborted);
          const end = Math.min(start + PAGE, opened.length);
          rows.push(...(await worker.call("rows", { table, start, end })));
        }
        refuseIf(signal.aborted);
        const known = kept === null ? -1 : kept.results.length + (kept.added ?? 0);
        const fitting = known === rows.length ? kept : null;
        const scores =
          fitting === null
            ? new ScoreStore(rows.length)
            : ScoreStore.from(fitting.scores, rows.length);
        const session = new Session(workers, worker, table, source, opened, rows, scores);
        if (fitting !== null) {
          session.#mark(0, fitting.results);
          // What was to be seen early, and was not scored by then.
          fitting.results.forEach(({ state }, row) => {
            if (state === "pending") scores.forget(row, 1);
          });
          fitting.precisions?.forEach((precision, row) => session.#compute(row, precision));
          session.#unassessed.set(fitting.unassessed ?? []);
        }
        return session;
      } catch (error) {
        if (signal.aborted) release(worker, table);
        throw error;
      }
    });
  }

  get scoring(): boolean {
    return this.#scoring !== null;
  }

  /** Values are to be seen that wait for the model's domain. */
  get early(): boolean {
    return (this.#early?.count ?? 0) > 0;
  }

  /** What the encoder of a row computed in; null where that is not known. */
  precision(row: number): Precision | null {
    return this.rows[row]?.state === "scored"
      ? (PRECISIONS[this.#precisions[row] ?? 0] ?? null)
      : null;
  }

  /** Whether rows were scored in different precisions, whose values are not quite comparable. */
  get mixed(): boolean {
    return this.#inPrecision.filter((rows) => rows > 0).length > 1;
  }

  /** Rows that have a value, and for want of the model's domain nothing that tells how good it is. */
  get unassessed(): number {
    return this.#unassessed.reduce((sum, one) => sum + one, 0);
  }

  /** Scores what is not scored yet, and again what lacks the model's domain, where that is there. */
  async score(
    watch: Watch,
    { uniform }: Wanted = { uniform: false },
  ): Promise<"finished" | "cancelled"> {
    const controller = new AbortController();
    this.#scoring = controller;
    const { signal } = controller;
    try {
      let outcome = await this.#scoreRows(signal, watch, this.rows);
      // It may come while they are being scored.
      if (outcome === "finished" && !this.#workers.domainMissing && this.unassessed > 0) {
        const states = Array.from(this.#unassessed, (one) => (one === 1 ? "pending" : "scored"));
        const wanted = states.map((state) => ({ state }));
        outcome = await this.#scoreRows(signal, watch, wanted);
      }
      for (let round = 0; uniform && round < MOST_ROUNDS && outcome === "finished"; round += 1) {
        const other = this.mixed ? await this.#inOtherPrecision(signal) : [];
        const { length } = other.filter(({ state }) => state === "pending");
        if (length === 0) break;
        outcome = await this.#scoreRows(signal, watch, other);
        this.again += length;
      }
      return outcome;
    } finally {
      this.#scoring = null;
    }
  }

  cancel(): void {
    this.#scoring?.abort();
  }

  /** Gives the table up: what is under way ends, and the worker forgets it. */
  close(): void {
    this.#closed = true;
    this.cancel();
    for (const worker of this.#openIn.keys()) release(worker, this.#table);
    this.#openIn.clear();
  }

  /** What the prediction of a row rests on; in turn, when the worker is scoring. */
  async explain(row: number, signal: AbortSignal): Promise<Explanation> {
    return attempt(this.#workers, async (worker) => {
      await this.#ensureOpen(worker);
      refuseIf(signal.aborted);
      const explanation = await worker.call("explain", { table: this.#table, row });
      this.#workers.succeeded(1, null);
      return explanation;
    });
  }

  /**
   * The rows given, in that order; all of them where none are given. Written piece by piece: the
   * file may be larger than the memory of a worker or of a page.
   */
  async export(
    format: ExportFormat,
    rows: Uint32Array | null = null,
    /** Columns after the user's own, with an entry for each row of the table. */
    added: () => readonly AddedColumn[] = () => [],
    /** Places of the endpoints whose value, interval and domain the file has; null for all that is known. */
    endpoints: readonly number[] | null = null,
  ): Promise<Written> {
    // In a moment they have all that belongs into a file.
    await this.#noneEarly;
    const all = rows ?? Uint32Array.from(this.rows.keys());
    // As it is now: more may be scored while it is written.
    const found = Array.from(all, (row) => this.#result(row));
    const extra = this.#renamed(added());
    const chosen = endpoints && [...endpoints];
    const piece = (start: number, end: number) =>
      attempt(this.#workers, async (worker) => {
        await this.#ensureOpen(worker);
        const rows = all.slice(start, end);
        const results = found.slice(start, end);
        const scores = this.scores.pick(rows);
        const added = extra.map(({ name, values }) => ({
          name,
          values: Array.from(rows, (row) => values[row] ?? ""),
        }));
        const columns = { added, endpoints: chosen };
        const args = { table: this.#table, format, rows, results, scores, columns };
        return worker.call("export", args);
      });
    const table = format === "csv" || format === "tsv";
    const several = all.length > EXPORTED;
    const header = table && several ? (await piece(0, 0)).bytes.length : 0;
    const parts: Blob[] = [];
    const notHeld: NotHeld = { renamed: [], openStereo: 0, firstOpen: null, others: [] };
    let ascii = true;
    // Of no row, where there is none.
    for (let start = 0; start === 0 || start < all.length; start += EXPORTED) {
      const written = await piece(start, start + EXPORTED);
      let part = written.bytes;
      addTo(notHeld, written.notHeld);
      if (format === "json") {
        // One array of what are several: its ends are those of the first and the last.
        if (start + EXPORTED < all.length) part = part.subarray(0, -JSON_END.length);
        if (start > 0) part[0] = COMMA;
      } else if (start > 0) part = part.subarray(header);
      ascii &&= part.every((byte) => byte < 128);
      // The browser keeps it elsewhere.
      parts.push(new Blob([part as BlobPart]));
    }
    const unscored = found.filter(({ state }) => state === "pending").length;
    return { file: new Blob(parts), ascii, unscored, notHeld };
  }

  /** The columns under names that none of the user's has, as a file of an earlier export may. */
  #renamed(added: readonly AddedColumn[]): AddedColumn[] {
    const taken = new Set(this.columns.columns);
    return added.map(({ name, values }) => {
      let own = taken.has(name) ? `delicate_${name}` : name;
      for (let number = 2; taken.has(own); number += 1) own = `delicate_${name}_${number}`;
      taken.add(own);
      return { name: own, values };
    });
  }

  /**
   * Which rows have a substructure: 0 no, 1 yes, 2 not known. Looked for piece by piece, so that a
   * table can be scored meanwhile, and nothing goes on that nobody wants any more.
   */
  async matches(
    smarts: string,
    signal: AbortSignal,
    onProgress: (done: number) => void,
  ): Promise<Uint8Array> {
    const { length } = this.rows;
    const found = new Uint8Array(length);
    const search = (start: number, end: number): Promise<Uint8Array> =>
      attempt(this.#workers, async (worker) => {
        await this.#ensureOpen(worker);
        refuseIf(signal.aborted);
        return worker.call("matches", { table: this.#table, smarts, start, end });
      });
    // Of no row, where there is none, so that a pattern that is none is told.
    for (let start = 0; start === 0 || start < length; start += SEARCHED) {
      const end = Math.min(start + SEARCHED, length);
      found.set(await search(start, end), start);
      onProgress(end);
    }
    refuseIf(signal.aborted);
    return found;
  }

  /** Places in the rows' mol blocks of the atoms that a substructure is found at. */
  async matched(smarts: string, rows: number[]): Promise<Uint32Array[]> {
    const worker = this.#workers.current;
    await this.#ensureOpen(worker);
    return worker.call("matched", { table: this.#table, smarts, rows });
  }

  /** Mol blocks to draw rows from; null for those that cannot be drawn. Not tried again where it fails. */
  async blocks(rows: number[]): Promise<(string | null)[]> {
    const worker = this.#workers.current;
    await this.#ensureOpen(worker);
    return worker.call("blocks", { table: this.#table, rows });
  }

  /**
   * SMILES of rows as they were given: the text itself, or what a mol block draws, with its stereo,
   * charges and salts; null for a row without a molecule.
   */
  async smiles(rows: number[]): Promise<(string | null)[]> {
    const worker = this.#workers.current;
    await this.#ensureOpen(worker);
    return worker.call("smiles", { table: this.#table, rows });
  }

  /** The molecules of all rows as they came; null for those without one. */
  async given(): Promise<(Given | null)[]> {
    const all: (Given | null)[] = [];
    for (let start = 0; start < this.rows.length; start += PAGE) {
      const end = Math.min(start + PAGE, this.rows.length);
      for (const one of await this.#moleculesOf(start, end)) all.push(one);
    }
    return all;
  }

  /** What is needed to draw the molecule of a SMILES. */
  depict(smiles: string): Promise<Depiction> {
    return this.#workers.current.call("depict", { smiles });
  }

  descriptors(smiles: string): Promise<Record<string, number>> {
    return this.#workers.current.call("descriptors", { smiles });
  }

  /** Scores one row, and says why it has no result; null where it has one. */
  async errorOf(row: number, signal: AbortSignal): Promise<RowError | null> {
    if (this.rows[row]?.state === "pending") {
      const piece = await attempt(this.#workers, async (worker) => {
        await this.#ensureOpen(worker);
        refuseIf(signal.aborted);
        const { precision } = await worker.ready;
        const args = { table: this.#table, start: row, end: row + 1, early: false };
        return { ...(await worker.call("score", args)), precision };
      });
      this.#apply(row, piece, piece.precision, this.#workers.domainMissing);
    }
    return this.rows[row]?.error ?? null;
  }

  /** How near each row is to those of `actives`; ends early when the signal says so. */
  async rank(
    actives: Session,
    by: SimilarityName,
    signal: AbortSignal,
    onProgress: (done: number) => void,
  ): Promise<Ranking> {
    return attempt(this.#workers, async (worker) => {
      await Promise.all([this.#ensureOpen(worker), actives.#ensureOpen(worker)]);
      refuseIf(signal.aborted);
      const release = this.#endedBy(signal, worker);
      try {
        const args = { table: this.#table, actives: actives.#table, by };
        for (;;)
          try {
            return await worker.call("rank", args, onProgress);
          } catch (error) {
            refuseIf(signal.aborted);
            // Somebody else's work was cancelled, and it with that: it goes on from where it was.
            if (!(error instanceof DelicateError && error.code === "cancelled")) throw error;
          }
      } finally {
        release();
      }
    });
  }

  /** Of each row whether it was scored in another precision than the engine in use has. */
  async #inOtherPrecision(signal: AbortSignal): Promise<{ state: string }[]> {
    // All may have been scored by others while it was loading, and it may end.
    const info = await attempt(this.#workers, (worker) =>
      Promise.race([worker.ready, aborted(signal)]),
    );
    const current = info === undefined ? 0 : PRECISIONS.indexOf(info.precision);
    return Array.from(this.#precisions, (one) => ({
      state: one !== 0 && current > 0 && one !== current ? "pending" : "scored",
    }));
  }

  /** Scores those of the table's rows that are pending in `wanted`. */
  async #scoreRows(
    signal: AbortSignal,
    watch: Watch,
    wanted: ArrayLike<{ state: string }>,
  ): Promise<"finished" | "cancelled"> {
    const run = new Run(wanted, watch, signal);
    const lanes = new Map<WorkerHandle, Promise<void>>();
    if (run.left > 0) run.report();
    try {
      for (;;) {
        const workers = this.#workers;
        if (!signal.aborted && !run.pieces.empty) {
          workers.gather(run.left);
          for (const worker of [workers.current, ...workers.helpers]) {
            if (lanes.has(worker)) continue;
            const lane = this.#scoreOn(worker, run, signal);
            lanes.set(
              worker,
              lane.finally(() => lanes.delete(worker)),
            );
          }
        }
        if (lanes.size === 0) break;
        // Whoever has scored a piece comes back for another, and others may have come meanwhile.
        await Promise.race(lanes.values());
      }
    } finally {
      const releases = [...lanes.keys()].map((worker) =>
        this.#endedBy(AbortSignal.abort(), worker),
      );
      await Promise.allSettled(lanes.values());
      for (const release of releases) release();
      // Rows that have only been seen early are not scored.
      this.#forgetEarly();
      this.#molecules.clear();
    }
    return signal.aborted ? "cancelled" : "finished";
  }

  /** What a worker does ends soon after the signal says so; to be released once it has. */
  #endedBy(signal: AbortSignal, worker: WorkerHandle): () => void {
    let end = (): void => undefined;
    const cancel = (): void => {
      worker.cancel();
      end = afterAwake(CANCELLED_MS, () => this.#workers.abandon(worker));
    };
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel);
    return () => {
      end();
      signal.removeEventListener("abort", cancel);
    };
  }

  /** One piece on one worker; where the worker fails, another takes it. */
  async #scoreOn(worker: WorkerHandle, run: Run, signal: AbortSignal): Promise<void> {
    const release = this.#endedBy(signal, worker);
    let span: Span | null = null;
    try {
      const isHelper = worker !== this.#workers.current;
      const opened = isHelper ? null : this.#ensureOpen(worker);
      // One that is still loading when others have scored all, or the user gives up, is not needed.
      await Promise.race([Promise.all([opened, worker.ready]), run.over]);
      if (signal.aborted || run.left === 0) return;
      span = run.take(worker, 1 + this.#workers.helpers.length);
      if (span === null) return;
      const { start, end } = span;
      const began = performance.now();
      const lacking = this.#workers.domainMissing;
      const onProgress = (count: number): void => run.underWay(worker, count);
      let piece: Piece;
      if (isHelper) {
        const molecules = await this.#given(start, end);
        if (signal.aborted) return;
        piece = await worker.call("scoreMolecules", { molecules }, onProgress);
      } else {
        if (this.#workers.helpers.length > 0) void this.#given(start, end);
        // Rows that are scored again keep their values until then.
        const early = this.#early === null && this.rows[start]?.state === "pending";
        const found = await worker.call(
          "score",
          { table: this.#table, start, end, early },
          onProgress,
        );
        if (found.early) {
          // Seen already, and scored once more with all that the model knows.
          this.#seeEarly(start, end, found.scores);
          run.shown(worker);
          run.pieces.giveBack(span);
          return;
        }
        piece = found;
      }
      const { precision } = await worker.ready;
      // What was found may be in the hands of another session by now.
      if (this.#closed) return;
      if (start === this.#early?.start) {
        this.#early.count = 0;
        this.#endEarly();
      }
      this.#apply(start, piece, precision, lacking || this.#workers.domainMissing);
      const scored = piece.results.filter(({ state }) => state !== "pending").length;
      run.done(worker, scored, performance.now() - began);
      // What else was cancelled on the same worker, as a ranking, may have ended it early.
      const left = piece.results.findIndex(({ state }) => state === "pending");
      if (left >= 0 && !signal.aborted)
        run.pieces.giveBack({ start: start + left, end, failures: 0 });
      this.#workers.succeeded(scored, run.rate);
    } catch (error) {
      run.failed(worker);
      if (signal.aborted) return;
      if (error instanceof DelicateError && error.code === "cancelled" && !worker.dead) {
        // By somebody else who asked the same worker: it is in order.
        if (span !== null) run.pieces.giveBack(span);
        return;
      }
      if (span !== null) {
        span.failures += 1;
        if (span.failures >= PIECE_FAILURES) throw error;
        run.pieces.giveBack(span);
      }
      this.#workers.replace(worker, error);
    } finally {
      release();
    }
  }

  /** Molecules from `start` to before `end`, of one page; the next page is asked for meanwhile. */
  async #given(start: number, end: number): Promise<(Given | null)[]> {
    const page = Math.floor(start / PAGE);
    for (const known of this.#molecules.keys()) if (known < page - 1) this.#molecules.delete(known);
    if ((page + 1) * PAGE < this.rows.length) this.#page(page + 1).catch(() => undefined);
    const molecules = await this.#page(page);
    return molecules.slice(start - page * PAGE, end - page * PAGE);
  }

  #page(page: number): Promise<(Given | null)[]> {
    const known = this.#molecules.get(page);
    if (known !== undefined) return known;
    const start = page * PAGE;
    const end = Math.min(start + PAGE, this.rows.length);
    const asked = this.#moleculesOf(start, end);
    this.#molecules.set(page, asked);
    asked.catch(() => this.#molecules.delete(page));
    return asked;
  }

  #moleculesOf(start: number, end: number): Promise<(Given | null)[]> {
    return attempt(this.#workers, async (worker) => {
      await this.#ensureOpen(worker);
      return worker.call("molecules", { table: this.#table, start, end });
    });
  }

  /** Values of rows that are not scored yet, to be looked at. */
  #seeEarly(start: number, end: number, scores: Scores): void {
    this.#early = { start, count: end - start };
    this.#noneEarly = new Promise((resolve) => {
      this.#endEarly = resolve;
    });
    this.scores.set(start, end - start, scores);
    this.#renew(this.#early);
  }

  #forgetEarly(): void {
    if (this.#early === null) return;
    this.scores.forget(this.#early.start, this.#early.count);
    this.#renew(this.#early);
    this.#early.count = 0;
    this.#endEarly();
  }

  /** Whoever shows rows sees by the object that something of them has changed. */
  #renew({ start, count }: { start: number; count: number }): void {
    for (let row = start; row < start + count; row += 1)
      this.rows[row] = { ...(this.rows[row] as Row) };
  }

  #apply(
    start: number,
    { results, scores }: Piece,
    precision: Precision,
    unassessed: boolean,
  ): void {
    this.scores.set(start, results.length, scores);
    results.forEach(({ state }, offset) => {
      if (state !== "scored") return;
      this.#compute(start + offset, PRECISIONS.indexOf(precision));
      this.#unassessed[start + offset] = Number(unassessed);
    });
    this.#mark(start, results);
  }

  /** A row was computed in the precision of that number. */
  #compute(row: number, precision: number): void {
    const before = this.#precisions[row] ?? 0;
    this.#precisions[row] = precision;
    for (const [one, by] of [
      [before, -1],
      [precision, 1],
    ] as const)
      if (one > 0) this.#inPrecision[one - 1] = (this.#inPrecision[one - 1] ?? 0) + by;
  }

  #mark(start: number, results: RowResult[]): void {
    results.forEach((result, offset) => {
      const row = this.rows[start + offset];
      // One that was scored before and not reached again keeps what it has.
      if (row === undefined || (result.state === "pending" && row.state === "scored")) return;
      this.counts[row.state] -= 1;
      this.counts[result.state] += 1;
      this.changes.count(row.standardization, -1);
      this.changes.count(result.standardization, 1);
      this.rows[start + offset] = { ...row, ...result };
    });
  }

  /** A worker that has not this table yet opens it. */
  #ensureOpen(worker: WorkerHandle): Promise<void> {
    refuseIf(this.#closed);
    const known = this.#openIn.get(worker);
    if (known !== undefined) return known;
    const opening = worker
      .call("open", { ...this.source, table: this.#table })
      .then(() => undefined);
    this.#openIn.set(worker, opening);
    opening.catch(() => this.#openIn.delete(worker));
    return opening;
  }

  /** All that was found, to be kept. */
  get found(): Found {
    const results = Array.from(this.rows.keys(), (row) => this.#result(row));
    const [precisions, unassessed] = [this.#precisions, this.#unassessed];
    return { results, scores: this.scores.packed, precisions, unassessed };
  }

  /** What scoring has added to a row, but for its predictions. */
  #result(row: number): RowResult {
    const { state, error, standardization } = this.rows[row] as Row;
    return { state, error, standardization };
  }
}

/** Scoring under way: what is left, how far each worker is, and how fast they are. */
class Run {
  readonly pieces: Pieces;
  /** Rows that all workers together score in a second; null while there are too few. */
  rate: number | null = null;
  /** Rows of those wanted that are not done. */
  left: number;
  /** Resolves once none of them is left, or nobody wants them any more. */
  readonly over: Promise<void>;
  #end: () => void = () => undefined;
  readonly #watch: Watch;
  /** Rows of the table. */
  readonly #rows: number;
  /** Rows done of the pieces under way. */
  readonly #underWay = new Map<WorkerHandle, number>();
  /** Rows that each scores in a second. */
  readonly #rates = new Map<WorkerHandle, number>();
  #scored = 0;
  #began: number | null = null;

  constructor(wanted: ArrayLike<{ state: string }>, watch: Watch, signal: AbortSignal) {
    this.pieces = new Pieces(wanted);
    this.#rows = wanted.length;
    this.left = Array.from(wanted).filter(({ state }) => state === "pending").length;
    this.#watch = watch;
    const allDone = new Promise<void>((resolve) => {
      this.#end = resolve;
    });
    this.over = Promise.race([allDone, aborted(signal)]);
  }

  take(worker: WorkerHandle, workers: number): Span | null {
    this.#began ??= performance.now();
    const seconds = workers > 1 ? PIECE_SECONDS.together : PIECE_SECONDS.alone;
    const left = Math.ceil(this.left / workers / 2);
    const wanted = Math.round((this.#rates.get(worker) ?? 0) * seconds);
    const smallest = workers > 1 ? SMALLEST_PIECE : FIRST_PIECE;
    const size = Math.min(LARGEST_PIECE, Math.max(FIRST_PIECE, wanted));
    return this.pieces.take(workers > 1 ? Math.max(smallest, Math.min(size, left)) : size, PAGE);
  }

  underWay(worker: WorkerHandle, rows: number): void {
    this.#underWay.set(worker, rows);
    this.report();
  }

  done(worker: WorkerHandle, rows: number, milliseconds: number): void {
    this.#underWay.delete(worker);
    this.#rates.set(worker, rows / (milliseconds / 1_000));
    this.#scored += rows;
    this.left -= rows;
    if (this.left === 0) this.#end();
    if (this.#scored >= RATE_ROWS && this.#began !== null)
      this.rate = this.#scored / ((performance.now() - this.#began) / 1_000);
    this.report();
    this.#watch.onRows();
  }

  /** Values are to be seen that are not all that is wanted. */
  shown(worker: WorkerHandle): void {
    this.#underWay.delete(worker);
    this.report();
    this.#watch.onRows();
  }

  failed(worker: WorkerHandle): void {
    this.#underWay.delete(worker);
    this.#rates.delete(worker);
  }

  report(): void {
    let done = this.#rows - this.left;
    for (const rows of this.#underWay.values()) done += rows;
    this.#watch.onProgress(done);
  }
}

/** What a further part of a file could not hold. */
function addTo(all: NotHeld, { renamed, openStereo, firstOpen, others }: NotHeld): void {
  // Names are settled by the columns, of which every part has all.
  all.renamed = renamed;
  all.openStereo += openStereo;
  all.firstOpen ??= firstOpen;
  all.others.push(...others.filter((other) => !all.others.includes(other)));
}

/** What scoring one molecule by itself gives. */
export interface Single {
  result: RowResult;
  /** Its predictions, as those of the only row. */
  scores: ScoreStore;
}

/**
 * Scores one molecule without a table: where a table is being scored, each call waits for a piece
 * of it to end, and this is one call.
 */
export async function scoreOne(
  workers: Workers,
  given: Given,
  signal: AbortSignal,
): Promise<Single> {
  const { results, scores } = await attempt(workers, async (worker) => {
    refuseIf(signal.aborted);
    return worker.call("scoreMolecules", { molecules: [given] });
  });
  refuseIf(signal.aborted);
  const [result] = results;
  if (result === undefined)
    throw new DelicateError({ code: "molecules", message: "the molecule was not scored" });
  const store = new ScoreStore(1);
  store.set(0, 1, scores);
  return { result, scores: store };
}

/** Runs `action` on the current worker, and once more on a fresh one for each that dies under it. */
async function attempt<T>(
  workers: Workers,
  action: (worker: WorkerHandle) => Promise<T>,
): Promise<T> {
  for (;;) {
    const worker = workers.current;
    try {
      return await action(worker);
    } catch (error) {
      if (error instanceof DelicateError && isFinal(error, worker)) throw error;
      workers.replace(worker, error);
    }
  }
}

/** Whether another worker would give the same answer. */
function isFinal({ code }: DelicateError, worker: WorkerHandle): boolean {
  return code === "cancelled" || (!worker.dead && code !== "device_lost");
}

/** The worker forgets a table; one that is gone has forgotten it. */
function release(worker: WorkerHandle, table: TableId): void {
  if (!worker.dead) worker.call("close", { table }).catch(() => undefined);
}

/** Ends what nobody waits for any more. */
function refuseIf(unwanted: boolean): void {
  if (!unwanted) return;
  throw new DelicateError({ code: "cancelled", message: "nobody waits for it any more" });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
