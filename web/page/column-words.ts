/** What is said of a column, whether or not the table shows it. */

import * as format from "../package/src/format.js";
import type { Endpoint, Header } from "../package/src/protocol.js";
import type { ColumnKey, NumberKey } from "./view.js";

export interface ColumnWords {
  title: string;
  unit: string;
  /** A sentence on what is in it; empty where its title says it. */
  about: string;
  /** How it is filtered. */
  holds: "numbers" | "text" | "neither";
  /** The two orders, and what they are called. */
  orders: [ascending: string, descending: string] | null;
}

/** The column that says of how many values of a row the model knows enough. */
export const TRUST = "In domain";

/** By the array of names, which a session keeps. */
const known = new WeakMap<readonly string[], readonly string[]>();

/**
 * What a table's columns are called on the page, each otherwise than the others: of those that have
 * one name the second is "activity (2)", and one without a name has its place.
 */
export function titles(columns: readonly string[]): readonly string[] {
  const before = known.get(columns);
  if (before !== undefined) return before;
  const names = columns.map((name, place) => name.trim() || `Column ${place + 1}`);
  // A column that is called so by the user keeps its name.
  const own = new Set(names);
  const seen = new Set<string>();
  const made = names.map((name) => {
    let title = name;
    for (let number = 2; seen.has(title) || (title !== name && own.has(title)); number += 1)
      title = `${name} (${number})`;
    seen.add(title);
    return title;
  });
  known.set(columns, made);
  return made;
}

/** A number of a column, as the table has it. */
export function numberText(
  key: NumberKey,
  value: number,
  endpoints: readonly Endpoint[] = [],
): string {
  const endpoint = key.by === "score" ? endpoints[key.endpoint] : undefined;
  return endpoint === undefined ? format.plain(value) : format.estimate(value, endpoint);
}

const NUMBERS: [string, string] = ["Lowest first", "Highest first"];

export function columnWords(
  key: ColumnKey,
  endpoints: readonly Endpoint[],
  header: Header | null,
  isNumeric: (field: number) => boolean,
): ColumnWords {
  const neither = { unit: "", about: "", holds: "neither" } as const;
  if (key.by === "score") {
    const endpoint = endpoints[key.endpoint];
    const { title = "", unit: named = "", description = "" } = endpoint ?? {};
    const meaning = format.unitMeaning(named);
    const about = [meaning === "" ? "" : `${meaning}.`, description].filter(Boolean).join(" ");
    return { title, unit: format.unitOf(endpoint ?? {}), about, holds: "numbers", orders: NUMBERS };
  }
  if (key.by === "similarity") {
    const about = "To the nearest of the reference actives; 1 is the same.";
    return { title: "Similarity", unit: "", about, holds: "numbers", orders: NUMBERS };
  }
  if (key.by === "domain") {
    const about =
      "How many of the values shown are for molecules like those that the model learned from. The more, the more of the row can be trusted.";
    return {
      title: TRUST,
      unit: "",
      about,
      holds: "numbers",
      orders: ["Fewest first", "Most first"],
    };
  }
  if (key.by === "state")
    return { ...neither, title: "Result", orders: ["Errors first", "Errors last"] };
  if (key.by === "structure") return { ...neither, title: "Structure", orders: null };
  const { index } = key;
  const numeric = index !== header?.smiles && isNumeric(index);
  return {
    title: titles(header?.columns ?? [])[index] ?? "",
    unit: "",
    about: "",
    holds: numeric ? "numbers" : "text",
    orders: numeric ? NUMBERS : ["A to Z", "Z to A"],
  };
}
