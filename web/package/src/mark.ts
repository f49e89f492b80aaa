/** Where in a SMILES the fault lies. */

export interface Marked {
  before: string;
  /** Empty when the SMILES ends too early. */
  mark: string;
  after: string;
}

/** Splits at `position` (in characters), keeping at most `width` characters around it. */
export function mark(smiles: string, position: number, width = Number.POSITIVE_INFINITY): Marked {
  const characters = [...smiles];
  const at = Math.min(Math.max(position, 0), characters.length);
  let start = 0;
  let end = characters.length;
  if (characters.length > width) {
    start = Math.max(0, Math.min(at - Math.floor((width * 2) / 3), characters.length - width));
    end = Math.min(characters.length, start + width);
  }
  return {
    before: (start > 0 ? "…" : "") + characters.slice(start, at).join(""),
    mark: characters.slice(at, at + 1).join(""),
    after: characters.slice(at + 1, end).join("") + (end < characters.length ? "…" : ""),
  };
}
