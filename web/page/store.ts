/** Scored tables, kept in the browser's database on this device so that a reload loses nothing. */

import type { Found } from "../package/src/session.js";
import type { Aside, Input } from "./app.js";
import { ifFree, type Tab, takePlace } from "./tabs.js";
import type { Filter, Sought, View } from "./view.js";

export interface Kept {
  /** Which model's scores these are. */
  model: string;
  input: Input;
  found: Found;
}

/** A ranking by reference actives. */
export interface KeptRanking {
  /** As they were pasted. */
  references: string;
  /** They come from a row of the table. */
  fromRow: boolean;
  by: string;
  similarities: Float64Array;
  nearest: Int32Array;
  /** What was said of it. */
  said: string;
  /** The user's own references that those of a row took the place of; empty where there were none. */
  replaced: string;
}

/** The substructure that rows are filtered by, and what was found of it. */
export type KeptSubstructure = Sought & { smarts: string };

/** How a table is looked at. */
export interface Look extends Pick<View, "sort" | "filter" | "onlyErrors"> {
  selected: ReadonlySet<number>;
  filters: readonly Filter[];
  substructure: KeptSubstructure | null;
}

/** All that belongs to looking at a table. */
export interface Seen {
  look: Look;
  ranking: KeptRanking | null;
}

/** A table that was put aside. */
export type KeptAside = Kept & Pick<Aside, "id" | "seen">;

/** What is known of a tab's place without reading it. */
interface Entry {
  /** When something was last saved there, in milliseconds since 1970. */
  at: number;
  model: string;
}

const DATABASE = "delicate";
const STORE = "tables";
/** What belongs to the table that was open last; those that were put aside have a number each. */
type Part = "last" | "look" | "ranking" | "entry" | "aside";
type Key = [part: Part, tab: string] | [part: "aside", tab: string, id: number];

/** Places of tabs that were closed are kept for so long, and so many of them. */
const LONGEST_MS = 30 * 24 * 3_600_000;
const MOST = 6;

/** Known once {@link begin} was called. */
let tab: Promise<Tab> | null = null;
let own: string | null = null;

/** Finds the tab's place among those of this model, and tells whether what is there is opened at once. */
export function begin(model: string): Promise<Tab> {
  tab ??= takePlace(async () => {
    const places = (await entries().catch(() => [])).filter((place) => place.model === model);
    return places.map(({ id }) => id);
  }).then((taken) => {
    own = taken.id;
    return taken;
  });
  return tab;
}

/** Removes what no tab will ask for any more: of another model, old, or beyond the newest. */
export async function cleanUp(model: string): Promise<void> {
  const now = Date.now();
  const useful = (await entries()).filter((place) => place.model === model).slice(0, MOST);
  const young = new Set(useful.filter(({ at }) => now - at < LONGEST_MS).map(({ id }) => id));
  for (const key of await keys()) {
    // As earlier versions had them, which knew no tabs, or one table aside.
    const isOld = !Array.isArray(key) || (key[0] === "aside" && key.length === 2);
    if (isOld) await inStore("readwrite", (store) => store.delete(key));
    else if (!young.has(String(key[1])))
      await ifFree(String(key[1]), async () => {
        await inStore("readwrite", (store) => store.delete(key));
      });
  }
}

const keys = async (): Promise<IDBValidKey[]> =>
  (await inStore("readonly", (store) => store.getAllKeys())) as IDBValidKey[];

/** Places that hold a table, the newest first; those in which none was open come after all others. */
async function entries(): Promise<(Entry & { id: string })[]> {
  const all = (await keys()).filter((key) => Array.isArray(key)) as Key[];
  const filled = new Set(
    all.flatMap(([part, id]) => (part === "last" || part === "aside" ? id : [])),
  );
  const found: (Entry & { id: string })[] = [];
  for (const id of filled) {
    const entry = (await inStore("readonly", (store) => store.get(["entry", id]))) as
      | Partial<Entry>
      | undefined;
    const { at, model } = entry ?? {};
    if (typeof at === "number" && typeof model === "string") found.push({ id, at, model });
  }
  const open = new Set(all.flatMap(([part, id]) => (part === "last" ? id : [])));
  const rank = ({ id }: { id: string }): number => Number(open.has(id));
  return found.sort((a, b) => rank(b) - rank(a) || b.at - a.at);
}

async function ownKey(part: Part): Promise<[Part, string]> {
  if (tab === null) throw new Error("the tab has no place yet");
  return [part, (await tab).id];
}

/** What is kept where the tab's table is; undefined where there is nothing. */
async function read(part: Part): Promise<unknown> {
  const from = (await tab)?.from ?? null;
  return from === null ? undefined : inStore("readonly", (store) => store.get([part, from]));
}

async function write(part: Part, value: unknown): Promise<void> {
  const key = await ownKey(part);
  await inStore("readwrite", (store) => store.put(value, key));
}

const entryOf = ({ model }: Kept): Entry => ({ at: Date.now(), model });

async function put(key: Key, kept: Kept): Promise<void> {
  const entry = await ownKey("entry");
  await inStore("readwrite", (store) => {
    store.put(entryOf(kept), entry);
    return store.put(kept, key);
  });
}

export const save = async (kept: Kept): Promise<void> => put(await ownKey("last"), kept);

/** The table that was open last; null where there is none, or what no version of the page has kept. */
export async function load(): Promise<Kept | null> {
  const kept = await read("last");
  return isKept(kept) ? kept : null;
}

const asideKey = async (id: number): Promise<Key> => ["aside", (await ownKey("aside"))[1], id];

export const saveAside = async (kept: KeptAside): Promise<void> =>
  put(await asideKey(kept.id), kept);

export async function forgetAside(id: number): Promise<void> {
  const key = await asideKey(id);
  await inStore("readwrite", (store) => store.delete(key));
}

/** The tables that were put aside, the last one first. */
export async function loadAsides(): Promise<KeptAside[]> {
  const from = (await tab)?.from ?? null;
  if (from === null) return [];
  const found: KeptAside[] = [];
  for (const key of await keys()) {
    if (!Array.isArray(key) || key[0] !== "aside" || key[1] !== from || key.length !== 3) continue;
    const kept = (await inStore("readonly", (store) => store.get(key))) as KeptAside;
    if (isKept(kept) && typeof kept.id === "number") found.push(kept);
  }
  return found.sort((a, b) => b.id - a.id);
}

export const saveLook = (look: Look): Promise<void> => write("look", look);

export async function loadLook(): Promise<Look | null> {
  const look = await read("look");
  return isLook(look) ? look : null;
}

/** Whether it is a look as this version keeps them. */
function isLook(value: unknown): value is Look {
  const { sort, selected, filter, filters } = Object(value) as Partial<Look>;
  return (
    typeof sort?.key?.by === "string" &&
    selected instanceof Set &&
    typeof filter === "string" &&
    Array.isArray(filters)
  );
}

export const saveRanking = (ranking: KeptRanking): Promise<void> => write("ranking", ranking);

export async function loadRanking(): Promise<KeptRanking | null> {
  const ranking = await read("ranking");
  return isRanking(ranking) ? ranking : null;
}

/** Whether it is a ranking as this version keeps them. */
export function isRanking(value: unknown): value is KeptRanking {
  const { references, by, similarities, nearest, said, fromRow } = Object(
    value,
  ) as Partial<KeptRanking>;
  return (
    [references, by, said].every((text) => typeof text === "string") &&
    typeof fromRow === "boolean" &&
    similarities instanceof Float64Array &&
    nearest instanceof Int32Array &&
    similarities.length === nearest.length
  );
}

export async function forget(part: Exclude<Part, "entry" | "aside">): Promise<void> {
  const key = await ownKey(part);
  await inStore("readwrite", (store) => store.delete(key));
}

/** Leaves nothing of the tab's open table on this device; what was put aside stays. */
export async function forgetOpen(): Promise<void> {
  for (const part of ["last", "look", "ranking"] as const) await forget(part);
  const [, own] = await ownKey("entry");
  const isAside = (key: IDBValidKey): boolean =>
    Array.isArray(key) && key[0] === "aside" && key[1] === own;
  if ((await keys()).some(isAside)) return;
  const entry = await ownKey("entry");
  await inStore("readwrite", (store) => store.delete(entry));
}

/** Whether it can be written to while the page is being left. */
export const isOpen = (): boolean => open !== null && own !== null;

function isKept(value: unknown): value is Kept {
  const { input, found } = Object(value) as Partial<Kept>;
  const results: unknown = found?.results;
  return (
    input?.source?.bytes instanceof Uint8Array &&
    typeof found?.scores === "object" &&
    found.scores !== null &&
    Array.isArray(results) &&
    results.every((one) => typeof one === "object" && one !== null)
  );
}

/** What is to be written at the last moment; null for what is to be forgotten. */
export interface Unwritten {
  last?: Kept | null;
  look?: Look | null;
  ranking?: KeptRanking | null;
}

/**
 * Saves while the page is being left, which waits for nothing: it is written where the database was
 * used before. `dropped` are tables that were put aside and are no longer.
 */
export function saveNow(unwritten: Unwritten, dropped: ReadonlySet<number>): void {
  if (open === null || own === null) return;
  if (Object.keys(unwritten).length === 0 && dropped.size === 0) return;
  try {
    const transaction = open.transaction(STORE, "readwrite");
    const store = transaction.objectStore(STORE);
    if (unwritten.last) store.put(entryOf(unwritten.last), ["entry" satisfies Part, own]);
    for (const [part, value] of Object.entries(unwritten)) {
      if (value === null) store.delete([part, own]);
      else store.put(value, [part, own]);
    }
    for (const id of dropped) store.delete(["aside" satisfies Part, own, id]);
    // Nobody will be there for its requests to end.
    transaction.commit();
  } catch {
    // Whoever leaves has been asked whether to.
  }
}

/** Kept open, so that it can be written to at any moment. */
let open: IDBDatabase | null = null;

async function database(): Promise<IDBDatabase> {
  if (open !== null) return open;
  const opened = await new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  // The browser may end it, and another tab may ask for it.
  opened.onclose = () => {
    open = null;
  };
  opened.onversionchange = () => {
    opened.close();
    open = null;
  };
  open = opened;
  return opened;
}

async function inStore(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  const opened = await database();
  return new Promise((resolve, reject) => {
    const transaction = opened.transaction(STORE, mode);
    const request = ask(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}
