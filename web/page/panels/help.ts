/** What the page shows and can do, in words. */

import * as format from "../../package/src/format.js";
import type { App } from "../app.js";
import { find } from "../dom.js";
import { closeBeside } from "./dialog.js";

/** What takes a question mark as text. */
const TYPED = "input:not([type=checkbox]), textarea, select, #editor *";

export function helpPanel(app: App): void {
  const dialog = find("help", HTMLDialogElement);
  const shading = find("help-shading", HTMLElement);
  const reference = find("help-reference", HTMLElement);
  const card = find("card-open", HTMLButtonElement);
  closeBeside(dialog);

  const open = (part: string | null = null): void => {
    if (dialog.open) return;
    dialog.showModal();
    dialog.scrollTop = 0;
    if (part !== null) document.getElementById(`help-${part}`)?.scrollIntoView();
  };
  const draw = (): void => {
    const among = app.model?.reference ?? null;
    shading.hidden = among === null;
    if (among !== null)
      reference.textContent = `the ${format.count(among.molecules)} ${among.name}`;
  };
  app.changed.model.on(draw);
  draw();

  find("help-open", HTMLButtonElement).addEventListener("click", () => open());
  for (const button of document.querySelectorAll<HTMLElement>("button[data-help]"))
    button.addEventListener("click", () => open(button.dataset.help));
  find("help-card", HTMLButtonElement).addEventListener("click", () => {
    dialog.close();
    card.click();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.matches(TYPED);
    if (event.key !== "?" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    open();
  });
}
