/** A histogram of a column or a scatter plot of two, in which the pointer selects rows. */

import { picture } from "../../package/src/drawing/library.js";
import { draw as drawPicture } from "../../package/src/drawing/picture.js";
import * as format from "../../package/src/format.js";
import type { Session } from "../../package/src/session.js";
import type { App } from "../app.js";
import { numberText, titles } from "../column-words.js";
import { element, find } from "../dom.js";
import { nameOf } from "../naming.js";
import {
  correlation,
  countsOf,
  histogramOf,
  type Limits,
  medianOf,
  type Scale,
  scaleOf,
} from "../plot.js";
import type { Selection } from "../selection.js";
import { type NumberKey, numbers } from "../view.js";
import { bars, label, line, surface } from "./canvas.js";
import { columnOptions } from "./filters.js";
import type { ResultTable } from "./table.js";

const HEIGHT = 340;
/** Room for the ticks and the names. */
const EDGES = { left: 64, right: 12, top: 12, bottom: 44 };
const BINS = 40;
/** How near the pointer must be to a point, in pixels. */
const NEAR = 8;
/** A pointer that rests as long has its molecule drawn. */
const REST_MS = 60;
/** Pixels for a unit of that drawing. */
const SIZE = 0.8;
/** A shorter way of the pointer is a click. */
const CLICK = 4;

/** What is plotted now: one entry a row shown, and where it stands. */
interface Plotted {
  rows: readonly number[];
  x: Float64Array;
  /** Null for a histogram. */
  y: Float64Array | null;
  across: Scale;
  up: Scale;
  bins: Int32Array | null;
  /** In how many rows each bin is. */
  counts: number[];
}

interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

interface Means {
  selection: Selection;
  table: ResultTable;
  onOpen(session: Session, row: number): void;
}

export function plotsPanel(app: App, { selection, table, onOpen }: Means): void {
  const open = find("plots-open", HTMLButtonElement);
  const panel = find("plots", HTMLElement);
  const across = find("plot-x", HTMLSelectElement);
  const up = find("plot-y", HTMLSelectElement);
  const canvas = find("plot-canvas", HTMLCanvasElement);
  const readout = find("plot-readout", HTMLElement);
  const molecule = find("plot-molecule", HTMLElement);
  /** The row under the pointer. */
  let under = -1;
  let plotted: Plotted | null = null;
  let brush: Area | null = null;
  let summary = "";
  let frame = 0;

  const fillChoices = (): void => {
    const options = (): HTMLElement[] =>
      columnOptions(app, {
        fields: () => {
          const header = app.session?.columns;
          return titles(header?.columns ?? []).flatMap((title, index) =>
            index !== header?.smiles && table.keys.isNumeric(index) ? [{ title, index }] : [],
          );
        },
        hasSimilarity: () => table.content?.ranked !== null,
        hasDomains: () => table.content?.calibrated === true,
      });
    for (const select of [across, up]) {
      const before = select.value;
      const none = element("option", { value: "" }, "count (histogram)");
      select.replaceChildren(...(select === up ? [none] : []), ...options());
      select.value = before;
      if (select.selectedIndex === -1) select.selectedIndex = 0;
    }
  };
  const titleOf = (select: HTMLSelectElement): string =>
    select.selectedOptions[0]?.textContent ?? "";
  /** The title with the unit, as an axis has it. */
  const axisOf = (select: HTMLSelectElement): string => {
    const key = JSON.parse(select.value) as NumberKey;
    const unit = key.by === "score" ? format.unitOf(app.model?.endpoints[key.endpoint] ?? {}) : "";
    return unit === "" ? titleOf(select) : `${titleOf(select)} (${unit})`;
  };

  /** A number of the column as the table has it. */
  const printed = (select: HTMLSelectElement, value: number): string =>
    numberText(JSON.parse(select.value) as NumberKey, value, app.model?.endpoints);

  /** No row has more values in domain than are shown. */
  const limitsOf = (select: HTMLSelectElement): Limits | null =>
    (JSON.parse(select.value) as NumberKey).by === "domain"
      ? { low: 0, high: table.content?.counted.length ?? 0 }
      : null;

  const compute = (): void => {
    const { content } = table;
    plotted = null;
    summary = "There are no numbers in this column yet.";
    if (content === null || across.value === "") return;
    const rows = table.order;
    const of = (select: HTMLSelectElement): Float64Array => {
      const number = numbers(content, JSON.parse(select.value) as NumberKey, table.keys);
      return Float64Array.from(rows, number);
    };
    const x = of(across);
    const y = up.value === "" ? null : of(up);
    if (y !== null) {
      const [horizontal, vertical] = [scaleOf(x, 6, limitsOf(across)), scaleOf(y, 6, limitsOf(up))];
      if (horizontal === null || vertical === null) return;
      plotted = { rows, x, y, across: horizontal, up: vertical, bins: null, counts: [] };
      const r = correlation(x, y);
      summary = `${titleOf(up)} over ${titleOf(across)}`;
      if (Number.isFinite(r)) summary += `, Pearson’s r ${format.score(r)}`;
    } else {
      const histogram = histogramOf(x, BINS, 6, limitsOf(across));
      if (histogram === null) return;
      const { scale, bins, counts } = histogram;
      // No tick between two whole numbers.
      const vertical = scaleOf([0, ...counts], Math.min(4, Math.max(...counts))) as Scale;
      plotted = { rows, x, y, across: scale, up: vertical, bins, counts };
      const found = counts.reduce((sum, count) => sum + count, 0);
      summary = `${titleOf(across)}: ${format.plural(found, "row")}, median ${printed(across, medianOf(x))}`;
    }
    summary += ". Drag over the plot to select rows.";
  };

  const place = (plot: Plotted) => {
    const { clientWidth: width } = canvas;
    const inner = {
      width: width - EDGES.left - EDGES.right,
      height: HEIGHT - EDGES.top - EDGES.bottom,
    };
    const share = (value: number, { low, high }: Scale): number => (value - low) / (high - low);
    return {
      x: (value: number): number => EDGES.left + inner.width * share(value, plot.across),
      y: (value: number): number => EDGES.top + inner.height * (1 - share(value, plot.up)),
      bin: (bin: number): number => EDGES.left + (inner.width * bin) / BINS,
    };
  };

  const paint = (): void => {
    if (panel.hidden) return;
    const drawn = surface(canvas, HEIGHT);
    if (drawn === null) return;
    const { context, width, colour } = drawn;
    canvas.setAttribute("aria-label", summary);
    readout.textContent = summary;
    if (plotted === null) return;
    const at = place(plotted);
    context.strokeStyle = colour("--line");
    context.fillStyle = colour("--soft");
    context.textAlign = "center";
    for (const tick of plotted.across.ticks) {
      line(context, at.x(tick), EDGES.top, at.x(tick), HEIGHT - EDGES.bottom);
      context.fillText(label(tick), at.x(tick), HEIGHT - EDGES.bottom + 16);
    }
    context.textAlign = "right";
    for (const tick of plotted.up.ticks) {
      line(context, EDGES.left, at.y(tick), width - EDGES.right, at.y(tick));
      context.fillText(label(tick), EDGES.left - 6, at.y(tick) + 4);
    }
    context.fillStyle = colour("--ink");
    context.textAlign = "center";
    context.fillText(axisOf(across), (EDGES.left + width) / 2, HEIGHT - 8);
    context.save();
    context.translate(14, (HEIGHT - EDGES.bottom + EDGES.top) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(up.value === "" ? "rows" : axisOf(up), 0, 0);
    context.restore();
    const chosen = selection.rows;
    if (plotted.y === null) {
      const { bins, rows } = plotted;
      const marked = (bins ?? []).filter((_, index) => chosen.has(rows[index] ?? -1));
      context.fillStyle = colour("--bar");
      bars(context, plotted.counts, at);
      context.fillStyle = colour("--accent");
      bars(context, countsOf(marked, BINS), at);
    } else {
      const many = plotted.rows.length > 5_000;
      const size = many ? 2 : 7;
      // The selected ones last, over the others, and larger: not by colour alone.
      for (const selected of [false, true]) {
        context.fillStyle = colour(selected ? "--accent" : "--bar");
        context.globalAlpha = selected || !many ? 1 : 0.5;
        const side = selected ? size + 2 : size;
        for (let index = 0; index < plotted.rows.length; index += 1) {
          if (chosen.has(plotted.rows[index] ?? -1) !== selected) continue;
          const [x, y] = [
            at.x(plotted.x[index] ?? Number.NaN),
            at.y(plotted.y[index] ?? Number.NaN),
          ];
          context.fillRect(x - side / 2, y - side / 2, side, side);
        }
      }
      context.globalAlpha = 1;
    }
    if (brush !== null) {
      context.strokeStyle = colour("--accent-strong");
      context.setLineDash([4, 3]);
      const { left, top, right, bottom } = upright(brush);
      context.strokeRect(left, top, right - left, bottom - top);
      context.setLineDash([]);
    }
  };
  const draw = (): void => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(paint);
  };
  const renew = (): void => {
    if (panel.hidden) return;
    fillChoices();
    compute();
    draw();
  };

  /** The places of the rows within an area of the plot. */
  const within = (area: Area): number[] => {
    if (plotted === null) return [];
    const { left, right, top, bottom } = upright(area);
    const at = place(plotted);
    const { rows, x, y, bins } = plotted;
    return rows.filter((_, index) => {
      const bin = bins?.[index] ?? -1;
      if (y === null) return bin >= 0 && at.bin(bin + 1) > left && at.bin(bin) < right;
      const [h, v] = [at.x(x[index] ?? Number.NaN), at.y(y[index] ?? Number.NaN)];
      return h >= left && h <= right && v >= top && v <= bottom;
    });
  };
  const nearest = (left: number, top: number): number | null => {
    const y = plotted?.y ?? null;
    if (plotted === null || y === null) return null;
    const at = place(plotted);
    let [best, distance] = [-1, NEAR];
    for (let index = 0; index < plotted.rows.length; index += 1) {
      const h = at.x(plotted.x[index] ?? Number.NaN) - left;
      const v = at.y(y[index] ?? Number.NaN) - top;
      const found = Math.hypot(h, v);
      if (found < distance) [best, distance] = [index, found];
    }
    return best === -1 ? null : best;
  };
  const pointed = (event: PointerEvent): [number, number] => {
    const { left, top } = canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };

  const drawUnder = async (session: Session, row: number): Promise<void> => {
    // A pointer that only passes by is not waited for.
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    if (under !== row) return;
    const [block = null] = await session.blocks([row]).catch((): null[] => []);
    const made = block === null ? null : await picture(block).catch(() => null);
    if (under !== row) return;
    molecule.replaceChildren(...(made === null ? [] : [drawPicture(made, "The molecule", SIZE)]));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const [x, y] = pointed(event);
    brush = { left: x, right: x, top: y, bottom: y };
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = pointed(event);
    if (brush !== null) {
      const whole = plotted?.y === null;
      brush = {
        ...brush,
        right: x,
        ...(whole ? { top: EDGES.top, bottom: HEIGHT - EDGES.bottom } : { bottom: y }),
      };
      draw();
      return;
    }
    const found = nearest(x, y);
    const row = found === null ? undefined : plotted?.rows[found];
    const { session } = app;
    if (row === undefined || session === null || found === null) {
      under = -1;
      readout.textContent = summary;
      molecule.replaceChildren();
      return;
    }
    if (row !== under) {
      under = row;
      void drawUnder(session, row);
    }
    const name = nameOf(session, row) || `Row ${format.count(row + 1)}`;
    const [h, v] = [plotted?.x[found] ?? Number.NaN, plotted?.y?.[found] ?? Number.NaN];
    readout.textContent = `${name}: ${titleOf(across)} ${printed(across, h)}, ${titleOf(up)} ${printed(up, v)}. Click to see it.`;
  });
  canvas.addEventListener("pointerup", (event) => {
    const area = brush;
    brush = null;
    if (area === null) return;
    const [x, y] = pointed(event);
    const moved = Math.hypot(area.right - area.left, area.bottom - area.top) > CLICK;
    const row = plotted?.rows[nearest(x, y) ?? -1];
    if (!moved && row !== undefined && app.session !== null) onOpen(app.session, row);
    else {
      const found = moved || plotted?.y === null ? within(area) : [];
      // With Shift they join those selected before.
      if (event.shiftKey) selection.put(found, true);
      else selection.rows = new Set(found);
      app.say(`${format.plural(selection.rows.size, "row")} selected.`);
    }
    draw();
  });
  canvas.addEventListener("pointercancel", () => {
    brush = null;
    draw();
  });
  open.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    open.setAttribute("aria-expanded", String(!panel.hidden));
    renew();
  });
  for (const select of [across, up]) {
    select.addEventListener("change", () => {
      compute();
      draw();
    });
  }
  table.arranged.on(renew);
  app.changed.rows.on(renew);
  selection.changed.on(draw);
  new ResizeObserver(draw).observe(panel);
}

const upright = ({ left, right, top, bottom }: Area): Area => ({
  left: Math.min(left, right),
  right: Math.max(left, right),
  top: Math.min(top, bottom),
  bottom: Math.max(top, bottom),
});
