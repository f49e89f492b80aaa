/** Keeps scores over a reload, and offers to bring back those of the table before. */

import * as format from "../../package/src/format.js";
import type { App, Input } from "../app.js";
import { find } from "../dom.js";
import * as store from "../store.js";

/** Larger tables are not kept: writing them would take seconds. */
const LARGEST = { bytes: 40_000_000, values: 6_000_000 };
/** How often scores are saved while more are coming, at most. */
const EVERY_MS = 2_000;
/** For how many times as long as it took the next save waits. */
const REST = 20;

export const isTooLarge = (bytes: number, values: number): boolean =>
  bytes > LARGEST.bytes || values > LARGEST.values;

export interface KeepingPanel {
  /** Opens what was kept at the last visit, unless something is open by then. */
  restore(): Promise<void>;
}

export function keepingPanel(
  app: App,
  { model, onShow }: { model: string; onShow(input: Input): void },
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
      .then(() => store.save(wanted))
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

  app.changed.rows.on(() => {
    saved = false;
    if (app.phase === "idle" || performance.now() > due) save();
  });
  app.changed.session.on(() => {
    kept.hidden = true;
    unkept.hidden = true;
    saved = true;
    if (app.session !== null) save();
    // Given up for good, as far as the next visit goes.
    else if (app.phase === "idle") saving = saving.then(store.forget).catch(() => undefined);
  });
  app.changed.aside.on(() => {
    const before = app.aside;
    aside.hidden = before === null;
    if (before === null) return;
    const { input, scored } = before;
    const name = input.text === null ? input.source.name : "your list";
    asideText.textContent = `The scores of ${name} (${format.plural(scored, "row")}) were put aside.`;
  });
  back.addEventListener("click", async () => {
    const before = app.aside;
    if (before === null) return;
    onShow(before.input);
    await app.bringBack();
    if (app.aside === null) aside.hidden = true;
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
    if (!scoring && saved) return;
    event.preventDefault();
    const wanted = current();
    if (wanted !== null) store.saveNow(wanted);
  });

  return {
    async restore() {
      const found = await store.load().catch(() => null);
      const busy = app.session !== null || app.phase !== "idle" || location.hash !== "";
      const typed = document.querySelector<HTMLTextAreaElement>("#smiles")?.value !== "";
      if (found === null || found.model !== model || busy || typed) return;
      onShow(found.input);
      const session = await app.open(found.input, found.found);
      if (session === null) return;
      const name = found.input.text === null ? found.input.source.name : "Your list";
      const { scored } = session.counts;
      keptText.textContent = `${name} is back from your last visit, with ${format.plural(scored, "scored row")}; it was kept on this device only.`;
      kept.hidden = false;
    },
  };
}
