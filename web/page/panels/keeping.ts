/** Keeps scores over a reload, those of the open table and those that were put aside. */

import * as format from "../../package/src/format.js";
import type { Session } from "../../package/src/session.js";
import type { App, Aside, Input } from "../app.js";
import { find } from "../dom.js";
import type { Selection } from "../selection.js";
import * as store from "../store.js";
import { asidePanel } from "./aside.js";
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

const isLarge = ({ input, found }: Aside): boolean =>
  isTooLarge(input.source.bytes.length, found.results.length * found.scores.endpoints);

const asideOf = ({ input, found }: store.Kept, { id, seen }: Pick<Aside, "id" | "seen">): Aside => {
  const scored = found.results.filter(({ state }) => state === "scored").length;
  return { id, input, found, scored, seen, cleared: false };
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
    isAwaited,
  }: {
    model: string;
    results: Pick<ResultsPanel, "table" | "look" | "lookAgain">;
    screening: Pick<ScreeningPanel, "kept" | "restore">;
    selection: Selection;
    onShow(input: Input): void;
    /** Whether the user has chosen something that is about to be opened. */
    isAwaited(): boolean;
  },
): KeepingPanel {
  const kept = find("kept", HTMLElement);
  const keptText = find("kept-text", HTMLElement);
  const unkept = find("unkept", HTMLElement);
  /** When the next save is due. */
  let due = 0;
  /** What is scored is in the database. */
  let saved = true;
  let saving: Promise<void> = Promise.resolve();
  let waiting = 0;
  /** Does something with the database after all that was begun before. */
  const inTurn = (work: () => Promise<void>): void => {
    waiting += 1;
    document.documentElement.dataset.keeping = "true";
    saving = saving
      .then(work)
      // Leaving the page writes it once more, or asks first.
      .catch(() => undefined)
      .then(() => {
        waiting -= 1;
        if (waiting === 0) document.documentElement.dataset.keeping = "false";
      });
  };
  /** Tables that are still to be forgotten. */
  let forgetting = 0;
  let saves = 0;
  /** Tables that were put aside and that the database has, or is to have. */
  let stored: readonly Aside[] = [];
  /** Those that it has from an earlier visit. */
  const there = new WeakSet<Aside>();
  /** Those that it has not, or cannot have. */
  const unsaved = new Set<Aside>();
  /** What an earlier visit kept is known. */
  let loaded = false;
  /** It is being shown again. */
  let restoring = false;

  const forget = (place: Parameters<typeof store.forget>[0]): void =>
    inTurn(() => store.forget(place));

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
    inTurn(async () => {
      try {
        await store.save(wanted);
        if (app.session !== session) return;
        unkept.hidden = true;
        if (own === saves && app.phase === "idle") saved = true;
      } catch {
        if (app.session === session) warn("This browser does not keep this table for a reload");
      } finally {
        const took = performance.now() - began;
        due = performance.now() + Math.max(EVERY_MS, REST * took);
      }
    });
  };

  const keepAside = (before: Aside): void => {
    unsaved.add(before);
    if (isLarge(before)) return;
    const { id, input, found, seen } = before;
    inTurn(async () => {
      await store.saveAside({ model, id, input, found, seen });
      unsaved.delete(before);
      // The next visit has it from aside.
      if (!restoring && (app.session?.counts.scored ?? 0) === 0) await store.forget("last");
    });
  };
  /** Those that are still to be forgotten. */
  const dropped = new Set<number>();
  const dropAside = (before: Aside): void => {
    unsaved.delete(before);
    dropped.add(before.id);
    inTurn(async () => {
      await store.forgetAside(before.id);
      dropped.delete(before.id);
    });
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
    else if (loaded && unsaved.size === 0) forget("last");
  });
  // Nothing of it stays on this device.
  app.changed.forgotten.on(() => {
    forgetting += 1;
    inTurn(() =>
      store.forgetOpen().finally(() => {
        forgetting -= 1;
      }),
    );
  });
  // What is back is by then not all that is seen.
  app.changed.phase.on(() => {
    if (app.phase === "scoring") kept.hidden = true;
  });
  const lookNow = (): store.Look => ({ ...results.look, selected: selection.rows });
  /** How often each was changed, and how many of these changes the database has. */
  const changes = { look: 0, ranking: 0 };
  const written = { look: 0, ranking: 0 };
  const write = (part: keyof typeof changes, work: () => Promise<void>): void => {
    const until = changes[part];
    inTurn(async () => {
      await work();
      written[part] = until;
    });
  };
  const isUnwritten = (part: keyof typeof changes): boolean => changes[part] > written[part];
  let looking: number | undefined;
  const writeLook = (): void => {
    window.clearTimeout(looking);
    if (app.session === null) return;
    const look = lookNow();
    write("look", () => store.saveLook(look));
  };
  const saveLook = (): void => {
    window.clearTimeout(looking);
    if (!loaded || restoring || app.session === null) return;
    changes.look += 1;
    looking = window.setTimeout(writeLook, LOOK_MS);
  };
  const saveRanking = (): void => {
    if (!loaded || restoring) return;
    changes.ranking += 1;
    const ranking = screening.kept();
    write("ranking", () =>
      ranking === null ? store.forget("ranking") : store.saveRanking(ranking),
    );
  };
  /** What is lost if the page is left now and nothing is done about it. */
  const unwritten = (): store.Unwritten => ({
    ...(forgetting > 0 ? { last: null, look: null, ranking: null } : {}),
    ...(isUnwritten("look") && app.session !== null ? { look: lookNow() } : {}),
    ...(isUnwritten("ranking") ? { ranking: screening.kept() } : {}),
  });
  /** What was opened before it was known what is kept has its own look and ranking in the tab's place. */
  const keepOwnLook = (): void => {
    if (app.session === null) return;
    saveRanking();
    saveLook();
  };
  const isOpen = (session: Session): boolean => app.session === session;
  results.table.arranged.on(saveLook);
  selection.changed.on(saveLook);
  /** Rows are ranked, sorted, filtered and selected as they were. */
  app.views = {
    seen: () => ({ look: lookNow(), ranking: screening.kept() }),
    async show(session, { look, ranking }) {
      if (ranking !== null) await screening.restore(ranking);
      if (!isOpen(session)) return;
      results.lookAgain(look);
      selection.rows = new Set([...look.selected].filter((row) => row < session.rows.length));
    },
  };
  asidePanel(app, { isLarge, onShow });
  app.changed.asides.on(() => {
    const wanted = app.asides.filter(({ cleared }) => !cleared);
    const before = stored;
    stored = wanted;
    for (const one of wanted) if (!before.includes(one) && !there.has(one)) keepAside(one);
    for (const one of before) if (!wanted.includes(one)) dropAside(one);
  });
  find("kept-forget", HTMLButtonElement).addEventListener("click", () => {
    app.forget({ undo: false });
    onShow({ source: { name: "pasted.txt", bytes: new Uint8Array() }, text: "" });
    app.say("It was removed from this device.");
  });
  // A phone may end a page that is out of sight, and asks nobody.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") return;
    if (!saved) save();
    if (isUnwritten("look")) writeLook();
  });
  window.addEventListener("beforeunload", (event) => {
    const scored = app.session?.counts.scored ?? 0;
    const wanted = saved || scored === 0 ? null : current();
    store.saveNow({ ...unwritten(), ...(wanted === null ? {} : { last: wanted }) }, dropped);
    // Nobody is asked about what is there again: the open table, and what was scored of it so far.
    const loses = !saved && scored > 0 && (wanted === null || !unkept.hidden || !store.isOpen());
    if (loses || unsaved.size > 0) event.preventDefault();
  });

  return {
    onRanked: saveRanking,
    async restore() {
      const tab = await store.begin(model);
      const [last, aside, look, ranking] = await Promise.all([
        store.load().catch(() => null),
        store.loadAsides().catch(() => []),
        store.loadLook().catch(() => null),
        store.loadRanking().catch(() => null),
      ]);
      const found = last?.model === model ? last : null;
      const before = aside.filter((kept) => kept.model === model);
      const seen = look === null ? null : { look, ranking };
      loaded = true;
      void store.cleanUp(model).catch(() => undefined);
      const idle = app.session === null && app.phase === "idle" && !isAwaited();
      const busy = !idle || location.hash !== "";
      const typed = document.querySelector<HTMLTextAreaElement>("#smiles")?.value !== "";
      const offers = busy || typed || !tab.opens;
      const asides = before.map((kept) => asideOf(kept, kept));
      if (tab.from === tab.id) for (const one of asides) there.add(one);
      const id = Math.max(Date.now(), (asides[0]?.id ?? 0) + 1);
      const opened = found === null ? null : asideOf(found, { id, seen });
      // What is not opened again is not lost for that.
      if (opened !== null && offers) asides.unshift(opened);
      if (opened === null || offers) {
        app.offer(asides);
        keepOwnLook();
        return;
      }
      const { input } = opened;
      onShow(input);
      restoring = true;
      let forgotten = false;
      app.changed.forgotten.on(() => {
        forgotten = true;
      });
      try {
        const opening = app.restore(opened);
        app.offer(asides);
        const session = await opening;
        // Where it cannot be opened, it is not lost; what took its place has put it aside.
        if (session === null && !forgotten) app.offer([opened]);
        if (session === null || !isOpen(session)) return;
        const name = input.text === null ? input.source.name : "Your list";
        const { scored } = session.counts;
        keptText.textContent = `${name} is back from your last visit, with ${format.plural(scored, "scored row")}; it was kept on this device only.`;
        kept.hidden = false;
      } finally {
        restoring = false;
        keepOwnLook();
      }
    },
  };
}
