/** The dialog in which the user chooses the columns of the table. */

import type { App } from "../app.js";
import { element, find } from "../dom.js";
import { groups, type ShownColumns } from "../shown-columns.js";
import { closeBeside } from "./dialog.js";

export function columnChoice(app: App, shown: ShownColumns, opener: HTMLButtonElement): void {
  const dialog = find("column-choice", HTMLDialogElement);
  const body = find("column-choice-body", HTMLElement);
  closeBeside(dialog);

  const box = (
    title: string,
    checked: boolean,
    onChange: (checked: boolean) => void,
    note = "",
  ): HTMLElement => {
    const input = element("input", { type: "checkbox", checked });
    input.addEventListener("change", () => onChange(input.checked));
    const label = element("label", { class: "check", title: note }, input, title);
    return element("li", {}, label);
  };
  const draw = (): void => {
    const endpoints = app.model?.endpoints ?? [];
    const visible = new Set(shown.endpoints);
    const parts: HTMLElement[] = [];
    for (const { name, endpoints: places } of groups(endpoints)) {
      const all = places.every((place) => visible.has(place));
      const toggle = element(
        "button",
        { type: "button", class: "link" },
        all ? "Hide all" : "Show all",
      );
      toggle.addEventListener("click", () => {
        shown.showEndpoints(places, !all);
        draw();
        body.querySelectorAll<HTMLElement>("button.link")[parts.length]?.focus();
      });
      const title = name === "" ? "Predicted" : name;
      toggle.setAttribute("aria-label", `${all ? "Hide all" : "Show all"} of ${title}`);
      parts.push(
        element(
          "fieldset",
          { class: "column-group" },
          element("legend", {}, title, " ", toggle),
          element(
            "ul",
            {},
            ...places.map((place) =>
              box(
                endpoints[place]?.title ?? "",
                visible.has(place),
                (checked) => shown.showEndpoints([place], checked),
                endpoints[place]?.description ?? "",
              ),
            ),
          ),
        ),
      );
    }
    const header = app.session?.columns;
    const fields = (header?.columns ?? []).flatMap((name, index) =>
      index === header?.smiles
        ? []
        : [box(name, shown.showsField(name), (checked) => shown.showField(name, checked))],
    );
    if (fields.length > 0)
      parts.push(
        element(
          "fieldset",
          { class: "column-group" },
          element("legend", {}, "From your table"),
          element("ul", {}, ...fields),
        ),
      );
    const actions = element("p", { class: "choice" });
    const reset = element("button", { type: "button", class: "quiet" }, "Usual columns");
    reset.addEventListener("click", () => {
      shown.reset();
      draw();
      body.querySelector<HTMLElement>("p.choice button")?.focus();
    });
    actions.append(reset);
    // Where the structures are mol blocks, or there is one column, there is nothing to choose.
    if (header !== undefined && header.smiles !== null && header.columns.length > 1) {
      const other = element("button", { type: "button", class: "quiet" }, "Read other columns…");
      other.disabled = app.phase !== "idle";
      other.addEventListener("click", () => {
        dialog.close();
        app.askForColumns();
      });
      actions.append(other);
    }
    body.replaceChildren(...parts, actions);
  };
  opener.addEventListener("click", () => {
    draw();
    dialog.showModal();
  });
}
