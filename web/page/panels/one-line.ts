/** Several SMILES on one line: read as a molecule and its name, and offered as lines of their own. */

import * as format from "../../package/src/format.js";
import type { App } from "../app.js";
import { find } from "../dom.js";

/** More words than this are no line that somebody has written. */
const MOST = 100;

/** No SMILES has any of them. */
const SEPARATORS = /[\s;,]+/;

/** The words of a text of one line with several, between blanks, commas or semicolons; null for any other text. */
export function wordsOfOneLine(text: string): string[] | null {
  const line = text.trim();
  if (/[\r\n]/.test(line)) return null;
  const words = line.split(SEPARATORS).filter(Boolean);
  return words.length >= 2 && words.length <= MOST ? words : null;
}

/** `onLines`: the pasted text is to be these lines. */
export function oneLinePanel(app: App, { onLines }: { onLines(text: string): void }): void {
  const offer = find("one-line", HTMLElement);
  const words = find("one-line-text", HTMLElement);
  let found: string[] = [];

  const look = async (): Promise<void> => {
    offer.hidden = true;
    const { session, input } = app;
    const wanted = input?.text == null ? null : wordsOfOneLine(input.text);
    if (session === null || wanted === null) return;
    // Only what is without doubt: a name that happens to be a SMILES is left to the user to tell.
    const all = await Promise.all(
      wanted.map((word) =>
        session.depict(word).then(
          () => true,
          () => false,
        ),
      ),
    );
    if (session !== app.session || all.includes(false)) return;
    found = wanted;
    const read = /[;,]/.test(input?.text ?? "")
      ? "a table of one row"
      : "one molecule and its name";
    words.textContent = `The line was read as ${read}. It holds ${format.count(found.length)} words, and each is a SMILES.`;
    offer.hidden = false;
    app.announce(words.textContent);
  };
  app.changed.session.on(() => void look());
  find("one-line-split", HTMLButtonElement).addEventListener("click", () => {
    offer.hidden = true;
    onLines(found.join("\n"));
  });
}
