/**
 * A part of an export: the user's columns with some of the endpoints, of each its value, interval
 * and domain. What the engine has written is left as it stands, letter by letter, but for what is
 * taken out.
 */

import type { ExportFormat } from "./protocol.js";

/** What of an export is kept. */
export interface Part {
  /** Columns before those of the endpoints, all of which stay. */
  own: number;
  /** Columns of endpoints that are taken out, by the names they have in a table. */
  dropped: string[];
  /** Endpoints that stay. */
  endpoints: string[];
  /** The key of the endpoints in a row of JSON. */
  key: string;
}

/** What ends the names of an endpoint's columns, and of those that stay. */
const ENDS = ["", "_low", "_high", "_domain", "_similarity", "_nearest", "_nearest_measured"];
const KEPT: ReadonlySet<string> = new Set(["", "_low", "_high", "_domain"]);
/** What the engine puts before a name of its own that the user has as well. */
const PREFIX = "delicate_";

/** The part with these endpoints, of a table with the user's own columns and the engine's. */
export function partOf(
  own: readonly string[],
  ours: readonly string[],
  all: readonly string[],
  endpoints: readonly string[],
): Part {
  const shown = new Set(endpoints);
  const dropped: string[] = [];
  let next = 0;
  /** The endpoint whose columns these are, as it is called in the table, and its last one's end. */
  let current: { name: string; keep: boolean; end: number } | null = null;
  for (const name of ours) {
    const rest = current !== null && name.startsWith(current.name);
    // An endpoint may be called as the column of another would be, which has gone before.
    const end: number = rest ? ENDS.indexOf(name.slice(current?.name.length)) : -1;
    if (current !== null && end > current.end) current.end = end;
    else {
      const awaited = all[next];
      // After the last endpoint's columns others follow.
      if (awaited === undefined || !isCalled(name, awaited)) break;
      current = { name, keep: shown.has(awaited), end: 0 };
      next += 1;
    }
    if (!current.keep || !KEPT.has(ENDS[current.end] ?? "")) dropped.push(name);
  }
  let key = "scores";
  while (own.includes(key)) key = PREFIX + key;
  return { own: own.length, dropped, endpoints: [...endpoints], key };
}

function isCalled(name: string, endpoint: string): boolean {
  let bare = name;
  while (bare !== endpoint && bare.startsWith(PREFIX)) bare = bare.slice(PREFIX.length);
  return bare === endpoint;
}

/** The part of a file; each piece of a table has its header. */
export function narrowed(file: Uint8Array, format: ExportFormat, part: Part): Uint8Array {
  if (format === "csv" || format === "tsv")
    return narrowedTable(file, format === "csv" ? COMMA : TAB, part);
  const text = new TextDecoder().decode(file);
  const kept = format === "sdf" ? narrowedRecords(text, part) : narrowedRows(text, part);
  return new TextEncoder().encode(kept);
}

const [QUOTE, LINE_END, COMMA, TAB] = [0x22, 0x0a, 0x2c, 0x09];

/** The fields of a table, as they are written: where each lies, and whether its line ends with it. */
function* fields(
  file: Uint8Array,
  delimiter: number,
): Generator<{ start: number; end: number; last: boolean }> {
  let [start, quoted] = [0, false];
  for (let at = 0; at < file.length; at += 1) {
    const byte = file[at];
    // Two of them within a field are one, and change nothing here.
    if (byte === QUOTE) quoted = !quoted;
    if (quoted || (byte !== delimiter && byte !== LINE_END)) continue;
    yield { start, end: at, last: byte === LINE_END };
    start = at + 1;
  }
}

/** The names of a CSV file's columns; those with quotation marks as they are written. */
export function headerOf(file: Uint8Array): string[] {
  const names: string[] = [];
  const decoder = new TextDecoder();
  for (const { start, end, last } of fields(file, COMMA)) {
    names.push(decoder.decode(file.subarray(start, end)));
    if (last) break;
  }
  return names;
}

function narrowedTable(file: Uint8Array, delimiter: number, part: Part): Uint8Array {
  const dropped = new Set(part.dropped);
  const decoder = new TextDecoder();
  const made = new Uint8Array(file.length);
  /** Of each column whether it is taken out, as the header says. */
  const out: boolean[] = [];
  let [length, column, header, first] = [0, 0, true, true];
  for (const { start, end, last } of fields(file, delimiter)) {
    const cell = file.subarray(start, end);
    if (header) out.push(column >= part.own && dropped.has(decoder.decode(cell)));
    if (out[column] !== true) {
      if (!first) made[length++] = delimiter;
      made.set(cell, length);
      length += cell.length;
      first = false;
    }
    column += 1;
    if (!last) continue;
    made[length++] = LINE_END;
    [column, header, first] = [0, false, true];
  }
  return made.slice(0, length);
}

/** Lines before a record's first that may begin an item. */
const TITLE_LINES = 3;

function narrowedRecords(text: string, { dropped }: Part): string {
  const heads = new Set(dropped.map((name) => `> <${name}>`));
  let [place, leaves] = [0, false];
  const kept = text.split("\n").filter((line) => {
    if (line === "$$$$") {
      [place, leaves] = [0, false];
      return true;
    }
    place += 1;
    // An item ends where the next begins; in a value no line looks like the head of one.
    if (place > TITLE_LINES && line.startsWith("> <")) leaves = heads.has(line);
    return !leaves;
  });
  return kept.join("\n");
}

function narrowedRows(text: string, { key, endpoints }: Part): string {
  const shown = new Set(endpoints);
  const scores = (value: string): string =>
    value === "null"
      ? value
      : withMembers(value, (name, one) =>
          shown.has(name)
            ? withMembers(one, (part, own) => (part === "nearest" ? null : own))
            : null,
        );
  return text
    .split("\n")
    .map((line) => {
      const [from, to] = [line.indexOf("{"), line.lastIndexOf("}") + 1];
      if (from === -1) return line;
      const row = withMembers(line.slice(from, to), (name, value) =>
        name === key ? scores(value) : value,
      );
      return line.slice(0, from) + row + line.slice(to);
    })
    .join("\n");
}

/** An object of JSON in one line with each of its members as `change` has it; null takes it out. */
function withMembers(
  object: string,
  change: (name: string, value: string) => string | null,
): string {
  const kept: string[] = [];
  let at = 1;
  while (at < object.length - 1) {
    const colon = valueEnd(object, at);
    const end = valueEnd(object, colon + 1);
    const name = object.slice(at, colon);
    const value = change(JSON.parse(name) as string, object.slice(colon + 1, end));
    if (value !== null) kept.push(`${name}:${value}`);
    at = end + 1;
  }
  return `{${kept.join(",")}}`;
}

/** Where a value of JSON ends that begins here, or the name of a member. */
function valueEnd(text: string, start: number): number {
  let [depth, within] = [0, false];
  for (let at = start; at < text.length; at += 1) {
    const letter = text[at];
    if (within) {
      if (letter === "\\") at += 1;
      else if (letter === '"') within = false;
    } else if (letter === '"') within = true;
    else if (letter === "{" || letter === "[") depth += 1;
    else if (depth > 0 && (letter === "}" || letter === "]")) depth -= 1;
    else if (depth === 0 && (letter === "," || letter === ":" || letter === "}")) return at;
  }
  return text.length;
}
