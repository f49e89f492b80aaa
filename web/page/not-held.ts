/** What is said of a file that could not hold all of its rows as they came. */

import * as format from "../package/src/format.js";
import type { NotHeld } from "../package/src/protocol.js";

/** The names told; of the rest there is the number. */
const TOLD = 8;

/** Empty where it holds everything. */
export function notHeldWords({ renamed, openStereo, firstOpen, others }: NotHeld): string {
  const parts: string[] = [];
  if (openStereo > 0) {
    const row = firstOpen === null ? "" : `row ${format.count(firstOpen + 1)}`;
    parts.push(
      openStereo === 1
        ? `1 molecule${row === "" ? "" : `, ${row},`} has stereo that a drawing cannot show: it is left open in the file. Its SMILES has it, in a CSV.`
        : `${format.count(openStereo)} molecules${row === "" ? "" : ` (the first is ${row})`} have stereo that a drawing cannot show: it is left open in the file. Their SMILES have it, in a CSV.`,
    );
  }
  if (renamed.length > 0) {
    const told = renamed
      .slice(0, TOLD)
      .map(([column, item]) => `“${column.trim()}” is called “${item}”`);
    if (renamed.length > TOLD) told.push(`and ${format.count(renamed.length - TOLD)} more`);
    parts.push(
      `Columns have other names in an SDF, where no two may have one name and < and > may not stand: ${told.join(", ")}.`,
    );
  }
  return [...parts, ...others.map((other) => format.sentence(other))].join(" ");
}
