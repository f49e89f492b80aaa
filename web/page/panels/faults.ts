/** What nothing else on the page has caught: no failure ends in silence. */

import * as format from "../../package/src/format.js";
import type { App } from "../app.js";

/** Told by browsers as an error, and harmless: what was observed is told in the next frame. */
const HARMLESS = /^ResizeObserver loop/;

/** What was thrown, in words: errors, objects with a message, text; empty for anything else. */
export function thrownWords(thrown: unknown): string {
  const { message } = Object(thrown) as { message?: unknown };
  const said = typeof thrown === "string" ? thrown : message;
  return typeof said === "string" ? said.trim() : "";
}

export function faultsPanel(app: App): void {
  const tell = (thrown: unknown): void => {
    const why = thrownWords(thrown);
    const what =
      why === ""
        ? "A part of this page failed."
        : `A part of this page failed: ${format.clause(why)}`;
    const scored = (app.session?.counts.scored ?? 0) > 0;
    const first = scored ? "Export what was scored, then reload" : "Reload";
    app.complain({
      text: `${what} ${first} the page; if it happens again, please report this message.`,
      action: { label: "Reload", run: () => location.reload() },
    });
  };
  window.addEventListener("error", ({ error, message }) => {
    if (!HARMLESS.test(message)) tell(error ?? message);
  });
  window.addEventListener("unhandledrejection", ({ reason }) => tell(reason));
  // Until here the script in the head tells what fails.
  document.documentElement.dataset.started = "true";
}
