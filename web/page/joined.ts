/** A table with one more row, which somebody drew beside it. */

import type { Source } from "../package/src/protocol.js";
import type { Session } from "../package/src/session.js";
import { nameColumn } from "./naming.js";
import type { Seen } from "./store.js";
import { FieldKeys } from "./view.js";

/** The column that tells rows which were added from those of the file. */
const ADDED = "added";

export interface NewRow {
  smiles: string;
  name: string;
  /** What is said of it in the column of added rows. */
  note: string;
}

/** Whether rows can be added: the molecules are in a column that its name tells from all others. */
export function canJoin({ columns: { columns, smiles } }: Pick<Session, "columns">): boolean {
  const name = columns[smiles ?? -1];
  return name !== undefined && columns.filter((one) => one === name).length === 1;
}

/** The rows of a table and one more, as a file; the columns and their order stay. */
export function withRow(
  { source, columns: header, rows }: Pick<Session, "source" | "columns" | "rows">,
  { smiles, name, note }: NewRow,
): Source {
  const known = header.columns.indexOf(ADDED);
  const columns = known === -1 ? [...header.columns, ADDED] : header.columns;
  const added = known === -1 ? header.columns.length : known;
  const naming = nameColumn(header, rows, new FieldKeys(rows));
  const fields = columns.map((_, at) =>
    at === header.smiles ? smiles : at === added ? note : at === naming ? name : "",
  );
  const lines = [
    columns,
    ...rows.map((row) => columns.map((_, at) => row.fields[at] ?? "")),
    fields,
  ];
  const text = lines.map((line) => `${line.map(quoted).join(",")}\n`).join("");
  const stem = source.name.replace(/(\.(gz|zst|zip))?$/i, "").replace(/\.[^.]+$/, "");
  const id = header.columns[header.id ?? -1];
  return {
    name: `${stem}.csv`,
    bytes: new TextEncoder().encode(text),
    smilesColumn: header.columns[header.smiles ?? -1] ?? "",
    ...(id === undefined || columns.filter((one) => one === id).length > 1 ? {} : { idColumn: id }),
  };
}

/** How a table was looked at, for one with another row, of which nothing is known yet. */
export function seenWithRow({ look, ranking }: Seen): Seen {
  const sought = look.substructure;
  return {
    look: {
      ...look,
      substructure: sought && { ...sought, rows: Uint8Array.of(...sought.rows, 2) },
    },
    ranking: ranking && {
      ...ranking,
      similarities: Float64Array.of(...ranking.similarities, Number.NaN),
      nearest: Int32Array.of(...ranking.nearest, -1),
    },
  };
}

// Always in quotation marks: a line that begins with # would be a comment.
const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
