/** The menu of a column: its order, its filter with a histogram of it, and whether it is shown. */

import { band } from "../../package/src/cells.js";
import * as format from "../../package/src/format.js";
import { BANDS } from "../../package/src/words.js";
import type { App } from "../app.js";
import { type ColumnWords, numberText } from "../column-words.js";
import { element, find } from "../dom.js";
import { type ColumnFilters, typed } from "../filters.js";
import { boundsOf, countsOf, type Histogram, histogramOf, type Limits, medianOf } from "../plot.js";
import {
  type ColumnKey,
  type Containing,
  DOMAINS,
  EVERYTHING,
  type NumberKey,
  numbers,
  type Range,
  sameKey,
} from "../view.js";
import { bars, label, surface } from "./canvas.js";
import { closeBeside } from "./dialog.js";
import type { ResultTable } from "./table.js";

export interface ColumnMenu {
  /** Opens below `opener`; when it closes, the focus goes to what `back` finds. */
  open(key: ColumnKey, opener: HTMLElement, back: () => HTMLElement | null): void;
}

interface Means {
  table: ResultTable;
  filters: ColumnFilters;
  wordsOf(key: ColumnKey): ColumnWords;
  /** Rows with an error: how many there are, and whether they alone are shown. */
  errors: { count(): number; only(): boolean; set(only: boolean): void };
  /** Whether rows are told from others by the errors of this column. */
  holdsErrors(key: ColumnKey): boolean;
  isStructure(key: ColumnKey): boolean;
  /** Takes the column out of the table; null for one that stays. */
  hiding(key: ColumnKey): (() => void) | null;
  /** A substructure is to be looked for. */
  onSubstructure(): void;
}

const BINS = 24;
const HEIGHT = 88;
const EDGES = { side: 6, top: 4, bottom: 18 };
/** From the window's edges. */
const GAP = 12;
/** Two clicks as near and as soon after each other may be one double click. */
const NEAR = 8;
const DOUBLE_MS = 600;
/** Where the menu stands in the middle of the window instead of below its button. */
const NARROW = "(max-width: 40rem)";

export function columnMenu(app: App, means: Means): ColumnMenu {
  const { table, filters } = means;
  const dialog = find("column-menu", HTMLDialogElement);
  const title = find("column-menu-title", HTMLElement);
  const about = find("column-menu-about", HTMLElement);
  const body = find("column-menu-body", HTMLElement);
  const count = find("column-menu-count", HTMLElement);
  /** Where it stands, and what its parts need to be told. */
  let opener: HTMLElement | null = null;
  let back: () => HTMLElement | null = () => null;
  let renew: ((fresh: boolean) => void)[] = [];

  closeBeside(dialog);
  /** Where the pointer went down last, and where and when the menu was opened by it. */
  let pressed = { x: Number.NaN, y: Number.NaN };
  let opened = { ...pressed, at: 0 };
  window.addEventListener(
    "pointerdown",
    ({ clientX, clientY }) => {
      pressed = { x: clientX, y: clientY };
    },
    true,
  );
  // The second half of a double click is meant for the button, not for what has come over it.
  dialog.addEventListener(
    "click",
    (event) => {
      const near = Math.hypot(event.clientX - opened.x, event.clientY - opened.y) <= NEAR;
      if (event.detail === 0 || !near || event.timeStamp - opened.at > DOUBLE_MS) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
  dialog.addEventListener("close", () => {
    renew = [];
    body.replaceChildren();
    back()?.focus({ preventScroll: true });
  });
  app.changed.session.on(() => dialog.close());
  const say = (): void => {
    const total = app.session?.rows.length ?? 0;
    const shown = format.count(table.order.length);
    const wrong = body.querySelector<HTMLInputElement>("input[aria-invalid=true]");
    count.textContent =
      wrong !== null
        ? `“${wrong.value.trim()}” is not a number: this bound is not used.`
        : table.order.length === total
          ? `All ${format.plural(total, "row")} shown.`
          : `${shown} of ${format.plural(total, "row")} shown.`;
  };
  /** `fresh`: there are new values. */
  const told = (fresh: boolean): void => {
    if (!dialog.open) return;
    for (const one of renew) one(fresh);
    say();
  };
  table.arranged.on(() => told(false));
  app.changed.rows.on(() => told(true));

  /** Below its button, within the window. */
  const place = (): void => {
    if (opener === null) return;
    dialog.style.removeProperty("left");
    dialog.style.removeProperty("top");
    const narrow = window.matchMedia(NARROW).matches;
    dialog.classList.toggle("placed", !narrow);
    if (narrow) return;
    const around = (opener.closest("th") ?? opener).getBoundingClientRect();
    const { offsetWidth, offsetHeight } = dialog;
    const within = (wanted: number, size: number, room: number): string =>
      `${Math.max(GAP, Math.min(wanted, room - size - GAP))}px`;
    dialog.style.left = within(around.left, offsetWidth, window.innerWidth);
    dialog.style.top = within(around.bottom + 2, offsetHeight, window.innerHeight);
  };
  window.addEventListener("resize", () => {
    if (dialog.open) place();
  });

  const sorting = (key: ColumnKey, { orders }: ColumnWords): HTMLElement[] => {
    if (orders === null || key.by === "structure") return [];
    const { sort } = table.view;
    const sorted = sameKey(sort.key, key);
    const choices = [
      [orders[0], sorted && !sort.descending, { key, descending: false }],
      [orders[1], sorted && sort.descending, { key, descending: true }],
      ["File order", sort.key.by === "row" && !sort.descending, EVERYTHING.sort],
    ] as const;
    const buttons = choices.map(([text, pressed, wanted], place) => {
      const button = element(
        "button",
        { type: "button", autofocus: place === 0, attributes: { "aria-pressed": String(pressed) } },
        text,
      );
      button.addEventListener("click", () => {
        table.look({ sort: wanted });
        dialog.close();
      });
      return button;
    });
    return [part("Sort", element("div", { class: "segments" }, ...buttons))];
  };

  const byNumber = (key: NumberKey): HTMLElement[] => {
    const { content } = table;
    if (content === null) return [];
    const given = filters.of(key);
    let wanted: Range =
      given !== null && !("contains" in given)
        ? given
        : { key, low: null, high: null, domains: DOMAINS };
    const bound = (name: string, value: number | null): HTMLInputElement =>
      element("input", {
        type: "text",
        inputMode: "decimal",
        size: 8,
        autocomplete: "off",
        placeholder: name.toLowerCase(),
        value: value === null ? "" : String(value),
        attributes: { "aria-label": name },
      });
    const [low, high] = [bound("At least", wanted.low), bound("At most", wanted.high)];
    const read = (input: HTMLInputElement): number | null => {
      const value = typed(input.value);
      const wrong = Number.isNaN(value);
      input.setAttribute("aria-invalid", String(wrong));
      return wrong ? null : value;
    };
    const set = (change: Partial<Range>): void => {
      wanted = { ...wanted, ...change };
      filters.set(wanted);
      // A filter that stays as it was tells nobody.
      say();
    };
    for (const input of [low, high])
      input.addEventListener("input", () => set({ low: read(low), high: read(high) }));
    const chart = histogramChart({
      limits: key.by === "domain" ? { low: 0, high: content.counted.length } : null,
      values: () => {
        const number = numbers(content, key, table.keys);
        return Float64Array.from(content.rows, (_, row) => number(row));
      },
      order: () => table.order,
      text: (value) => numberText(key, value, app.model?.endpoints),
      onRange(range) {
        low.value = range.low === null ? "" : String(range.low);
        high.value = range.high === null ? "" : String(range.high);
        set({ low: read(low), high: read(high) });
      },
    });
    renew.push(chart.draw);
    const parts: HTMLElement[] = [
      chart.element,
      element("p", { class: "bounds" }, low, element("span", {}, "to"), high),
    ];
    if (key.by === "score") {
      const boxes = DOMAINS.map((domain) => {
        const box = element("input", {
          type: "checkbox",
          checked: wanted.domains.includes(domain),
        });
        box.addEventListener("change", () => {
          const others = wanted.domains.filter((one) => one !== domain);
          set({ domains: box.checked ? [...others, domain] : others });
        });
        return element("label", { class: "check" }, box, band(domain), capital(BANDS[domain]));
      });
      parts.push(element("div", { class: "domains" }, ...boxes));
    }
    return parts;
  };

  const byText = (key: Containing["key"]): HTMLElement[] => {
    const given = filters.of(key);
    const text = element("input", {
      type: "text",
      autocomplete: "off",
      spellcheck: false,
      value: given !== null && "contains" in given ? given.contains : "",
    });
    text.addEventListener("input", () => filters.set({ key, contains: text.value }));
    return [element("label", { class: "contains" }, "Contains ", text)];
  };

  const filtering = (key: ColumnKey, { holds }: ColumnWords): HTMLElement[] => {
    const parts: HTMLElement[] = [];
    if (holds === "numbers") parts.push(...byNumber(key as NumberKey));
    else if (holds === "text") parts.push(...byText(key as Containing["key"]));
    const errors = means.errors.count();
    if (means.holdsErrors(key) && (errors > 0 || means.errors.only())) {
      const box = element("input", { type: "checkbox", checked: means.errors.only() });
      box.addEventListener("change", () => means.errors.set(box.checked));
      const text = `Only rows with an error (${format.count(errors)})`;
      parts.push(element("label", { class: "check" }, box, text));
    }
    if (means.isStructure(key)) {
      const button = element("button", { type: "button" }, "Find a substructure…");
      button.addEventListener("click", () => {
        back = () => null;
        dialog.close();
        means.onSubstructure();
      });
      parts.push(button);
    }
    return parts.length === 0 ? [] : [part("Filter", ...parts)];
  };

  const actions = (key: ColumnKey): HTMLElement[] => {
    const made: HTMLElement[] = [];
    const clear = element("button", { type: "button", class: "quiet" }, "Clear this filter");
    const offer = (): void => {
      clear.disabled = filters.of(key) === null;
    };
    clear.addEventListener("click", () => {
      filters.remove(key);
      // With its fields empty.
      fill(key);
      body.querySelector<HTMLElement>("input, button")?.focus();
    });
    renew.push(offer);
    offer();
    if (body.querySelector("input") !== null) made.push(clear);
    const hide = means.hiding(key);
    if (hide !== null) {
      const button = element("button", { type: "button", class: "quiet" }, "Hide column");
      button.addEventListener("click", () => {
        hide();
        dialog.close();
      });
      made.push(button);
    }
    return made;
  };

  const fill = (key: ColumnKey): void => {
    const words = means.wordsOf(key);
    renew = [];
    title.textContent = words.title;
    const unit =
      words.unit === ""
        ? ""
        : words.unit === "probability"
          ? "A probability. "
          : `In ${words.unit}. `;
    about.textContent = `${unit}${words.about}`;
    about.hidden = about.textContent === "";
    body.replaceChildren(...sorting(key, words), ...filtering(key, words));
    const last = actions(key);
    if (last.length > 0) body.append(element("p", { class: "choice" }, ...last));
    say();
  };

  return {
    open(key, from, to) {
      opener = from;
      opened = { ...pressed, at: performance.now() };
      back = to;
      fill(key);
      dialog.showModal();
      place();
      told(false);
    },
  };
}

/** A named part of the menu. */
function part(name: string, ...content: HTMLElement[]): HTMLElement {
  return element("fieldset", {}, element("legend", {}, name), ...content);
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A histogram of all rows, those shown in another colour; a range is chosen by dragging over it. */
function histogramChart({
  limits,
  values,
  order,
  text,
  onRange,
}: {
  limits: Limits | null;
  /** One a row. */
  values(): Float64Array;
  /** The rows shown. */
  order(): readonly number[];
  /** One of them as the table has it. */
  text(value: number): string;
  onRange(range: { low: number | null; high: number | null }): void;
}): { element: HTMLElement; draw(fresh: boolean): void } {
  const canvas = element("canvas", { attributes: { role: "img" } });
  const nothing = element("p", { class: "hint", hidden: true }, "No numbers in this column yet.");
  const whole = element("div", { class: "histogram" }, canvas, nothing);
  let known: Histogram | null = null;
  let dragged: number | null = null;
  let frame = 0;

  const paint = (): void => {
    if (!canvas.isConnected) return;
    if (known === null) {
      const all = values();
      known = histogramOf(all, BINS, 4, limits);
      canvas.hidden = known === null;
      nothing.hidden = known !== null;
      if (known === null) return;
      const found = known.counts.reduce((sum, count) => sum + count, 0);
      const { low, high } = known.scale;
      canvas.setAttribute(
        "aria-label",
        `Histogram of ${format.plural(found, "value")} between ${label(low)} and ${label(high)}, median ${text(medianOf(all))}`,
      );
    }
    const { scale, bins, counts } = known;
    const drawn = surface(canvas, HEIGHT);
    if (drawn === null) return;
    const { context, width, colour } = drawn;
    const inner = width - 2 * EDGES.side;
    const bottom = HEIGHT - EDGES.bottom;
    const most = Math.max(...counts);
    const at = {
      bin: (bin: number): number => EDGES.side + (inner * bin) / BINS,
      y: (count: number): number => bottom - ((bottom - EDGES.top) * count) / most,
    };
    context.fillStyle = colour("--bar");
    bars(context, counts, at);
    context.fillStyle = colour("--accent");
    bars(
      context,
      countsOf(
        Int32Array.from(order(), (row) => bins[row] ?? -1),
        BINS,
      ),
      at,
    );
    context.fillStyle = colour("--soft");
    const ends = [scale.ticks[0], scale.ticks.at(-1)];
    for (const tick of scale.ticks) {
      const x = EDGES.side + (inner * (tick - scale.low)) / (scale.high - scale.low);
      context.textAlign = tick === ends[0] ? "left" : tick === ends[1] ? "right" : "center";
      const shift = tick === ends[0] ? -EDGES.side : tick === ends[1] ? EDGES.side : 0;
      context.fillText(label(tick), x + shift, HEIGHT - 5);
    }
  };
  const draw = (fresh: boolean): void => {
    if (fresh) known = null;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(paint);
  };
  const binAt = (event: PointerEvent): number => {
    const { left, width } = canvas.getBoundingClientRect();
    const share = (event.clientX - left - EDGES.side) / (width - 2 * EDGES.side);
    return Math.min(BINS - 1, Math.max(0, Math.floor(share * BINS)));
  };
  const choose = (event: PointerEvent): void => {
    if (dragged === null || known === null) return;
    const bin = binAt(event);
    onRange(boundsOf(known.scale, BINS, Math.min(dragged, bin), Math.max(dragged, bin)));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    dragged = binAt(event);
    choose(event);
  });
  let last = -1;
  canvas.addEventListener("pointermove", (event) => {
    if (dragged === null || binAt(event) === last) return;
    last = binAt(event);
    choose(event);
  });
  for (const end of ["pointerup", "pointercancel"] as const)
    canvas.addEventListener(end, () => {
      dragged = null;
    });
  return { element: whole, draw };
}
