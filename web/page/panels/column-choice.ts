/** The dialog in which the user chooses the columns of the table. */

import type { App } from "../app.js";
import { titles } from "../column-words.js";
import { element, find } from "../dom.js";
import { groups, type ShownColumns } from "../shown-columns.js";
import { closeBeside } from "./dialog.js";

/** A column that can be shown. */
interface Choice {
  title: string;
  /** What is in it. */
  about: string;
  shown: boolean;
  show(shown: boolean): void;
}

export function columnChoice(app: App, shown: ShownColumns, opener: HTMLButtonElement): void {
  const dialog = find("column-choice", HTMLDialogElement);
  const body = find("column-choice-body", HTMLElement);
  const search = find("column-search", HTMLInputElement);
  const none = find("column-none", HTMLElement);
  closeBeside(dialog);

  const group = (name: string, choices: Choice[]): HTMLElement => {
    const lines = choices.map(({ title, about, shown, show }) => {
      const input = element("input", { type: "checkbox", checked: shown });
      input.addEventListener("change", () => show(input.checked));
      const label = element("label", { class: "check", title: about }, input, title);
      const line = element("li", {}, label);
      line.dataset.words = `${title} ${about} ${name}`.toLowerCase();
      return { input, line, show };
    });
    const turn = (text: string, shown: boolean): HTMLElement => {
      const label = `${text} of ${name}`;
      const button = element(
        "button",
        { type: "button", class: "link", attributes: { "aria-label": label } },
        text,
      );
      button.addEventListener("click", () => {
        // Those that are searched for, where some are.
        for (const { input, line, show } of lines) {
          if (line.hidden || input.checked === shown) continue;
          input.checked = shown;
          show(shown);
        }
      });
      return button;
    };
    return element(
      "fieldset",
      { class: "column-group" },
      element("legend", {}, name, " ", turn("All", true), " ", turn("None", false)),
      element("ul", {}, ...lines.map(({ line }) => line)),
    );
  };
  const narrow = (): void => {
    const words = search.value.trim().toLowerCase();
    let found = 0;
    for (const part of body.querySelectorAll("fieldset")) {
      let here = 0;
      for (const line of part.querySelectorAll("li")) {
        line.hidden = !(line.dataset.words ?? "").includes(words);
        if (!line.hidden) here += 1;
      }
      part.hidden = here === 0;
      found += here;
    }
    none.textContent = found > 0 ? "" : "No column by that name.";
  };
  const draw = (): void => {
    const endpoints = app.model?.endpoints ?? [];
    const visible = new Set(shown.endpoints);
    const parts = groups(endpoints).map(({ name, endpoints: places }) =>
      group(
        name === "" ? "Predicted" : name,
        places.map((place) => ({
          title: endpoints[place]?.title ?? "",
          about: endpoints[place]?.description ?? "",
          shown: visible.has(place),
          show: (wanted) => shown.showEndpoints([place], wanted),
        })),
      ),
    );
    const header = app.session?.columns;
    const fields = titles(header?.columns ?? []).flatMap((title, index): Choice[] => {
      const show = (wanted: boolean): void => shown.showField(title, wanted);
      return index === header?.smiles
        ? []
        : [{ title, about: "", shown: shown.showsField(title), show }];
    });
    if (fields.length > 0) parts.push(group("From your table", fields));
    const actions = element("p", { class: "choice" });
    const reset = element("button", { type: "button", class: "quiet" }, "Default columns");
    reset.addEventListener("click", () => {
      shown.reset();
      draw();
      body.querySelector<HTMLElement>("p.choice button")?.focus();
    });
    actions.append(reset);
    // Where the structures are mol blocks, or there is one column, there is nothing to choose.
    if (app.canReadOthers) {
      const other = element(
        "button",
        { type: "button", class: "quiet" },
        "Use other input columns…",
      );
      other.disabled = app.phase !== "idle";
      other.addEventListener("click", () => {
        dialog.close();
        app.askForColumns();
      });
      actions.append(other);
    }
    body.replaceChildren(...parts, actions);
    narrow();
  };
  /** The button says how many of the endpoints there are to be seen. */
  const count = (): void => {
    const all = app.model?.endpoints.length ?? 0;
    opener.textContent = all === 0 ? "Columns" : `Columns (${shown.endpoints.length} of ${all})`;
  };
  shown.changed.on(count);
  app.changed.model.on(count);
  search.addEventListener("input", narrow);
  opener.addEventListener("click", () => {
    search.value = "";
    draw();
    dialog.showModal();
  });
}
