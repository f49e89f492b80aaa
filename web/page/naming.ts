/** What the molecules of a table are called. */

import type { Header, Row } from "../package/src/protocol.js";
import type { Session } from "../package/src/session.js";
import { FieldKeys } from "./view.js";

/** Rows looked at, and the part of their fields that no other of them has in a column of names. */
const SAMPLE = 500;
const MOSTLY = 0.9;

/**
 * The column of names: the one that was found by its name, or else the first of text in which
 * hardly two fields are the same. Null where there is none.
 */
export function nameColumn(
  { columns, smiles, id }: Header,
  rows: readonly Row[],
  keys: FieldKeys,
): number | null {
  if (id !== null) return id;
  const sample = rows.slice(0, SAMPLE);
  const found = columns.findIndex((_, index) => {
    if (index === smiles || keys.isNumeric(index)) return false;
    const fields = sample.map(({ fields }) => fields[index]?.trim() ?? "").filter(Boolean);
    return (
      fields.length > 0 && new Set(fields).size >= MOSTLY * Math.max(fields.length, sample.length)
    );
  });
  return found === -1 ? null : found;
}

/** Columns that were looked for; a session's rows stay the same array. */
const known = new WeakMap<readonly Row[], number | null>();

/** What a row is called; empty for one without a name. */
export function nameOf({ columns, rows }: Session, row: number): string {
  let column = known.get(rows);
  if (column === undefined) {
    column = nameColumn(columns, rows, new FieldKeys(rows));
    known.set(rows, column);
  }
  return column === null ? "" : (rows[row]?.fields[column] ?? "").trim();
}

/** The SMILES that a row was given as, with its stereo, charges and salts; null for a mol block. */
export function ownSmiles(
  { columns, rows }: Pick<Session, "columns" | "rows">,
  row: number,
): string | null {
  if (columns.smiles === null) return null;
  // An extension after it, as of CXSMILES, changes no molecule that is scored.
  const [smiles] = (rows[row]?.fields[columns.smiles] ?? "").trim().split(/\s+/);
  return smiles || null;
}

/** Whether there is something of a row to be changed: its molecule, or a SMILES that is none. */
export function canBeEdited(session: Session, row: number): boolean {
  const { state } = session.rows[row] ?? {};
  return state === "scored" || (state === "failed" && ownSmiles(session, row) !== null);
}
