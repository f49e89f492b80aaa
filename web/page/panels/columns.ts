/** Which columns of a file are read, where they are not found or the user wants others. */

import type { App } from "../app.js";
import { titles } from "../column-words.js";
import { element, find } from "../dom.js";

/** `onOpened`: the file was opened with the columns chosen. */
export function columnsPanel(app: App, { onOpened }: { onOpened(): void }): void {
  const panel = find("chooser", HTMLElement);
  const why = find("chooser-why", HTMLElement);
  const form = find("chooser-form", HTMLFormElement);
  const smiles = find("chooser-smiles", HTMLSelectElement);
  const id = find("chooser-id", HTMLSelectElement);
  const cancel = find("chooser-cancel", HTMLButtonElement);

  app.changed.question.on(() => {
    const { question } = app;
    panel.hidden = question === null;
    if (question === null) return;
    const { header } = question;
    const options = (): HTMLOptionElement[] =>
      titles(header.columns).map((title, place) =>
        element("option", { value: String(place) }, title),
      );
    smiles.replaceChildren(...options());
    id.replaceChildren(element("option", { value: "" }, "none"), ...options());
    smiles.selectedIndex = header.smiles ?? 0;
    id.selectedIndex = header.id === null ? 0 : header.id + 1;
    why.textContent = question.why;
    smiles.focus();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (app.question === null) return;
    const { input, header } = app.question;
    const { source, text } = input;
    const { idColumn: _, ...rest } = source;
    const isFound = smiles.selectedIndex === header.smiles;
    // By their places: several may have one name.
    const chosen = {
      ...rest,
      ...(isFound ? {} : { smilesColumn: Number(smiles.value) }),
      ...(id.value === "" ? {} : { idColumn: Number(id.value) }),
    };
    if ((await app.open({ source: chosen, text })) !== null) onOpened();
  });
  cancel.addEventListener("click", () => {
    app.ask(null);
    onOpened();
  });
}
