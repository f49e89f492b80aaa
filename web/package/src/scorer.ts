/** A loaded model, and what it says of molecules. */

import { batches } from "./batches.js";
import type { Engines } from "./engines.js";
import { DelicateError, typed } from "./errors.js";
import { Session } from "./session.js";
import { linked, refuseAborted, within } from "./signals.js";
import type {
  BackendName,
  Depiction,
  Endpoint,
  EngineInfo,
  Explanation,
  ModelInfo,
  Molecule,
  MoleculeFile,
  Row,
  ScoreOptions,
} from "./types.js";

/** Molecules in the first batch, and in the largest. */
const BATCH = { first: 32, largest: 2_048 };
/** A batch should take about this long: at its end, of several workers some have nothing to do. */
const BATCH_SECONDS = 2;

/** A loaded model. Made by {@link createScorer}; to be closed when it is not needed any more. */
export class Scorer {
  readonly #engines: Engines;
  readonly #info: EngineInfo;
  readonly #closing = new AbortController();
  /** One batch is scored at a time: a wish to cancel is then about the one it is meant for. */
  #queue: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(engines: Engines) {
    this.#engines = engines;
    this.#info = engines.current.info as EngineInfo;
  }

  /** What the model is. */
  get model(): ModelInfo {
    return this.#info.model;
  }

  /** What it predicts, in the order of each row's predictions. */
  get endpoints(): readonly Endpoint[] {
    return this.#info.model.endpoints;
  }

  /** What computes now. */
  get backend(): BackendName {
    return this.#engines.state.current ?? this.#info.backend;
  }

  /**
   * Why predictions have no interval, domain and nearest molecule, though the model has them: their
   * file could not be had. Null where nothing is missing.
   */
  get domainMissing(): DelicateError | null {
    const { domainMissing } = this.#engines.state;
    return domainMissing === null ? null : new DelicateError(domainMissing);
  }

  /** Tries again to have what {@link domainMissing} tells of; rejects where it cannot be had. */
  loadDomain(): Promise<void> {
    return this.#within(undefined, () => this.#engines.loadDomain());
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /**
   * Scores molecules in order, each as it comes: the source is read as far as the results are. A
   * molecule that cannot be scored has an `error` in its row and stops nothing.
   */
  async *score(
    molecules: Iterable<Molecule> | AsyncIterable<Molecule>,
    { signal }: ScoreOptions = {},
  ): AsyncGenerator<Row, void, undefined> {
    // A string is iterable too, a character at a time.
    if (typeof molecules === "string" || !isIterable(molecules)) {
      const message = "score() takes SMILES as an array or another iterable";
      throw new DelicateError({ code: "argument", message });
    }
    let size = BATCH.first;
    let index = 0;
    for await (const batch of batches(molecules, () => size)) {
      const given = batch.map(checked);
      const began = performance.now();
      for await (const row of this.#rows(asTable(given), signal)) {
        const { smiles = "", id = null } = given[row.index] ?? {};
        // There is no column of the caller's to name.
        if (row.error?.reason === "missing_structure") row.error.message = "the SMILES is empty";
        yield { ...row, index: index + row.index, smiles, id };
      }
      index += batch.length;
      const rate = batch.length / ((performance.now() - began) / 1_000);
      size = Math.min(BATCH.largest, Math.max(BATCH.first, Math.round(rate * BATCH_SECONDS)));
    }
  }

  /** Scores one molecule. */
  async scoreOne(molecule: Molecule, options: ScoreOptions = {}): Promise<Row> {
    for await (const row of this.score([molecule], options)) return row;
    throw new DelicateError({ code: "unexpected", message: "a molecule has no row" });
  }

  /** Reads a file or a text as a user has it, and scores its molecules in order. */
  async *scoreFile(
    file: MoleculeFile,
    { signal }: ScoreOptions = {},
  ): AsyncGenerator<Row, void, undefined> {
    const { contents, smilesColumn, idColumn } = file;
    const { name = typeof contents === "string" ? "pasted.txt" : "" } = file;
    const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
    const source = {
      name,
      bytes,
      ...(smilesColumn === undefined ? {} : { smilesColumn }),
      ...(idColumn === undefined ? {} : { idColumn }),
    };
    yield* this.#rows(source, signal);
  }

  /** What the prediction for a molecule rests on: what each of its atoms adds to it. */
  async explain(smiles: string, { signal }: ScoreOptions = {}): Promise<Explanation> {
    const source = asTable([checked(smiles)]);
    return this.#within(signal, async (wanted) => {
      const session = await Session.open(this.#engines, source, wanted);
      try {
        return await session.explain(0, wanted);
      } finally {
        session.close();
      }
    });
  }

  /** A mol block to draw a molecule from, and the place of each atom in it. */
  async depict(smiles: string): Promise<Depiction> {
    const molecule = { smiles: checked(smiles).smiles };
    return this.#within(undefined, () => this.#engines.current.call("depict", molecule));
  }

  /** Descriptors of a molecule by RDKit's names. */
  async descriptors(smiles: string): Promise<Record<string, number>> {
    const molecule = { smiles: checked(smiles).smiles };
    return this.#within(undefined, () => this.#engines.current.call("descriptors", molecule));
  }

  /** Ends whatever is under way, and frees the memory. */
  close(): void {
    this.#closing.abort();
    this.#engines.stop();
  }

  async *#rows(
    source: Parameters<typeof Session.open>[1],
    given: AbortSignal | undefined,
  ): AsyncGenerator<Row, void, undefined> {
    const { signal, release } = linked([given, this.#closing.signal]);
    let session: Session | null = null;
    let scoring: Promise<unknown> = Promise.resolve();
    try {
      this.#refuseIf(given);
      session = await Session.open(this.#engines, source, signal);
      const open = session;
      let wake = (): void => undefined;
      let over = false;
      scoring = this.#inTurn(async () => {
        if (!signal.aborted)
          await open.score({ onProgress: () => undefined, onRows: () => wake() });
      }).finally(() => {
        over = true;
      });
      // Met below, unless nobody waits any more.
      scoring.catch(() => undefined);
      signal.addEventListener("abort", () => open.cancel());
      for (let at = 0; at < open.rows.length; ) {
        this.#refuseIf(given);
        if (open.rows[at]?.state !== "pending") {
          yield this.#row(open, at);
          at += 1;
          continue;
        }
        if (over) {
          await scoring;
          const message = "the engine left a row without a result";
          throw new DelicateError({ code: "unexpected", message });
        }
        const rows = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([rows, scoring]);
      }
    } catch (error) {
      this.#refuseIf(given);
      throw typed(error);
    } finally {
      session?.cancel();
      await scoring.catch(() => undefined);
      session?.close();
      release();
    }
  }

  #row(session: Session, index: number): Row {
    const { rows, columns, scores } = session;
    const row = rows[index];
    const field = (at: number | null): string | null =>
      at === null ? null : (row?.fields[at] ?? null);
    const base = { index, smiles: field(columns.smiles) ?? "", id: field(columns.id) };
    const standardization = row?.standardization ?? null;
    if (row === undefined || row.error !== null || standardization === null) {
      const missing = { message: "there is no result", reason: "missing", position: null };
      return { ...base, predictions: null, standardization, error: row?.error ?? missing };
    }
    const predictions = this.endpoints.map((definition, endpoint) => ({
      endpoint: definition.name,
      unit: definition.unit,
      task: definition.task ?? "regression",
      value: scores.value(index, endpoint),
      interval: scores.estimate(index, endpoint)?.interval ?? null,
      domain: scores.domain(index, endpoint),
      domain_reason: scores.isUndefined(index, endpoint)
        ? (definition.requires?.reason ?? null)
        : null,
      nearest: scores.neighbour(index, endpoint),
    }));
    const precision = session.precision(index) ?? this.#info.precision;
    return { ...base, predictions, standardization, precision, error: null };
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(action);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #within<T>(
    given: AbortSignal | undefined,
    action: (wanted: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { signal, release } = linked([given, this.#closing.signal]);
    try {
      this.#refuseIf(given);
      return await within(action(signal), given);
    } catch (error) {
      this.#refuseIf(given);
      throw typed(error);
    } finally {
      release();
    }
  }

  #refuseIf(signal: AbortSignal | undefined): void {
    if (this.closed) throw new DelicateError({ code: "closed", message: "the scorer was closed" });
    refuseAborted(signal);
  }
}

const isIterable = (given: unknown): boolean =>
  typeof given === "object" &&
  given !== null &&
  (Symbol.iterator in given || Symbol.asyncIterator in given);

function checked(molecule: Molecule): { smiles: string; id: string | null } {
  const given: unknown = molecule;
  if (typeof given === "string") return { smiles: given, id: null };
  const { smiles, id = null } = (given ?? {}) as { smiles?: unknown; id?: unknown };
  if (typeof smiles !== "string" || (id !== null && typeof id !== "string")) {
    const message = `a molecule is ${JSON.stringify(given)}: it must be a SMILES, or { smiles, id } of strings`;
    throw new DelicateError({ code: "argument", message });
  }
  return { smiles, id };
}

/** As a table of two columns, in which even a missing molecule has a line. */
function asTable(molecules: readonly { smiles: string }[]): {
  name: string;
  bytes: Uint8Array;
  smilesColumn: string;
  idColumn: string;
} {
  const lines = molecules.map(
    ({ smiles }, index) => `"${smiles.replaceAll('"', '""')}",${index}\n`,
  );
  return {
    name: "molecules.csv",
    bytes: new TextEncoder().encode(`smiles,row\n${lines.join("")}`),
    smilesColumn: "smiles",
    idColumn: "row",
  };
}
