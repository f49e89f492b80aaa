/** Mol blocks as the wasm modules write them, turned so that they fill the place they are drawn in. */

/** A molecule of which the drawing library would draw another one, or none. */
export function canBeDrawn(block: string): boolean {
  const lines = block.split("\n");
  const counts = countsOf(lines);
  if (counts === null || counts.atoms === 0) return false;
  const { atoms, bonds } = counts;
  for (const line of lines.slice(4, 4 + atoms)) {
    // Any atom is drawn as carbon.
    if (line.slice(31, 34).trim() === "*") return false;
  }
  for (const line of lines.slice(4 + atoms, 4 + atoms + bonds)) {
    // Aromatic, dative and any-bonds are misread or left out.
    if (!["1", "2", "3"].includes(line.slice(6, 9).trim())) return false;
  }
  return true;
}

/** The symbols of a block's atoms, in order. */
export function symbols(block: string): string[] {
  const lines = block.split("\n");
  const counts = countsOf(lines);
  return counts === null
    ? []
    : lines.slice(4, 4 + counts.atoms).map((line) => line.slice(31, 34).trim());
}

/**
 * The block turned by the multiple of 30° by which it fits best into a box of these proportions;
 * as it is where that is nearly as good. Turning leaves wedges as they are.
 */
export function turned(block: string, width: number, height: number): string {
  const lines = block.split("\n");
  const counts = countsOf(lines);
  if (counts === null) return block;
  const atoms = lines.slice(4, 4 + counts.atoms);
  const places = atoms.map((line): [number, number] => [
    Number(line.slice(0, 10)),
    Number(line.slice(10, 20)),
  ]);
  let best = { angle: 0, room: scale(places, 0, width, height) * 1.1 };
  for (let degrees = 30; degrees < 180; degrees += 30) {
    const angle = (degrees * Math.PI) / 180;
    const room = scale(places, angle, width, height);
    if (room > best.room) best = { angle, room };
  }
  if (best.angle === 0) return block;
  const [cos, sin] = [Math.cos(best.angle), Math.sin(best.angle)];
  places.forEach(([x, y], atom) => {
    const place = [cos * x - sin * y, sin * x + cos * y];
    const written = place.map((value) => value.toFixed(4).padStart(10)).join("");
    lines[4 + atom] = written + (atoms[atom] ?? "").slice(20);
  });
  return lines.join("\n");
}

/** How large a drawing can be in the box. */
function scale(places: [number, number][], angle: number, width: number, height: number): number {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const extent = (of: (x: number, y: number) => number): number => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const [x, y] of places) {
      const value = of(x, y);
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    // About the room that labels take.
    return high - low + 1.5;
  };
  return Math.min(
    width / extent((x, y) => cos * x - sin * y),
    height / extent((x, y) => sin * x + cos * y),
  );
}

/** Null for V3000, which only molecules of a thousand atoms have: too many for a drawing. */
function countsOf(lines: string[]): { atoms: number; bonds: number } | null {
  const line = lines[3] ?? "";
  if (!line.includes("V2000")) return null;
  return { atoms: Number(line.slice(0, 3)), bonds: Number(line.slice(3, 6)) };
}
