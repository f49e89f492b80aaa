/** What the page holds and what a user can do with it; the panels show the one and ask for the other. */

import type { Engines } from "../package/src/engines.js";
import { DelicateError } from "../package/src/errors.js";
import * as format from "../package/src/format.js";
import type {
  AddedColumn,
  ExportFormat,
  Header,
  ModelInfo,
  Source,
} from "../package/src/protocol.js";
import {
  type Found,
  type Kept,
  Session,
  type Workers,
  type Written,
} from "../package/src/session.js";
import { Signal } from "../package/src/signal.js";
import { foundWithRow, type NewRow, seenWithRow, withBlock, withRow } from "./joined.js";
import type { Seen } from "./store.js";

/** What the user gave. */
export interface Input {
  source: Source;
  /** The pasted text it was made from; null for a file. */
  text: string | null;
}

/** Which columns are to be read, asked of the user. */
export interface Question {
  /** The columns to choose from, and those in use. */
  header: Header;
  why: string;
  input: Input;
}

export interface Complaint {
  text: string;
  /** What the user can do about it. */
  action?: { label: string; run(): void };
}

/** A table that another took the place of, with what was found of it and how it was looked at. */
export interface Aside {
  /** Greater than that of any put aside before. */
  id: number;
  input: Input;
  found: Found;
  scored: number;
  seen: Seen | null;
  /** The user cleared it: it is there for this visit alone. */
  cleared: boolean;
}

/** A table with what was found of it and how it was looked at. */
export type Scored = Omit<Aside, "id" | "cleared">;

/** What tells how the open table is looked at, and shows one as it was. */
export interface Views {
  seen(): Seen | null;
  show(session: Session, seen: Seen): Promise<void>;
}

/** With one more the oldest is let go, which the user is told before and then. */
export const MOST_ASIDE = 8;

export type Phase = "idle" | "opening" | "scoring";

/** Less than that nobody waits for. */
const SLOW_EXPORT_MS = 500;

type AppEngines = Workers & Pick<Engines, "state" | "changed" | "start" | "loadDomain">;

export class App {
  /** Told after each change. */
  readonly changed = {
    model: new Signal(),
    /** A table was opened, or given up. */
    session: new Signal(),
    phase: new Signal(),
    /** Rows done so far, while scoring. */
    progress: new Signal<number>(),
    /** Some rows of the table have new results. */
    rows: new Signal(),
    question: new Signal(),
    /** The user gave the table up, not for another one. */
    forgotten: new Signal(),
    /** A scored table was put aside, or is so no longer. */
    asides: new Signal(),
    /** A table that was put aside had to make room for another. */
    letGo: new Signal<Aside>(),
    /** Null when there is nothing to complain of any more. */
    complaint: new Signal<Complaint | null>(),
    /** Told politely by a screen reader; seen elsewhere. */
    status: new Signal<string>(),
    /** Told by a screen reader alone. */
    aloud: new Signal<string>(),
  };
  readonly engines: AppEngines;
  views: Views = { seen: () => null, show: () => Promise.resolve() };

  #model: ModelInfo | null = null;
  #session: Session | null = null;
  #input: Input | null = null;
  #opening: {
    input: Input;
    session: Promise<Session | null>;
    end: AbortController;
    /** What of an earlier visit is being opened, and is not lost where something else is instead. */
    kept: Scored | null;
  } | null = null;
  #phase: Phase = "idle";
  #question: Question | null = null;
  #asides: readonly Aside[] = [];
  #exporting = false;
  /** The engines' last note, so that each is told once. */
  #note: string | null = null;

  constructor(engines: AppEngines) {
    this.engines = engines;
    engines.changed.on(() => this.#onEngines());
  }

  /** Known once it is loaded. */
  get model(): ModelInfo | null {
    return this.#model;
  }

  /** The open table. */
  get session(): Session | null {
    return this.#session;
  }

  /** What the open table was made from. */
  get input(): Input | null {
    return this.#input;
  }

  /** Scored tables that were open before, the last one first; replaced, never changed. */
  get asides(): readonly Aside[] {
    return this.#asides;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get question(): Question | null {
    return this.#question;
  }

  /**
   * Opens another table in the place of the one that is open or being opened; where it cannot be
   * opened, the one that was open is again.
   */
  open(input: Input, found: Kept | null = null, seen: Seen | null = null): Promise<Session | null> {
    return this.#openInPlace(input, found, seen, null);
  }

  /** Opens a table of an earlier visit; what takes its place before it is open has it put aside. */
  restore(kept: Scored): Promise<Session | null> {
    return this.#openInPlace(kept.input, kept.found, kept.seen, null, kept);
  }

  #openInPlace(
    input: Input,
    found: Kept | null,
    seen: Seen | null,
    /** What is being brought back: it takes no room. */
    back: Aside | null,
    kept: Scored | null = null,
  ): Promise<Session | null> {
    const [before, asides] = [this.#current(), this.#asides];
    this.#giveUp({ back });
    const end = new AbortController();
    const session = this.#open(input, end, found, seen).then(async (session) => {
      const failed = session === null && !end.signal.aborted && this.#question === null;
      const idle = this.#opening === null && this.#session === null;
      if (failed && idle && before !== null) {
        const again = await this.#reopen(before);
        // Otherwise what was open is aside.
        if (again !== null && again === this.#session) this.#setAsides(asides);
      }
      return session;
    });
    this.#opening = { input, session, end, kept };
    this.#setPhase("opening");
    return session;
  }

  /** Opens a table again that was put aside, as it was looked at then. */
  async bringBack(aside: Aside): Promise<void> {
    if (!this.#asides.includes(aside)) return;
    const { input, found, seen } = aside;
    const session = await this.#openInPlace(input, found, seen, aside);
    if (session !== null) this.dropAside(aside);
  }

  dropAside(aside: Aside): void {
    if (this.#asides.includes(aside)) this.#setAsides(this.#asides.filter((one) => one !== aside));
  }

  /** Has tables of an earlier visit aside, after those of this one: of each the newest, as far as there is room. */
  offer(asides: readonly Aside[]): void {
    const open = this.#input ?? this.#opening?.input ?? null;
    const all = [...this.#asides];
    for (const aside of asides) {
      const isOpen = open !== null && equal(aside.input, open);
      const isThere = all.some((one) => equal(one.input, aside.input));
      if (!isOpen && !isThere && all.length < MOST_ASIDE) all.push(aside);
    }
    if (all.length > this.#asides.length) this.#setAsides(all);
  }

  /** Gives up the table, and what is under way for it; what was scored is put aside. */
  putAside(): void {
    this.#giveUp();
  }

  /** The same for a table that is to leave nothing on this device; with `undo` it is aside for this visit. */
  forget({ undo }: { undo: boolean } = { undo: true }): void {
    this.#giveUp(undo ? { cleared: true } : { none: true });
    this.changed.forgotten.emit();
  }

  #giveUp({
    back = null,
    cleared = false,
    none = false,
  }: {
    back?: Aside | null;
    cleared?: boolean;
    none?: boolean;
  } = {}): void {
    const current = this.#current();
    if (current !== null && current.scored > 0 && !none)
      this.#addAside({ ...current, cleared }, back);
    this.#opening?.end.abort();
    this.#opening = null;
    this.#session?.close();
    this.#session = null;
    this.#input = null;
    this.complain(null);
    this.ask(null);
    // What was said of it would stand beside what is said of the next one.
    this.say("");
    this.#setPhase("idle");
    this.changed.session.emit();
  }

  /** What is open, or about to be open again, to be opened again. */
  #current(): Scored | null {
    const [session, input] = [this.#session, this.#input];
    if (session === null || input === null) return this.#opening?.kept ?? null;
    const { found, counts } = session;
    return { input, found, scored: counts.scored, seen: this.views.seen() };
  }

  /** Another table is aside, in the place of an older of the same molecules; `back` takes no room. */
  #addAside(aside: Omit<Aside, "id">, back: Aside | null): void {
    const newest = this.#asides.reduce((most, { id }) => Math.max(most, id), 0);
    const id = Math.max(Date.now(), newest + 1);
    const others = this.#asides.filter(
      (one) => one === back || one.scored > aside.scored || !equal(one.input, aside.input),
    );
    let room = MOST_ASIDE - 1;
    const gone: Aside[] = [];
    const kept = others.filter((one) => {
      if (one === back || room > 0) {
        if (one !== back) room -= 1;
        return true;
      }
      gone.push(one);
      return false;
    });
    this.#setAsides([{ ...aside, id }, ...kept]);
    for (const one of gone) this.changed.letGo.emit(one);
  }

  /** Scores what is not scored yet, once the input is open. */
  async score(input: Input): Promise<void> {
    if (this.#phase === "scoring" && this.#input !== null && same(this.#input, input)) return;
    const session = await this.#ensureOpen(input);
    // By then another may be open, or this one may be scored.
    if (session === null || session !== this.#session || this.phase !== "idle") return;
    const lacking = session.unassessed > 0 && !this.engines.domainMissing;
    if (session.counts.pending === 0 && !session.mixed && !lacking) {
      const none = session.rows.length === 0;
      this.say(none ? "There is no row to score." : "Every row has already been scored.");
      return;
    }
    this.complain(null);
    this.#restartBroken();
    this.#setPhase("scoring");
    const began = performance.now();
    try {
      const outcome = await session.score(
        {
          onProgress: (done) => {
            if (this.#session === session) this.changed.progress.emit(done);
          },
          onRows: () => {
            if (this.#session === session) this.changed.rows.emit();
          },
        },
        { uniform: true },
      );
      if (this.#session !== session) return;
      const { scored, failed } = session.counts;
      const parts = [`${format.count(scored)} scored`];
      if (failed > 0) parts.push(format.plural(failed, "error"));
      const time = format.duration((performance.now() - began) / 1_000);
      this.say(
        outcome === "finished"
          ? `Done: ${parts.join(", ")}, in ${time}.`
          : `Cancelled: ${parts.join(", ")}. Press Score to continue.`,
      );
    } catch {
      if (this.#session === session) {
        const { scored, pending } = session.counts;
        const left = `${format.count(pending)} not scored`;
        this.say(`Stopped: ${format.count(scored)} scored, ${left}.`);
      }
      // The engines have said why; said again, for what was complained of is gone from the page.
      this.#onEngines();
    } finally {
      if (this.#session === session) {
        this.#setPhase("idle");
        this.changed.rows.emit();
      }
    }
  }

  cancel(): void {
    this.#session?.cancel();
  }

  /**
   * Tries again to have the model's domain, and completes the rows that lack it; `onTried` is told
   * before that.
   */
  async loadDomain(onTried: () => void): Promise<void> {
    try {
      if (this.engines.domainMissing) await this.engines.loadDomain();
    } catch {
      // The engines' state says why.
      this.say("Intervals, domains and nearest training molecules could not be loaded.");
      return;
    } finally {
      onTried();
    }
    const input = this.#input;
    if (input !== null && (this.#session?.unassessed ?? 0) > 0) await this.score(input);
  }

  /** Rows as a file, all of them where none are given; null when it cannot be had, which the user is told. */
  async export(
    kind: ExportFormat,
    rows: readonly number[] | null = null,
    /** Columns beside the user's and the predictions, as they are once the file is begun. */
    added: () => readonly AddedColumn[] = () => [],
    /** Places of the endpoints that the file has, of each what a table shows; null for all there is. */
    endpoints: readonly number[] | null = null,
  ): Promise<(Written & { name: string }) | null> {
    const session = this.#session;
    const input = this.#input;
    if (session === null || input === null) return null;
    if (this.#exporting) {
      this.say("Another file is being written: this one was not begun.");
      return null;
    }
    this.#exporting = true;
    const slow = setTimeout(
      () => this.say(`Writing ${kind.toUpperCase()}: a large table takes a while…`),
      SLOW_EXPORT_MS,
    );
    try {
      const written = await session.export(
        kind,
        rows === null ? null : Uint32Array.from(rows),
        added,
        endpoints,
      );
      const stem = input.source.name.replace(/\.(gz|zst)$/i, "").replace(/\.[^.]+$/, "");
      const count = format.plural(rows?.length ?? session.rows.length, "row");
      const { unscored: left } = written;
      const unscored = left === 0 ? "" : `, ${format.count(left)} of them not scored yet`;
      const size = format.bytes(written.file.size);
      const columns = endpoints === null ? "" : " with the columns shown";
      this.say(`Exported ${count}${columns} as ${kind.toUpperCase()}${unscored}: ${size}.`);
      return { name: `${input.text === null ? stem : "molecules"}-scores.${kind}`, ...written };
    } catch (error) {
      this.complain({ text: `The export failed: ${message(error)}` });
      return null;
    } finally {
      clearTimeout(slow);
      this.#exporting = false;
    }
  }

  /** Whether the open table has other columns that its molecules could be read from. */
  get canReadOthers(): boolean {
    const header = this.#session?.columns;
    // Mol blocks are no column.
    return header !== undefined && header.smiles !== null && header.columns.length > 1;
  }

  /** Opens the table with a new row, and scores that; null where it cannot be had. */
  async join(row: NewRow): Promise<Input | null> {
    const [before, session] = [this.#current(), this.#session];
    if (before === null || session === null || this.#phase !== "idle") return null;
    const source = await this.#joined(session, row).catch(() => null);
    if (source === null || session !== this.#session || this.phase !== "idle") return null;
    // What was pasted stays a text.
    const text = before.input.text === null ? null : new TextDecoder().decode(source.bytes);
    const input = { source, text };
    const { replaces } = row;
    const seen = before.seen && seenWithRow(before.seen, replaces);
    const joined = await this.open(input, foundWithRow(before.found, replaces), seen);
    if (joined === null || joined !== this.#session) return null;
    // All of the table that was put aside for it is in this one.
    const aside = this.#asides.find((one) => one.input === before.input);
    if (aside !== undefined && joined.counts.scored >= aside.scored) this.dropAside(aside);
    // More would be to be scored than was asked for.
    const scores = joined.counts.pending === 1;
    if (scores) await this.score(input);
    const place = format.count((replaces ?? joined.rows.length - 1) + 1);
    const what =
      replaces === null ? `Added to the table as row ${place}` : `Row ${place} is corrected`;
    this.say(`${what}${scores ? "" : ", not scored yet"}.`);
    return input;
  }

  /** A table with the new row, in its own format; null where the row cannot be written in it. */
  async #joined(session: Session, row: NewRow): Promise<Source | null> {
    if (session.columns.smiles !== null) return withRow(session, row);
    const { block } = row;
    return block === null ? null : withBlock(session, await session.given(), { ...row, block });
  }

  /** Asks which columns of the open table are to be read instead. */
  askForColumns(): void {
    if (this.#session === null || this.#input === null) return;
    this.ask({
      header: this.#session.columns,
      why: "Choosing other columns discards the scores so far.",
      input: this.#input,
    });
  }

  ask(question: Question | null): void {
    this.#question = question;
    this.changed.question.emit();
  }

  say(text: string): void {
    this.changed.status.emit(text);
  }

  /** What appears somewhere on the page: a screen reader tells nothing of what was hidden before. */
  announce(text: string): void {
    this.changed.aloud.emit(text);
  }

  complain(complaint: Complaint | null): void {
    this.changed.complaint.emit(complaint);
  }

  async #open(
    input: Input,
    { signal }: AbortController,
    found: Kept | null,
    seen: Seen | null,
  ): Promise<Session | null> {
    this.#restartBroken();
    try {
      const session = await Session.open(this.engines, input.source, signal, found);
      if (signal.aborted) {
        session.close();
        return null;
      }
      this.#session = session;
      this.#input = input;
      this.#endOpening();
      if (seen !== null) await this.views.show(session, seen);
      return session;
    } catch (error) {
      if (signal.aborted) return null;
      this.#endOpening();
      if (error instanceof DelicateError && error.columns !== null) {
        const header = { columns: error.columns, smiles: null, id: null };
        const why =
          error.code === "no_smiles_column"
            ? "No column looks like SMILES. Choose one:"
            : format.sentence(error.message);
        this.ask({ header, why, input });
      } else {
        const why = message(error);
        const { name } = input.source;
        const text =
          input.text === null
            ? `${name} could not be opened: ${format.clause(why)}`
            : format.sentence(why);
        const retry = { label: "Try again", run: () => void this.score(input) };
        this.complain(this.engines.state.broken ? { text, action: retry } : { text });
      }
      return null;
    }
  }

  /** Opens what was open before another that cannot be opened; what is said of that stays. */
  async #reopen({ input, found, seen }: Scored): Promise<Session | null> {
    const end = new AbortController();
    const session = this.#open(input, end, found, seen);
    this.#opening = { input, session, end, kept: null };
    return session;
  }

  /** The table of an input, which is opened unless it is open or being opened. */
  #ensureOpen(input: Input): Promise<Session | null> {
    if (this.#input !== null && same(this.#input, input)) return Promise.resolve(this.#session);
    const opening = this.#opening;
    if (opening !== null && same(opening.input, input)) return opening.session;
    return this.open(input);
  }

  #endOpening(): void {
    this.#opening = null;
    this.#setPhase("idle");
    this.changed.session.emit();
  }

  #setAsides(asides: readonly Aside[]): void {
    this.#asides = asides;
    this.changed.asides.emit();
  }

  #setPhase(phase: Phase): void {
    this.#phase = phase;
    this.changed.phase.emit();
  }

  /** Engines that gave up may work by now: what they could not fetch may be there again. */
  #restartBroken(): void {
    if (this.engines.state.broken) void this.engines.start();
  }

  /** Starts the engines anew, and goes on with what they left undone. */
  #tryAgain(): void {
    void this.engines.start();
    this.complain(null);
    const input = this.#input;
    if (input !== null && (this.#session?.counts.pending ?? 0) > 0) void this.score(input);
  }

  #onEngines(): void {
    const { state } = this.engines;
    const measure = [state.cpu, state.webgpu].find((measure) => "info" in measure);
    if (this.#model === null && measure !== undefined && "info" in measure) {
      this.#model = measure.info.model;
      this.changed.model.emit();
    }
    if (state.broken) {
      const why = format.sentence(state.note ?? "the engine could not be started");
      const kept = (this.#session?.counts.scored ?? 0) > 0 ? " Rows scored so far are kept." : "";
      this.complain({
        text: why + kept,
        action: { label: "Try again", run: () => this.#tryAgain() },
      });
    } else if (state.note !== this.#note) {
      this.#note = state.note;
      if (state.note !== null) this.say(state.note);
    }
  }
}

/** Whether two inputs are one, whichever columns of it are read. */
function same(a: Input, b: Input): boolean {
  if (a.text !== null || b.text !== null) return a.text === b.text;
  return a.source.name === b.source.name && a.source.bytes === b.source.bytes;
}

/** Whether two inputs hold the same, read by the same columns, though a file may have been read twice. */
function equal(a: Input, b: Input): boolean {
  const [one, other] = [a.source, b.source];
  return (
    (a.text === null) === (b.text === null) &&
    one.name === other.name &&
    one.smilesColumn === other.smilesColumn &&
    one.idColumn === other.idColumn &&
    one.bytes.length === other.bytes.length &&
    (one.bytes === other.bytes || one.bytes.every((byte, at) => byte === other.bytes[at]))
  );
}

const message = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
