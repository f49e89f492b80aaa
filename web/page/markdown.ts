/** The part of Markdown that model cards use, as a tree; nothing of it is ever parsed as HTML. */

export type Inline =
  | { kind: "text" | "strong" | "emphasis" | "code"; text: string }
  | { kind: "link"; text: string; href: string };

export type Block =
  | { kind: "heading"; level: number; text: Inline[] }
  | { kind: "paragraph"; text: Inline[] }
  | { kind: "list"; ordered: boolean; items: Inline[][] }
  | { kind: "code"; text: string }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] };

export function parse(source: string): Block[] {
  const lines = withoutFrontMatter(source).split(/\r?\n/);
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] as string;
    const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
    const take = (matches: (line: string) => boolean): string[] => {
      const start = at;
      while (at < lines.length && matches(lines[at] as string)) at += 1;
      return lines.slice(start, at);
    };
    if (line.trim() === "") at += 1;
    else if (heading !== null) {
      blocks.push({
        kind: "heading",
        level: (heading[1] as string).length,
        text: inline(heading[2] as string),
      });
      at += 1;
    } else if (line.startsWith("```")) {
      at += 1;
      blocks.push({ kind: "code", text: take((line) => !line.startsWith("```")).join("\n") });
      at += 1;
    } else if (line.startsWith("|") && /^\|[\s:|-]+\|?\s*$/.test(lines[at + 1] ?? "")) {
      const [head, , ...rows] = take((line) => line.startsWith("|")).map((line) =>
        cells(line).map(inline),
      );
      blocks.push({ kind: "table", head: head ?? [], rows });
    } else if (ITEM.test(line)) {
      const items: string[] = [];
      for (const part of take((line) => ITEM.test(line) || /^\s+\S/.test(line))) {
        if (ITEM.test(part)) items.push(part.replace(ITEM, ""));
        else items[items.length - 1] += ` ${part.trim()}`;
      }
      blocks.push({ kind: "list", ordered: /^\s*\d/.test(line), items: items.map(inline) });
    } else {
      const text = take(
        (line) => line.trim() !== "" && !/^(#{1,6}\s|```|\|)/.test(line) && !ITEM.test(line),
      );
      // A line that only looked like the start of something else.
      if (text.length === 0) text.push(lines[at++] as string);
      blocks.push({ kind: "paragraph", text: inline(text.join(" ")) });
    }
  }
  return blocks;
}

const ITEM = /^\s*(?:[-*+]|\d+[.)])\s+/;
const INLINE =
  /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)|<(https?:[^>\s]+)>/g;

function inline(text: string): Inline[] {
  const parts: Inline[] = [];
  let last = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > last) parts.push({ kind: "text", text: text.slice(last, match.index) });
    const [whole, code, strong, emphasis, label, href, address] = match;
    if (code !== undefined) parts.push({ kind: "code", text: code });
    else if (strong !== undefined) parts.push({ kind: "strong", text: strong });
    else if (emphasis !== undefined) parts.push({ kind: "emphasis", text: emphasis });
    else if (address !== undefined) parts.push({ kind: "link", text: address, href: address });
    else if (/^https?:/.test(href as string))
      parts.push({ kind: "link", text: label as string, href: href as string });
    else parts.push({ kind: "text", text: label as string });
    last = match.index + whole.length;
  }
  if (last < text.length) parts.push({ kind: "text", text: text.slice(last) });
  return parts;
}

const cells = (line: string): string[] =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());

function withoutFrontMatter(source: string): string {
  return source.replace(/^\uFEFF?---\r?\n[\s\S]*?\r?\n---\r?\n/, "");
}
