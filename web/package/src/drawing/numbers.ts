/** Where the numbers of atoms stand in a drawing: near their atoms, and clear of what is drawn. */

import type { AtomMark, Picture } from "./picture.js";

/** Of a number, in units, and the least height in pixels at which it can be read. */
const NUMBER = { size: 6.5, pixels: 9, most: 11 };
/** A digit is about so wide, in heights. */
const DIGIT = 0.6;
/** Directions from an atom, below first, where a number is looked for. */
const DIRECTIONS = [90, -90, 0, 180, 45, 135, -45, -135].map((angle) => (angle * Math.PI) / 180);
/** Between a number and its atom's mark, in units; the nearest that is clear is taken. */
const GAPS = [1, 4, 8];
/** What it costs to lie on something, and to be further away than need be. */
const COST = { label: 6, atom: 4, bond: 3, gap: 0.25, direction: 0.1 };

export interface PlacedNumber {
  /** Its middle, and its base line. */
  x: number;
  y: number;
  size: number;
  text: string;
  direction: AtomMark["direction"];
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

type Drawn = Pick<Picture, "atoms" | "lines" | "areas" | "labels">;

/** The radius of the mark behind an atom: told by size as well as by colour. */
export const radius = (strength: number): number => 4 + 7 * strength;

/**
 * Places for the numbers, the strongest first; one that there is no place for is left out. Where a
 * unit is small, in pixels, they are larger than usual.
 */
export function numbers(picture: Drawn, marks: readonly AtomMark[], seen: number): PlacedNumber[] {
  const size = Math.min(NUMBER.most, Math.max(NUMBER.size, NUMBER.pixels / seen));
  const obstacles = obstaclesOf(picture);
  const placed: Box[] = [];
  return [...marks]
    .sort((a, b) => b.strength - a.strength)
    .flatMap(({ atom, text, direction, strength }) => {
      const place = picture.atoms[atom];
      if (place === undefined || text === "") return [];
      let best: { cost: number; box: Box } | null = null;
      for (const [turn, angle] of DIRECTIONS.entries())
        for (const gap of GAPS) {
          const box = boxAt(place, angle, radius(strength) + gap, size, text.length);
          if (placed.some((other) => overlap(box, other))) continue;
          const cost =
            COST.gap * gap + COST.direction * turn + costOf(box, picture.atoms, atom, obstacles);
          if (best === null || cost < best.cost) best = { cost, box };
        }
      if (best === null) return [];
      const { box } = best;
      placed.push(box);
      return [
        { x: (box.left + box.right) / 2, y: box.bottom - size * 0.14, size, text, direction },
      ];
    });
}

/** A number's box beside an atom: in that direction its edge is that far away. */
function boxAt(
  { x, y }: { x: number; y: number },
  angle: number,
  away: number,
  size: number,
  digits: number,
): Box {
  const [wide, high] = [(DIGIT * size * digits) / 2, size / 2];
  const middle = {
    x: x + Math.cos(angle) * (away + wide),
    y: y + Math.sin(angle) * (away + high),
  };
  return {
    left: middle.x - wide,
    right: middle.x + wide,
    top: middle.y - high,
    bottom: middle.y + high,
  };
}

interface Obstacles {
  labels: Box[];
  /** From a point to another: bonds, and the edges of wedges. */
  lines: [x1: number, y1: number, x2: number, y2: number][];
}

function obstaclesOf({ lines, areas, labels }: Drawn): Obstacles {
  const segments = [...lines, ...areas].flatMap(({ path }) => segmentsOf(path));
  const boxes = labels.map(({ x, y, size, text }) => ({
    left: x,
    right: x + DIGIT * size * text.length,
    top: y - 0.75 * size,
    bottom: y,
  }));
  return { labels: boxes, lines: segments };
}

/** The straight parts of a path. */
function segmentsOf(path: string): Obstacles["lines"] {
  const found: Obstacles["lines"] = [];
  let last: [number, number] | null = null;
  for (const [, command, x, y] of path.matchAll(/([ML])(-?[\d.]+) (-?[\d.]+)/g)) {
    const point: [number, number] = [Number(x), Number(y)];
    if (command === "L" && last !== null) found.push([...last, ...point]);
    last = point;
  }
  return found;
}

function costOf(
  box: Box,
  atoms: Drawn["atoms"],
  own: number,
  { labels, lines }: Obstacles,
): number {
  const inside = ({ x, y }: { x: number; y: number }): boolean =>
    overlap(box, { left: x, right: x, top: y, bottom: y });
  const onAtoms = atoms.filter((atom, place) => place !== own && inside(atom)).length;
  const onLabels = labels.filter((label) => overlap(box, label)).length;
  const onLines = lines.filter((line) => crosses(box, line)).length;
  return COST.atom * onAtoms + COST.label * onLabels + COST.bond * onLines;
}

const overlap = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Whether a line passes through a box: cut off at its sides, something is left of it. */
function crosses(
  { left, right, top, bottom }: Box,
  [x1, y1, x2, y2]: Obstacles["lines"][number],
): boolean {
  let [from, to] = [0, 1];
  for (const [start, step, low, high] of [
    [x1, x2 - x1, left, right],
    [y1, y2 - y1, top, bottom],
  ] as const) {
    if (step === 0) {
      if (start < low || start > high) return false;
      continue;
    }
    const [a, b] = [(low - start) / step, (high - start) / step];
    from = Math.max(from, Math.min(a, b));
    to = Math.min(to, Math.max(a, b));
  }
  return from <= to;
}
