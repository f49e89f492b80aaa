/** The drawing library, fetched when the first molecule is drawn: it is larger than the rest of the page. */

import { canBeDrawn, turned } from "./block.js";
import { type Picture, pictureOf } from "./picture.js";

type Library = typeof import("openchemlib");

let loading: Promise<Library> | null = null;

export function library(): Promise<Library> {
  loading ??= import("openchemlib");
  loading.catch(() => {
    // Tried again when it is needed again.
    loading = null;
  });
  return loading;
}

/** Larger than any place, so that nothing is drawn smaller than it has to be. */
const CANVAS = { width: 900, height: 630 };
const PLAIN = {
  suppressChiralText: true,
  suppressESR: true,
  suppressCIPParity: true,
  noStereoProblem: true,
};

/** Draws the molecule of a mol block of ours; null for one that would be drawn as another. */
export async function picture(block: string): Promise<Picture | null> {
  if (!canBeDrawn(block)) return null;
  const { Molecule } = await library();
  try {
    const molecule = Molecule.fromMolfile(turned(block, CANVAS.width, CANVAS.height));
    return pictureOf(molecule.toSVG(CANVAS.width, CANVAS.height, "m", PLAIN));
  } catch {
    // It has no word for some elements' hydrogens, such as tellurium's in a ring.
    return null;
  }
}
