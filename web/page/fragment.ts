/** Pasted text in the page's address, after the #: browsers never send that part. */

/** Longer addresses are cut by mail programs and chats. */
export const LONGEST = 4_000;

/** The fragment for some text, or null when there is none or too much. */
export function write(text: string): string | null {
  if (text.trim() === "") return null;
  const fragment = `#smiles=${encodeURIComponent(text).replaceAll("%20", "+")}`;
  return fragment.length <= LONGEST ? fragment : null;
}

export function read(fragment: string): string | null {
  const match = /^#smiles=(.+)$/s.exec(fragment);
  if (match?.[1] === undefined) return null;
  try {
    return decodeURIComponent(match[1].replaceAll("+", "%20"));
  } catch {
    return null;
  }
}
