/** Ranks the open table by its similarity to reference actives. */

import { DelicateError } from "../../package/src/errors.js";
import * as format from "../../package/src/format.js";
import type { SimilarityName } from "../../package/src/protocol.js";
import { Session } from "../../package/src/session.js";
import type { App } from "../app.js";
import { find } from "../dom.js";
import { Meter } from "../meter.js";
import {
  type Cost,
  costOf,
  expectedWords,
  rankingWords,
  TOLD,
  type Unusable,
  unusableWords,
} from "../ranking.js";
import type { KeptRanking } from "../store.js";
import type { Ranked } from "./table.js";

export interface ScreeningPanel {
  /** How the rows stand to the actives; null unless they were ranked. */
  ranked(): Ranked | null;
  /** Ranks the table by these actives, a line each; resolves once that is done or given up. */
  rank(lines: string): Promise<void>;
  /** The ranking, to be kept; null unless there is one. */
  kept(): KeptRanking | null;
  /** Shows a ranking of the open table again; whether it is one of that. */
  restore(kept: KeptRanking): Promise<boolean>;
}

const WAITS =
  "The table is still being scored. Rank it once that is done, or cancel the scoring first.";
/** Fewer rows tell no rate. */
const MEASURED = 100;

export function screeningPanel(app: App, { onRanked }: { onRanked(): void }): ScreeningPanel {
  const open = find("screening-open", HTMLButtonElement);
  const panel = find("screening", HTMLElement);
  const text = find("actives", HTMLTextAreaElement);
  const by = find("rank-by", HTMLSelectElement);
  const rank = find("rank", HTMLButtonElement);
  const cancel = find("rank-cancel", HTMLButtonElement);
  const clear = find("rank-clear", HTMLButtonElement);
  const state = find("rank-state", HTMLElement);
  const expected = find("rank-expected", HTMLElement);
  const own = find("rank-own", HTMLElement);
  const ownText = find("rank-own-text", HTMLElement);
  let ranked: Ranked | null = null;
  /** What it was asked for, and what was said of it. */
  let asked: Pick<KeptRanking, "references" | "fromRow" | "by" | "said"> | null = null;
  /** The user's own references that those of a row took the place of; empty where there were none. */
  let replaced = "";
  let running: AbortController | null = null;
  const openActives = (references: string, signal: AbortSignal): Promise<Session> =>
    Session.open(
      app.engines,
      { name: "actives.txt", bytes: new TextEncoder().encode(references) },
      signal,
    );
  /** The references come from a row of the table, and not from the user. */
  let fromRow = false;
  /** What was compared of which table, all of it. */
  const compared = new WeakMap<Session, Set<Cost>>();
  /** Rows a second, as last measured. */
  const rates = new Map<Cost, number>();

  const setReplaced = (references: string): void => {
    replaced = references;
    own.hidden = replaced === "";
    const lines = replaced.split("\n").filter((line) => line.trim() !== "").length;
    ownText.textContent = `A row of the table took the place of your own reference${lines === 1 ? "" : `s (${format.count(lines)} lines)`}.`;
  };
  const drop = (): void => {
    ranked?.actives.close();
    ranked = null;
    clear.hidden = true;
  };
  const draw = (): void => {
    const focused = document.activeElement === rank || document.activeElement === cancel;
    rank.hidden = running !== null;
    cancel.hidden = running === null;
    const busy = app.phase !== "idle";
    rank.disabled = busy;
    rank.title = busy ? WAITS : "";
    const method = by.value as SimilarityName;
    const { session } = app;
    const before = session !== null && compared.get(session)?.has(costOf(method)) === true;
    expected.textContent = busy
      ? WAITS
      : expectedWords(method, session?.rows.length ?? 0, rates.get(costOf(method)) ?? null, before);
    expected.hidden = running !== null || session === null;
    if (focused) (running === null ? rank : cancel).focus();
  };
  const run = async (): Promise<void> => {
    const { session } = app;
    if (session === null || running !== null) return;
    if (text.value.trim() === "") {
      state.textContent = "Paste at least one reference molecule.";
      text.focus();
      return;
    }
    if (app.phase !== "idle") {
      // One worker does both, and what is cancelled of the one would end a batch of the other.
      state.textContent = WAITS;
      // The panel may have been hidden until now.
      app.announce(state.textContent);
      return;
    }
    drop();
    const controller = new AbortController();
    running = controller;
    draw();
    text.setAttribute("aria-invalid", "false");
    state.textContent = "Reading the references…";
    let actives: Session | null = null;
    try {
      const references = text.value;
      actives = await openActives(references, controller.signal);
      const total = session.rows.length;
      const chosen = by.value as SimilarityName;
      const unusable = await unusableOf(actives, chosen, controller.signal);
      const left = unusableWords(text.value, actives.rows.length, unusable);
      if (app.session !== session || controller.signal.aborted) return;
      if (unusable.length === actives.rows.length) {
        state.textContent = left;
        text.setAttribute("aria-invalid", "true");
        text.focus();
        return;
      }
      const meter = new Meter();
      meter.add(performance.now() / 1_000, 0);
      const cost = costOf(chosen);
      const known = compared.get(session) ?? new Set();
      const ranking = await session.rank(actives, chosen, controller.signal, (done) => {
        meter.add(performance.now() / 1_000, done);
        const { rate } = meter;
        // What is kept from before goes faster than anything.
        if (rate !== null && done >= MEASURED && !known.has(cost)) rates.set(cost, rate);
        const rest = meter.left(total - done);
        const time = rest === null || done === total ? "" : `, ${format.duration(rest)} left`;
        const text = `Compared ${format.count(done)} of ${format.plural(total, "row")}${time}…`;
        state.textContent = `${text} ${left}`.trim();
      });
      compared.set(session, known.add(cost));
      if (app.session !== session || controller.signal.aborted) return;
      ranked = { ...ranking, actives };
      actives = null;
      const said = `${rankingWords(session.rows, ranking, chosen)} ${left}`.trim();
      state.textContent = said;
      asked = { references, fromRow, by: chosen, said };
      clear.hidden = false;
    } catch (error) {
      const cancelled = error instanceof DelicateError && error.code === "cancelled";
      state.textContent = cancelled
        ? "Cancelled. What has been compared so far is kept for next time."
        : format.sentence(error instanceof Error ? error.message : String(error));
    } finally {
      actives?.close();
      if (running === controller) running = null;
      draw();
      onRanked();
    }
  };

  open.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    open.setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden) text.focus();
  });
  rank.addEventListener("click", () => void run());
  cancel.addEventListener("click", () => running?.abort());
  clear.addEventListener("click", () => {
    drop();
    state.textContent = "The ranking was removed.";
    onRanked();
    rank.focus();
  });
  text.addEventListener("input", () => {
    fromRow = false;
  });
  find("rank-own-back", HTMLButtonElement).addEventListener("click", () => {
    text.value = replaced;
    fromRow = false;
    setReplaced("");
    state.textContent = "Your own references are back. Rank the table to compare with them.";
    text.focus();
  });
  by.addEventListener("change", draw);
  app.changed.phase.on(draw);
  app.changed.session.on(() => {
    // They are of the table before, and took the place of the user's own.
    if (fromRow) text.value = replaced;
    fromRow = false;
    setReplaced("");
    running?.abort();
    running = null;
    drop();
    state.textContent = "";
    draw();
  });
  return {
    kept() {
      if (ranked === null || asked === null) return null;
      const { similarities, nearest } = ranked;
      return { ...asked, similarities, nearest, replaced };
    },
    async restore({ similarities, nearest, replaced: before, ...kept }) {
      const { session } = app;
      const known = [...by.options].some(({ value }) => value === kept.by);
      if (session === null || running !== null || ranked !== null || !known) return false;
      if (similarities.length !== session.rows.length) return false;
      const { signal } = new AbortController();
      const actives = await openActives(kept.references, signal).catch(() => null);
      if (actives === null) return false;
      const fits = nearest.every((row) => row < actives.rows.length);
      if (!fits || app.session !== session || running !== null || ranked !== null) {
        actives.close();
        return false;
      }
      ranked = { similarities, nearest, actives };
      asked = kept;
      fromRow = kept.fromRow;
      // What the user has pasted meanwhile is not lost for that.
      const mine = text.value.trim() === kept.references.trim() ? "" : text.value.trim();
      text.value = kept.references;
      setReplaced(mine || before);
      by.value = kept.by;
      state.textContent = kept.said;
      clear.hidden = false;
      draw();
      onRanked();
      return true;
    },
    ranked: () => ranked,
    rank(lines) {
      panel.hidden = false;
      open.setAttribute("aria-expanded", "true");
      const mine = text.value.trim();
      // Not what another row has put there.
      if (!fromRow && mine !== "" && mine !== lines) setReplaced(mine);
      text.value = lines;
      fromRow = true;
      return run();
    },
  };
}

/**
 * The references that nothing can be compared with, themselves included, and why; of those after
 * the first few the reason is not asked for.
 */
async function unusableOf(
  actives: Session,
  by: SimilarityName,
  signal: AbortSignal,
): Promise<Unusable[]> {
  const { nearest } = await actives.rank(actives, by, signal, () => undefined);
  const rows = Array.from(nearest.keys()).filter((row) => (nearest[row] ?? -1) < 0);
  const unusable: Unusable[] = [];
  for (const row of rows) {
    const error = unusable.length < TOLD ? await actives.errorOf(row, signal) : null;
    unusable.push({ row, error });
  }
  return unusable;
}
