/** A drawing as shapes, taken from the SVG that the drawing library writes, and put into the page. */

import { numbers, type PlacedNumber, radius } from "./numbers.js";

/** What is drawn, in units of which a bond has 24 where there is room. */
export interface Picture {
  x: number;
  y: number;
  width: number;
  height: number;
  lines: { colour: string; width: number; path: string }[];
  areas: { colour: string; path: string }[];
  labels: { x: number; y: number; size: number; colour: string; text: string }[];
  /** Where each atom of the mol block is. */
  atoms: { x: number; y: number }[];
  /** Atoms that something was found at. */
  matched?: number[];
}

const NAMESPACE = "http://www.w3.org/2000/svg";
const BLACK = "rgb(0,0,0)";
/** Room around the outermost shapes. */
const MARGIN = 4;

/** Reads an SVG of the drawing library; null where it holds nothing. */
export function pictureOf(svg: string): Picture | null {
  const lines = new Map<string, { colour: string; width: number; path: string }>();
  const picture: Picture = { x: 0, y: 0, width: 0, height: 0, ...empty() };
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  const include = (x: number, y: number): void => {
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  };
  for (const [, tag, written = "", text] of svg.matchAll(
    /<(line|polygon|text|circle)\s([^>]*?)\/?>(?:([^<]*)<\/text>)?/g,
  )) {
    const value = attributes(written);
    const number = (name: string): number => Number(value.get(name));
    const place = (name: string): [number, number] => {
      const [atom = 0] = (value.get("id")?.match(/\d+$/) ?? []).map(Number);
      picture.atoms[atom] = { x: number(`${name}x`), y: number(`${name}y`) };
      return [number(`${name}x`), number(`${name}y`)];
    };
    if (value.get("class") === "event") {
      if (tag === "circle") include(...place("c"));
    } else if (tag === "line") {
      const colour = value.get("stroke") ?? BLACK;
      const width = number("stroke-width");
      const dashes = value.get("stroke-dasharray") ?? "";
      const key = `${colour} ${width} ${dashes}`;
      const known = lines.get(key) ?? { colour, width, path: "" };
      known.path += `M${value.get("x1")} ${value.get("y1")}L${value.get("x2")} ${value.get("y2")}`;
      lines.set(key, known);
      include(number("x1"), number("y1"));
      include(number("x2"), number("y2"));
    } else if (tag === "polygon") {
      const points = (value.get("points") ?? "").trim().split(/\s+/);
      picture.areas.push({
        colour: value.get("fill") ?? BLACK,
        path: `M${points.join("L")}Z`.replaceAll(",", " "),
      });
    } else if (tag === "circle") {
      const [x, y, r] = [number("cx"), number("cy"), number("r")];
      picture.areas.push({
        colour: value.get("fill") ?? BLACK,
        path: `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`,
      });
    } else if (tag === "text" && text !== undefined) {
      const [x, y, size] = [number("x"), number("y"), number("font-size")];
      picture.labels.push({ x, y, size, colour: value.get("fill") ?? BLACK, text: plain(text) });
      include(x - 1, y - size * 0.8);
      include(x + size * 0.75 * text.length, y + size * 0.2);
    }
  }
  if (!Number.isFinite(box.left)) return null;
  picture.lines = [...lines.values()];
  picture.x = box.left - MARGIN;
  picture.y = box.top - MARGIN;
  picture.width = box.right - box.left + 2 * MARGIN;
  picture.height = box.bottom - box.top + 2 * MARGIN;
  return picture;
}

/** A mark behind an atom, and a number beside it. */
export interface AtomMark {
  atom: number;
  /** 0 to 1. */
  strength: number;
  direction: "raises" | "lowers" | "none";
  text: string;
}

/**
 * The drawing as an image of this name; `size` is that of a unit in pixels, where there is room,
 * and `seen` what it will be.
 */
export function draw(
  picture: Picture,
  name: string,
  size: number,
  marks: readonly AtomMark[] = [],
  seen = size,
): SVGSVGElement {
  const placed = numbers(picture, marks, seen);
  const { x, y, width, height } = around(picture, placed);
  const svg = shape("svg", {
    class: marks.length > 0 ? "molecule marked" : "molecule",
    role: "img",
    "aria-label": name,
    viewBox: [x, y, width, height].map((value) => value.toFixed(1)).join(" "),
    width: (width * size).toFixed(0),
    height: (height * size).toFixed(0),
  });
  for (const atom of picture.matched ?? []) {
    const place = picture.atoms[atom];
    if (place === undefined) continue;
    svg.append(shape("circle", { class: "matched", cx: `${place.x}`, cy: `${place.y}`, r: "8" }));
  }
  for (const { atom, strength, direction } of marks) {
    const place = picture.atoms[atom];
    if (place === undefined || direction === "none") continue;
    const circle = shape("circle", {
      class: "share",
      "data-direction": direction,
      cx: String(place.x),
      cy: String(place.y),
      r: radius(strength).toFixed(1),
    });
    circle.style.setProperty("--strength", `${Math.round(100 * strength)}%`);
    svg.append(circle);
  }
  for (const { colour, width, path } of picture.lines)
    svg.append(
      coloured(shape("path", { class: "bond", d: path, "stroke-width": `${width}` }), colour),
    );
  for (const { colour, path } of picture.areas)
    svg.append(coloured(shape("path", { class: "wedge", d: path }), colour));
  for (const { x, y, size, colour, text } of picture.labels) {
    const label = shape("text", { x: `${x}`, y: `${y}`, "font-size": `${size}` });
    label.textContent = text;
    svg.append(coloured(label, colour));
  }
  for (const { x, y, size, text, direction } of placed) {
    const number = shape("text", {
      class: "share-number",
      "data-direction": direction,
      x: `${x}`,
      y: `${y}`,
      "font-size": `${size}`,
      "text-anchor": "middle",
    });
    number.textContent = text;
    svg.append(number);
  }
  return svg;
}

/** The box of a drawing with its numbers. */
function around(
  { x, y, width, height }: Picture,
  placed: readonly PlacedNumber[],
): Pick<Picture, "x" | "y" | "width" | "height"> {
  const half = ({ size, text }: PlacedNumber): number => 0.3 * size * text.length;
  const left = Math.min(x, ...placed.map((one) => one.x - half(one)));
  const right = Math.max(x + width, ...placed.map((one) => one.x + half(one)));
  const top = Math.min(y, ...placed.map((one) => one.y - one.size));
  const bottom = Math.max(y + height, ...placed.map((one) => one.y + 1));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function shape<K extends keyof SVGElementTagNameMap>(
  tag: K,
  values: Record<string, string>,
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
  return made;
}

/** Black is the ink of the page, and other colours are mixed with it so that they can be read. */
function coloured<T extends SVGElement>(made: T, colour: string): T {
  if (colour !== BLACK) {
    made.classList.add("hetero");
    made.style.setProperty("--colour", colour);
  }
  return made;
}

const empty = (): Pick<Picture, "lines" | "areas" | "labels" | "atoms"> => ({
  lines: [],
  areas: [],
  labels: [],
  atoms: [],
});

function attributes(written: string): Map<string, string> {
  return new Map(
    [...written.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

const plain = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
