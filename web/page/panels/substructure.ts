/** The filter by substructure: a SMARTS, looked for in the whole table. */

import { marked } from "../../package/src/cells.js";
import { DelicateError } from "../../package/src/errors.js";
import * as format from "../../package/src/format.js";
import type { App } from "../app.js";
import { find } from "../dom.js";
import type { KeptSubstructure } from "../store.js";
import type { Sought } from "../view.js";

export interface SubstructurePanel {
  /** What is looked for and was found; null where nothing is. */
  readonly smarts: string | null;
  /** The filter, to be kept; null where there is none. */
  readonly kept: KeptSubstructure | null;
  /** Filters by what was found before. */
  restore(kept: KeptSubstructure): void;
  /** Takes the filter away, without telling of it. */
  clear(): void;
}

/** `onChange`: other rows are to be shown. */
export function substructurePanel(
  app: App,
  { onChange }: { onChange(sought: Sought | null): void },
): SubstructurePanel {
  const form = find("substructure", HTMLFormElement);
  const smarts = find("smarts", HTMLInputElement);
  const wanted = find("smarts-wanted", HTMLSelectElement);
  const search = find("smarts-find", HTMLButtonElement);
  const cancel = find("smarts-cancel", HTMLButtonElement);
  const remove = find("smarts-remove", HTMLButtonElement);
  const state = find("smarts-state", HTMLElement);

  let running: AbortController | null = null;
  let found: { smarts: string; rows: Uint8Array } | null = null;

  const say = (...parts: (string | Node)[]): void => state.replaceChildren(...parts);
  const show = (): void => {
    const busy = running !== null;
    const focused = document.activeElement === search || document.activeElement === cancel;
    search.hidden = busy;
    cancel.hidden = !busy;
    remove.hidden = busy || found === null;
    if (focused) (busy ? cancel : search).focus();
  };
  /** Which filter stays in force where another was not found. */
  const inForce = (): string => {
    if (found === null) return "";
    const which = wanted.value === "with" ? "with" : "without";
    return ` The table still shows the rows ${which} ${found.smarts}, the pattern before; Remove ends that.`;
  };
  const clear = (): void => {
    running?.abort();
    running = null;
    found = null;
    smarts.value = "";
    smarts.setAttribute("aria-invalid", "false");
    say();
    show();
  };
  const tell = (): void => {
    if (found === null) return;
    const has = wanted.value === "with";
    onChange({ rows: found.rows, has });
    let [there, unknown] = [0, 0];
    for (const one of found.rows) {
      if (one === 1) there += 1;
      else if (one === 2) unknown += 1;
    }
    const parts = [
      `${format.count(there)} of ${format.plural(found.rows.length, "row")} contain it.`,
    ];
    if (unknown > 0) {
      const rows = `${format.plural(unknown, "row")} could not be searched`;
      parts.push(`${rows} and ${unknown === 1 ? "is" : "are"} left out.`);
    }
    say(parts.join(" "));
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const { session } = app;
    if (session === null || running !== null) return;
    const text = smarts.value;
    const run = new AbortController();
    running = run;
    smarts.setAttribute("aria-invalid", "false");
    const total = session.rows.length;
    say("Searching…");
    show();
    try {
      const rows = await session.matches(text, run.signal, (done) => {
        if (running === run)
          say(`Searching: ${format.count(done)} of ${format.plural(total, "row")}`);
      });
      if (running !== run) return;
      found = { smarts: text, rows };
      tell();
    } catch (error) {
      if (running !== run) return;
      const failure = error instanceof DelicateError ? error : null;
      if (failure?.code === "cancelled") say(`The search was cancelled.${inForce()}`);
      else if (failure?.code === "smarts") {
        smarts.setAttribute("aria-invalid", "true");
        const { position } = failure;
        const why = `${format.sentence(failure.message)} `;
        if (position === null) say(why, inForce());
        else say(why, marked(text, position, 60), inForce());
        smarts.focus();
      } else {
        const words = error instanceof Error ? error.message : String(error);
        say(`The search failed: ${format.clause(words)}${inForce()}`);
      }
    } finally {
      if (running === run) {
        running = null;
        show();
      }
    }
  });
  wanted.addEventListener("change", tell);
  cancel.addEventListener("click", () => running?.abort());
  remove.addEventListener("click", () => {
    clear();
    smarts.focus();
    onChange(null);
  });

  return {
    get smarts() {
      return found?.smarts ?? null;
    },
    get kept() {
      return found === null ? null : { ...found, has: wanted.value === "with" };
    },
    restore({ smarts: text, rows, has }) {
      clear();
      if (rows.length !== app.session?.rows.length) return;
      smarts.value = text;
      wanted.value = has ? "with" : "without";
      found = { smarts: text, rows };
      tell();
      show();
    },
    clear,
  };
}
