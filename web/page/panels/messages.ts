/** What went wrong, for everyone; what is going on, for screen readers. */

import type { App } from "../app.js";
import { element, find } from "../dom.js";

/** Long enough for a screen reader to have taken it up. */
const ALOUD_MS = 8_000;

export function messagesPanel(app: App): void {
  const complaint = find("message", HTMLElement);
  const status = find("status", HTMLElement);
  const aloud = find("aloud", HTMLElement);

  app.changed.complaint.on((told) => {
    complaint.hidden = told === null;
    if (told === null) return;
    complaint.replaceChildren(told.text);
    const { action } = told;
    if (action === undefined) return;
    const button = element("button", { type: "button" }, action.label);
    button.addEventListener("click", () => {
      app.complain(null);
      action.run();
    });
    complaint.append(" ", button);
  });
  app.changed.status.on((text) => {
    status.textContent = text;
  });
  let spoken: number | undefined;
  app.changed.aloud.on((text) => {
    aloud.textContent = text;
    // Whoever walks over the page later is not to come upon what is no longer so.
    window.clearTimeout(spoken);
    spoken = window.setTimeout(() => {
      aloud.textContent = "";
    }, ALOUD_MS);
  });
}
