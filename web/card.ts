/** The model card as HTML, made when the page is built: the page itself ships no parser. */

import { Marked, type Token, type Tokens } from "marked";

/** Characters that mean something in HTML. */
const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character);

/** The dialog has a heading of its own, which the card's go below. */
const HIGHEST_HEADING = 3;
const LOWEST_HEADING = 5;

const parser = new Marked({
  gfm: true,
  renderer: {
    heading({ tokens, depth }) {
      const level = Math.min(depth + HIGHEST_HEADING - 1, LOWEST_HEADING);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>\n`;
    },
    // A card is text: what looks like HTML in it is shown as it stands.
    html: ({ text }) => escaped(text),
    // The page fetches nothing from elsewhere.
    image: ({ text }) => escaped(text),
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens);
      if (!/^https?:\/\//.test(href)) return text;
      return `<a href="${escaped(href)}" target="_blank" rel="noreferrer noopener">${text}</a>`;
    },
    code: ({ text }) => `<pre tabindex="0"><code>${escaped(text)}</code></pre>\n`,
    table(token) {
      const cells = (row: Tokens.TableCell[], open: string, close: string): string =>
        `<tr>${row.map(({ tokens }) => open + this.parser.parseInline(tokens) + close).join("")}</tr>`;
      const head = cells(token.header, '<th scope="col">', "</th>");
      const rows = token.rows.map((row) => cells(row, "<td>", "</td>")).join("\n");
      return `<div class="wide" tabindex="0"><table><thead>${head}</thead><tbody>${rows}</tbody></table></div>\n`;
    },
    checkbox: () => "",
  },
});

/** Markdown, with or without front matter, as HTML that holds no script, image or relative link. */
export function renderCard(markdown: string): string {
  const text = markdown.replace(/^\uFEFF?---\r?\n[\s\S]*?\r?\n---\r?\n/, "");
  const tokens: Token[] = parser.lexer(text);
  return parser.parser(tokens);
}
