/** Keeps scores over a reload, and offers to bring back those of the table before. */

import * as format from "../../package/src/format.js";
import type { Session } from "../../package/src/session.js";
import type { App, Aside, Input } from "../app.js";
import { find } from "../dom.js";
import type { Selection } from "../selection.js";
import * as store from "../store.js";
import type { ResultsPanel } from "./results.js";
import type { ScreeningPanel } from "./screening.js";

/** Larger tables are not kept: writing them would take seconds. */
const LARGEST = { bytes: 40_000_000, values: 6_000_000 };
/** How often scores are saved while more are coming, at most. */
const EVERY_MS = 2_000;
/** For how many times as long as it took the next save waits. */
const REST = 20;
/** Somebody who selects row after row is waited for that long. */
const LOOK_MS = 300;

export const isTooLarge = (bytes: number, values: number): boolean =>
  bytes > LARGEST.bytes || values > LARGEST.values;

const asideOf = ({ input, found }: store.Kept): Aside => {
  const scored = found.results.filter(({ state }) => state === "scored").length;
  return { input, found, scored };
};

export interface KeepingPanel {
  /** Opens what was kept at the last visit, unless something is open by then. */
  restore(): Promise<void>;
  /** The table was ranked, or is so no longer. */
  onRanked(): void;
}

export function keepingPanel(
  app: App,
  {
    model,
    results,
    screening,
    selection,
    onShow,
  }: {
    model: string;
    results: Pick<ResultsPanel, "table" | "look">;
    screening: Pick<ScreeningPanel, "kept" | "restore">;
    selection: Selection;
    onShow(input: Input): void;
  },
): KeepingPanel {
  const aside = find("aside", HTMLElement);
  const asideText = find("aside-text", HTMLElement);
  const back = find("aside-back", HTMLButtonElement);
  const kept = find("kept", HTMLElement);
  const keptText = find("kept-text", HTMLElement);
  const unkept = find("unkept", HTMLElement);
  /** When the next save is due. */
  let due = 0;
  /** What is scored is in the database. */
  let saved = true;
  let saving: Promise<void> = Promise.resolve();
  let saves = 0;
  /** What was put aside is in the database. */
  let asideSaved = true;
  /** What an earlier visit kept is known. */
  let loaded = false;
  /** It is being shown again. */
  let restoring = false;

  /** After all that is being written. */
  const forget = (place: Parameters<typeof store.forget>[0]): void => {
    saving = saving.then(() => store.forget(place)).catch(() => undefined);
  };

  /** What would be kept now; null where there is nothing, or too much. */
  const current = (): store.Kept | null => {
    const { session, input } = app;
    if (session === null || input === null || session.counts.scored === 0) return null;
    const values = session.rows.length * session.scores.endpoints;
    if (isTooLarge(input.source.bytes.length, values)) {
      warn("This table is too large to be kept for a reload");
      return null;
    }
    return { model, input, found: session.found };
  };
  /** Said once for a table, and to be seen beside it for as long as that is so. */
  const warn = (why: string): void => {
    if (!unkept.hidden) return;
    unkept.textContent = `${why}: export it before you leave this page.`;
    unkept.hidden = false;
    app.announce(unkept.textContent);
  };
  const save = (): void => {
    const { session } = app;
    const began = performance.now();
    const wanted = current();
    if ((session?.counts.scored ?? 0) > 0) saved = false;
    if (wanted === null) return;
    saves += 1;
    const own = saves;
    // One at a time.
    due = Number.POSITIVE_INFINITY;
    saving = saving
      .then(() => store.save("last", wanted))
      .then(() => {
        if (app.session !== session) return;
        unkept.hidden = true;
        if (own === saves && app.phase === "idle") saved = true;
      })
      .catch(() => {
        // Leaving the page asks first.
        if (app.session === session) warn("This browser does not keep this table for a reload");
      })
      .finally(() => {
        const took = performance.now() - began;
        due = performance.now() + Math.max(EVERY_MS, REST * took);
      });
  };

  const keepAside = (before: Aside): void => {
    asideSaved = false;
    const { input, found } = before;
    const values = found.results.length * found.scores.endpoints;
    if (isTooLarge(input.source.bytes.length, values)) {
      asideText.textContent += " They are too many to be kept for a reload.";
      return;
    }
    saving = saving
      .then(() => store.save("aside", { model, input, found }))
      .then(() => {
        if (app.aside !== before) return;
        asideSaved = true;
        if (app.session !== null && app.session.counts.scored === 0) return store.forget("last");
      })
      // Leaving the page asks first.
      .catch(() => undefined);
  };

  app.changed.rows.on(() => {
    saved = false;
    if (app.phase === "idle" || performance.now() > due) save();
  });
  app.changed.session.on(() => {
    kept.hidden = true;
    unkept.hidden = true;
    saved = true;
    const { session } = app;
    if (session === null) return;
    // It is of the table before.
    if (loaded && !restoring) forget("ranking");
    if (session.counts.scored > 0) save();
    // The next visit has what was open before from aside.
    else if (loaded && asideSaved) forget("last");
  });
  // Nothing of it stays on this device, and what it took the place of is there for this visit.
  app.changed.forgotten.on(() => {
    saving = saving.then(store.forgetAll).catch(() => undefined);
    asideSaved = true;
  });
  // What is back is by then not all that is seen.
  app.changed.phase.on(() => {
    if (app.phase === "scoring") kept.hidden = true;
  });
  let looking: number | undefined;
  const saveLook = (): void => {
    window.clearTimeout(looking);
    if (!loaded || restoring || app.session === null) return;
    looking = window.setTimeout(() => {
      if (app.session === null) return;
      const look = { sort: results.table.view.sort, selected: selection.rows };
      saving = saving.then(() => store.saveLook(look)).catch(() => undefined);
    }, LOOK_MS);
  };
  const saveRanking = (): void => {
    if (!loaded || restoring) return;
    const ranking = screening.kept();
    if (ranking === null) forget("ranking");
    else saving = saving.then(() => store.saveRanking(ranking)).catch(() => undefined);
  };
  const isOpen = (session: Session): boolean => app.session === session;
  results.table.arranged.on(saveLook);
  selection.changed.on(saveLook);
  /** Rows are sorted and selected as they were. */
  const lookAgain = ({ sort, selected }: store.Look, ranked: boolean, rows: number): void => {
    if (sort.key.by !== "similarity" || ranked) results.look({ sort });
    selection.rows = new Set([...selected].filter((row) => row < rows));
  };
  app.changed.aside.on(() => {
    const before = app.aside;
    aside.hidden = before === null;
    if (before === null) {
      asideSaved = true;
      forget("aside");
      return;
    }
    const { input, scored } = before;
    const name = input.text === null ? input.source.name : "your list";
    asideText.textContent = `The scores of ${name} (${format.plural(scored, "row")}) were put aside.`;
    keepAside(before);
  });
  back.addEventListener("click", async () => {
    const before = app.aside;
    if (before === null) return;
    onShow(before.input);
    await app.bringBack();
  });
  find("aside-drop", HTMLButtonElement).addEventListener("click", () => app.dropAside());
  find("kept-forget", HTMLButtonElement).addEventListener("click", () => {
    app.forget();
    app.dropAside();
    onShow({ source: { name: "pasted.txt", bytes: new Uint8Array() }, text: "" });
    app.say("It was removed from this device.");
  });
  // A phone may end a page that is out of sight, and asks nobody.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && !saved) save();
  });
  window.addEventListener("beforeunload", (event) => {
    const scoring = app.phase === "scoring";
    if (!scoring && saved && asideSaved) return;
    event.preventDefault();
    const wanted = current();
    if (wanted !== null) store.saveNow(wanted);
  });

  /** What is kept of this model. */
  const ofModel = async (place: store.Place): Promise<store.Kept | null> => {
    const found = await store.load(place).catch(() => null);
    return found?.model === model ? found : null;
  };

  return {
    onRanked: saveRanking,
    async restore() {
      const tab = await store.begin(model);
      const [found, before, look, ranking] = await Promise.all([
        ofModel("last"),
        ofModel("aside"),
        store.loadLook().catch(() => null),
        store.loadRanking().catch(() => null),
      ]);
      loaded = true;
      void store.cleanUp(model).catch(() => undefined);
      const busy = app.session !== null || app.phase !== "idle" || location.hash !== "";
      const typed = document.querySelector<HTMLTextAreaElement>("#smiles")?.value !== "";
      const offers = busy || typed || !tab.opens;
      // What is not opened again is not lost for that.
      if (found !== null && offers) app.offer(asideOf(found));
      if (before !== null) app.offer(asideOf(before));
      if (found === null || offers) return;
      onShow(found.input);
      restoring = true;
      try {
        const session = await app.open(found.input, found.found);
        if (session === null) return;
        const ranked = ranking !== null && (await screening.restore(ranking));
        if (!isOpen(session)) return;
        if (look !== null) lookAgain(look, ranked, session.rows.length);
        const name = found.input.text === null ? found.input.source.name : "Your list";
        const { scored } = session.counts;
        keptText.textContent = `${name} is back from your last visit, with ${format.plural(scored, "scored row")}; it was kept on this device only.`;
        kept.hidden = false;
      } finally {
        restoring = false;
        // In the tab's own place, where that is another; or of another table that was opened meanwhile.
        saveRanking();
        saveLook();
      }
    },
  };
}
