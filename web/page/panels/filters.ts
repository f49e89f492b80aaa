/** Filters by number and by domain, as many as the user wants. */

import type { App } from "../app.js";
import { element, find } from "../dom.js";
import { groups } from "../shown-columns.js";
import type { NumberKey, Range } from "../view.js";

export interface FiltersPanel {
  /** Another filter stands in the same place. */
  besides: boolean;
  /** Takes all filters away, without telling of it. */
  clear(): void;
}

interface Wants {
  /** The user's columns that hold numbers. */
  numericFields(): { title: string; index: number }[];
  hasSimilarity(): boolean;
  onChange(ranges: Range[]): void;
  /** All filters are to go. */
  onClear(): void;
}

/** What a filter's choice of columns offers. */
export function numberColumns(
  app: App,
  { numericFields, hasSimilarity }: Omit<Wants, "onChange" | "onClear">,
) {
  const endpoints = app.model?.endpoints ?? [];
  const option = (key: NumberKey, title: string): HTMLOptionElement =>
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
  const own = numericFields().map(({ title, index }) => option({ by: "field", index }, title));
  if (hasSimilarity()) own.unshift(option({ by: "similarity" }, "Similarity to the actives"));
  if (own.length > 0) {
    const group = element("optgroup", {}, ...own);
    group.label = "Your table";
    parts.push(group);
  }
  return parts;
}

export function filtersPanel(app: App, wants: Wants): FiltersPanel {
  const open = find("filters-open", HTMLButtonElement);
  const panel = find("filters", HTMLElement);
  const list = find("filter-list", HTMLUListElement);
  const add = find("filter-add", HTMLButtonElement);
  const none = find("filter-clear", HTMLButtonElement);
  const readers = new Map<HTMLElement, () => Range>();
  let active: Range[] = [];
  /** A filter by substructure is in use. */
  let besides = false;

  const drawOpen = (): void => {
    const count = active.length + Number(besides);
    open.textContent = count === 0 ? "Filters" : `Filters (${count})`;
  };
  const changed = (): void => {
    const ranges = [...readers.values()].map((read) => read());
    active = ranges.filter(
      ({ low, high, domain }) => low !== null || high !== null || domain !== "any",
    );
    drawOpen();
    wants.onChange(active);
  };
  const addFilter = (): void => {
    const column = element(
      "select",
      { attributes: { "aria-label": "Column" } },
      ...numberColumns(app, wants),
    );
    if (column.options.length === 0) return;
    const bound = (label: string): HTMLInputElement =>
      element("input", {
        type: "text",
        inputMode: "decimal",
        size: 6,
        placeholder: label.toLowerCase(),
        attributes: { "aria-label": label },
      });
    const [low, high] = [bound("At least"), bound("At most")];
    const domain = element(
      "select",
      { attributes: { "aria-label": "Domain" } },
      element("option", { value: "any" }, "any domain"),
      element("option", { value: "borderline" }, "in or borderline"),
      element("option", { value: "in" }, "in domain"),
    );
    const remove = element(
      "button",
      { type: "button", class: "quiet", attributes: { "aria-label": "Remove this filter" } },
      "Remove",
    );
    const item = element("li", {}, column, low, element("span", {}, "to"), high, domain, remove);
    const number = (input: HTMLInputElement): number | null => {
      const text = input.value.trim().replace("\u2212", "-");
      const value = Number(text);
      const wrong = text !== "" && Number.isNaN(value);
      input.setAttribute("aria-invalid", String(wrong));
      return text === "" || wrong ? null : value;
    };
    readers.set(item, () => {
      const key = JSON.parse(column.value) as NumberKey;
      domain.hidden = key.by !== "score";
      return {
        key,
        low: number(low),
        high: number(high),
        domain: key.by === "score" ? (domain.value as Range["domain"]) : "any",
      };
    });
    for (const input of [low, high]) input.addEventListener("input", changed);
    for (const select of [column, domain]) select.addEventListener("change", changed);
    remove.addEventListener("click", () => {
      readers.delete(item);
      item.remove();
      add.focus();
      changed();
    });
    list.append(item);
    column.focus();
  };
  const clear = (): void => {
    readers.clear();
    list.replaceChildren();
    active = [];
    drawOpen();
  };

  open.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    open.setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden && readers.size === 0) addFilter();
  });
  add.addEventListener("click", addFilter);
  none.addEventListener("click", () => {
    clear();
    add.focus();
    wants.onClear();
    changed();
  });
  return {
    clear,
    get besides() {
      return besides;
    },
    set besides(used) {
      besides = used;
      drawOpen();
    },
  };
}
