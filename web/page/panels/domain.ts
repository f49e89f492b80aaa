/** That values stand without intervals, domains and neighbours, why, and how to have them. */

import type { FailureData } from "../../package/src/errors.js";
import * as format from "../../package/src/format.js";
import { domainMissingWords } from "../../package/src/words.js";
import type { App } from "../app.js";
import { find } from "../dom.js";

/** What is said beside the table; empty where nothing is missing. */
export function domainWords(
  missing: Pick<FailureData, "message"> | null,
  unassessed: number,
): string {
  if (missing !== null)
    return `The values themselves are not affected. ${domainMissingWords(missing)}`;
  if (unassessed === 0) return "";
  const were = unassessed === 1 ? "was" : "were";
  return `${format.plural(unassessed, "row")} ${were} scored without intervals, domains and nearest training molecules, which could not be loaded then.`;
}

export function domainPanel(app: App): void {
  const panel = find("domain-missing", HTMLElement);
  const text = find("domain-missing-text", HTMLElement);
  const again = find("domain-again", HTMLButtonElement);
  let trying = false;
  let announced = "";

  const draw = (): void => {
    const { domainMissing } = app.engines.state;
    const words = domainWords(domainMissing, app.session?.unassessed ?? 0);
    panel.hidden = words === "" || (domainMissing === null && app.phase === "scoring");
    if (text.textContent !== words) text.textContent = words;
    const seen = panel.hidden || app.session === null ? "" : words;
    if (seen !== "" && seen !== announced) app.announce(seen);
    announced = seen;
    again.textContent = trying ? "Trying…" : domainMissing === null ? "Complete them" : "Try again";
  };
  again.addEventListener("click", async () => {
    if (trying) return;
    trying = true;
    draw();
    await app.loadDomain(() => {
      trying = false;
      draw();
    });
  });
  app.engines.changed.on(draw);
  app.changed.session.on(draw);
  app.changed.rows.on(draw);
  app.changed.phase.on(draw);
}
