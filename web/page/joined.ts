/** A table with one more row, which somebody drew beside it, or with one in the place of another. */

import type { Given, RowResult, Source } from "../package/src/protocol.js";
import type { Found, Kept, Session } from "../package/src/session.js";
import { nameColumn } from "./naming.js";
import type { Seen } from "./store.js";
import { FieldKeys } from "./view.js";

/** The column that tells rows which were added from those of the file. */
const ADDED = "added";
/** What stands in an SDF for a row without a mol block, after its title. */
const NO_ATOMS = "\n\n\n  0  0  0  0  0  0  0  0  0  0999 V2000\nM  END\n";

export interface NewRow {
  smiles: string;
  /** Its mol block, which a table of mol blocks needs; null where it cannot be drawn. */
  block: string | null;
  name: string;
  /** What is said of it in the column of added rows. */
  note: string;
  /** The row in whose place it stands, with the other fields of that; null for one at the end. */
  replaces: number | null;
}

/** The table as it is read, by rows of text. */
interface Lines {
  columns: readonly string[];
  rows: readonly (readonly string[])[];
}

type Joined = Pick<Session, "source" | "columns" | "rows">;

/** The columns and rows of a table with the new one, whose SMILES stands where it has a column for it. */
function lines({ columns: header, rows }: Joined, row: NewRow): Lines {
  const { smiles, name, note, replaces } = row;
  const known = header.columns.indexOf(ADDED);
  const columns = known === -1 ? [...header.columns, ADDED] : header.columns;
  const added = known === -1 ? header.columns.length : known;
  const naming = nameColumn(header, rows, new FieldKeys(rows));
  const all = rows.map((row) => columns.map((_, at) => row.fields[at] ?? ""));
  const before = replaces === null ? undefined : all[replaces];
  const fields = columns.map((_, at) => {
    if (at === header.smiles) return smiles;
    if (at === added) return note;
    return before?.[at] ?? (at === naming ? name : "");
  });
  return {
    columns,
    rows: withOne(all, fields, replaces ?? undefined),
  };
}

/** The rows of a table and the new one, as a file; the columns and their order stay. */
export function withRow(table: Joined, row: NewRow): Source {
  const { source, columns: header } = table;
  const { columns, rows } = lines(table, row);
  const text = [columns, ...rows].map((line) => `${line.map(quoted).join(",")}\n`).join("");
  return {
    name: `${stem(source.name)}.csv`,
    bytes: new TextEncoder().encode(text),
    // By their places: several may have one name.
    smilesColumn: header.smiles ?? 0,
    ...(header.id === null ? {} : { idColumn: header.id }),
  };
}

/** The same of mol blocks, as an SDF: `given` are those of the rows as they came. */
export function withBlock(
  table: Joined,
  given: readonly (Given | null)[],
  row: NewRow & { block: string },
): Source {
  const { columns, rows } = lines(table, row);
  const records = rows.map((fields, at) => {
    const [title = ""] = fields;
    const isNew = at === (row.replaces ?? given.length);
    const one = isNew ? { molBlock: titled(row.block, title) } : given[at];
    const block = one != null && "molBlock" in one ? one.molBlock : `${title}${NO_ATOMS}`;
    // The first record names all columns, in their order.
    const items = columns.flatMap((name, place) => {
      const text = fields[place] ?? "";
      if (place === 0 || (text === "" && at > 0)) return [];
      return `>  <${name}>\n${text === "" ? "" : `${text}\n`}\n`;
    });
    return `${block.trimEnd()}\n${items.join("")}$$$$\n`;
  });
  return {
    name: `${stem(table.source.name)}.sdf`,
    bytes: new TextEncoder().encode(records.join("")),
  };
}

/** A mol block under another title. */
const titled = (block: string, title: string): string =>
  [title.replaceAll(/\s+/g, " "), ...block.split("\n").slice(1)].join("\n");

const stem = (name: string): string =>
  name.replace(/(\.(gz|zst|zip))?$/i, "").replace(/\.[^.]+$/, "");

/** How a table was looked at, for one with the new row, of which nothing is known yet. */
export function seenWithRow({ look, ranking }: Seen, replaces: number | null): Seen {
  const sought = look.substructure;
  const place = replaces ?? undefined;
  return {
    look: {
      ...look,
      substructure: sought && {
        ...sought,
        rows: Uint8Array.from(withOne(sought.rows, 2, place)),
      },
    },
    ranking: ranking && {
      ...ranking,
      similarities: Float64Array.from(withOne(ranking.similarities, Number.NaN, place)),
      nearest: Int32Array.from(withOne(ranking.nearest, -1, place)),
    },
  };
}

/** What was found of a table, for one with the new row, which is not scored yet. */
export function foundWithRow(found: Found, replaces: number | null): Kept {
  if (replaces === null) return { ...found, added: 1 };
  const pending = { state: "pending", error: null, standardization: null } as const;
  return { ...found, results: withOne<RowResult>(found.results, pending, replaces) };
}

/** Items with one in the place of another, or at the end. */
function withOne<T>(items: ArrayLike<T>, one: T, place = items.length): T[] {
  const all = Array.from(items);
  all[place] = one;
  return all;
}

// Always in quotation marks: a line that begins with # would be a comment.
const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
