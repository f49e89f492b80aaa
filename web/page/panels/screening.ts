/** Ranks the open table by its similarity to reference actives. */

import { DelicateError } from "../../package/src/errors.js";
import * as format from "../../package/src/format.js";
import type { SimilarityName } from "../../package/src/protocol.js";
import { Session } from "../../package/src/session.js";
import type { App } from "../app.js";
import { find } from "../dom.js";
import { rankingWords, TOLD, type Unusable, unusableWords } from "../ranking.js";
import type { Ranked } from "./table.js";

export interface ScreeningPanel {
  /** How the rows stand to the actives; null unless they were ranked. */
  ranked(): Ranked | null;
  /** Ranks the table by these actives, a line each. */
  rank(lines: string): void;
}

export function screeningPanel(app: App, { onRanked }: { onRanked(): void }): ScreeningPanel {
  const open = find("screening-open", HTMLButtonElement);
  const panel = find("screening", HTMLElement);
  const text = find("actives", HTMLTextAreaElement);
  const by = find("rank-by", HTMLSelectElement);
  const rank = find("rank", HTMLButtonElement);
  const cancel = find("rank-cancel", HTMLButtonElement);
  const clear = find("rank-clear", HTMLButtonElement);
  const state = find("rank-state", HTMLElement);
  let ranked: Ranked | null = null;
  let running: AbortController | null = null;

  const drop = (): void => {
    ranked?.actives.close();
    ranked = null;
    clear.hidden = true;
  };
  const draw = (): void => {
    const focused = document.activeElement === rank || document.activeElement === cancel;
    rank.hidden = running !== null;
    cancel.hidden = running === null;
    rank.disabled = app.phase !== "idle";
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
      state.textContent =
        "The table is still being scored. Rank it once that is done, or cancel the scoring first.";
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
      const bytes = new TextEncoder().encode(text.value);
      actives = await Session.open(app.engines, { name: "actives.txt", bytes }, controller.signal);
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
      const ranking = await session.rank(actives, chosen, controller.signal, (done) => {
        state.textContent = `Compared ${format.count(done)} of ${format.plural(total, "row")}…`;
      });
      if (app.session !== session || controller.signal.aborted) return;
      ranked = { ...ranking, actives };
      actives = null;
      state.textContent = `${rankingWords(session.rows, ranking, chosen)} ${left}`.trim();
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
  app.changed.phase.on(draw);
  app.changed.session.on(() => {
    running?.abort();
    running = null;
    drop();
    state.textContent = "";
    draw();
  });
  return {
    ranked: () => ranked,
    rank(lines) {
      panel.hidden = false;
      open.setAttribute("aria-expanded", "true");
      text.value = lines;
      void run();
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
