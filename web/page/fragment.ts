/** Pasted text in the page's address, after the #: browsers never send that part. */

/** Longer addresses are cut by mail programs and chats. */
export const LONGEST = 4_000;

/** The fragment for some text, or null when there is none or too much. */
export function write(text: string): string | null {
  if (text.trim() === "") return null;
  const fragment = `#smiles=${encodeURIComponent(text).replaceAll("%20", "+")}`;
  return fragment.length <= LONGEST ? fragment : null;
}

/** The text of a fragment; null where there is none, an error in words where it is no link of ours. */
export function read(fragment: string): { text: string } | { fault: string } | null {
  if (/^#?$/.test(fragment)) return null;
  const shown = fragment.length > SHOWN ? `${fragment.slice(0, SHOWN)}…` : fragment;
  const fault = (why: string) => ({
    fault: `The address ends in “${shown}”, ${why}, so nothing was opened. Ask for the link again, or paste the molecules.`,
  });
  const written = /^#smiles=(.*)$/s.exec(fragment)?.[1];
  if (written === undefined)
    return fault("which is no link to molecules: that begins with #smiles=");
  if (written === "") return fault("a link without molecules");
  try {
    return { text: decodeURIComponent(written.replaceAll("+", "%20")) };
  } catch {
    return fault("a link that was cut or damaged on its way");
  }
}

/** Characters of a fragment that are shown. */
const SHOWN = 40;
