/** The filters in force, by column and by substructure; a column's own is set in its menu. */

import type { App } from "../app.js";
import { element, find } from "../dom.js";
import { type ColumnFilters, words } from "../filters.js";
import { groups } from "../shown-columns.js";
import { type ColumnKey, sameKey } from "../view.js";

export interface FiltersPanel {
  /** Another filter stands in the same place. */
  besides: boolean;
  /** Other columns can be filtered now. */
  show(): void;
  open(): void;
}

interface Wants {
  /** The user's columns that are offered. */
  fields(): { title: string; index: number }[];
  hasSimilarity(): boolean;
  /** Rows tell how many of their values are in domain. */
  hasDomains(): boolean;
  titleOf(key: ColumnKey): string;
  /** A column's menu is to open; the focus goes to `back` when it closes. */
  onMenu(key: ColumnKey, opener: HTMLElement, back: () => HTMLElement | null): void;
  /** All filters are to go. */
  onClear(): void;
}

/** What a choice of columns offers; a value is a column's key. */
export function columnOptions(
  app: App,
  { fields, hasSimilarity, hasDomains }: Pick<Wants, "fields" | "hasSimilarity" | "hasDomains">,
): HTMLElement[] {
  const endpoints = app.model?.endpoints ?? [];
  const option = (key: ColumnKey, title: string): HTMLOptionElement =>
    element("option", { value: JSON.stringify(key) }, title);
  const parts: HTMLElement[] = groups(endpoints).map(({ name, endpoints: places }) => {
    const group = element(
      "optgroup",
      {},
      ...places.map((endpoint) =>
        option({ by: "score", endpoint }, endpoints[endpoint]?.title ?? ""),
      ),
    );
    group.label = name === "" ? "Predicted" : name;
    return group;
  });
  const own = fields().map(({ title, index }) => option({ by: "field", index }, title));
  if (hasSimilarity()) own.unshift(option({ by: "similarity" }, "Similarity to the actives"));
  if (hasDomains()) own.unshift(option({ by: "domain" }, "Values in domain"));
  if (own.length > 0) {
    const group = element("optgroup", {}, ...own);
    group.label = "Your table";
    parts.push(group);
  }
  return parts;
}

export function filtersPanel(app: App, filters: ColumnFilters, wants: Wants): FiltersPanel {
  const open = find("filters-open", HTMLButtonElement);
  const panel = find("filters", HTMLElement);
  const list = find("filter-list", HTMLUListElement);
  const column = find("filter-column", HTMLSelectElement);
  const add = find("filter-add", HTMLButtonElement);
  const none = find("filter-clear", HTMLButtonElement);
  /** A filter by substructure is in use. */
  let besides = false;
  /** The column that the user chose last. */
  let chosen = "";
  /** The buttons that change a filter. */
  let changers: { key: ColumnKey; button: HTMLButtonElement }[] = [];

  const changerOf = (key: ColumnKey): HTMLButtonElement | null =>
    changers.find((one) => sameKey(one.key, key))?.button ?? null;
  const menu = (key: ColumnKey, opener: HTMLElement): void =>
    wants.onMenu(key, opener, () => changerOf(key) ?? add);

  const draw = (): void => {
    const count = filters.all.length + Number(besides);
    open.textContent = count === 0 ? "Filters" : `Filters (${count})`;
    none.disabled = count === 0;
    changers = [];
    list.replaceChildren(
      ...filters.all.map((filter) => {
        const title = wants.titleOf(filter.key);
        const make = (text: string): HTMLButtonElement =>
          element(
            "button",
            { type: "button", class: "quiet", attributes: { "aria-label": `${text}: ${title}` } },
            text,
          );
        const [change, remove] = [make("Change…"), make("Remove")];
        change.setAttribute("aria-haspopup", "dialog");
        changers.push({ key: filter.key, button: change });
        change.addEventListener("click", () => menu(filter.key, change));
        remove.addEventListener("click", () => {
          filters.remove(filter.key);
          add.focus();
        });
        const said = element("span", {}, element("strong", {}, title), ` ${words(filter)}`);
        return element("li", {}, said, change, remove);
      }),
    );
  };
  const show = (): void => {
    column.replaceChildren(...columnOptions(app, wants));
    column.value = chosen;
    if (column.selectedIndex === -1) column.selectedIndex = 0;
    add.disabled = column.options.length === 0;
    draw();
  };

  const turn = (hidden: boolean): void => {
    panel.hidden = hidden;
    open.setAttribute("aria-expanded", String(!hidden));
  };
  open.addEventListener("click", () => turn(!panel.hidden));
  column.addEventListener("change", () => {
    chosen = column.value;
  });
  add.addEventListener("click", () => {
    if (column.value !== "") menu(JSON.parse(column.value) as ColumnKey, add);
  });
  none.addEventListener("click", () => {
    filters.clear();
    wants.onClear();
    // It can do no more, and would keep the focus from everybody.
    add.focus();
  });
  filters.changed.on(draw);
  return {
    show,
    open: () => turn(false),
    get besides() {
      return besides;
    },
    set besides(used) {
      besides = used;
      draw();
    },
  };
}
