/** Scored tables, kept in the browser's database on this device so that a reload loses nothing. */

import type { Found } from "../package/src/session.js";
import type { Input } from "./app.js";
import type { SortKey } from "./view.js";

export interface Kept {
  /** Which model's scores these are. */
  model: string;
  input: Input;
  found: Found;
}

const DATABASE = "delicate";
const STORE = "tables";
/** The table that was open last, and the one that was put aside for it. */
export type Place = "last" | "aside";

export async function save(place: Place, kept: Kept): Promise<void> {
  await inStore("readwrite", (store) => store.put(kept, place));
}

/** What is kept there; null where there is nothing, or what no version of the page has kept. */
export async function load(place: Place): Promise<Kept | null> {
  const kept = await inStore("readonly", (store) => store.get(place));
  if (kept === undefined || isKept(kept)) return kept ?? null;
  await forget(place);
  return null;
}

/** How the table that was open last was looked at. */
export interface Look {
  sort: { key: SortKey; descending: boolean };
  selected: ReadonlySet<number>;
}

const LOOK = "look";

export async function saveLook(look: Look): Promise<void> {
  await inStore("readwrite", (store) => store.put(look, LOOK));
}

export async function loadLook(): Promise<Look | null> {
  const look = (await inStore("readonly", (store) => store.get(LOOK))) as Partial<Look> | undefined;
  const { sort, selected } = look ?? {};
  return typeof sort?.key?.by === "string" && selected instanceof Set ? { sort, selected } : null;
}

export async function forget(place: Place | typeof LOOK): Promise<void> {
  await inStore("readwrite", (store) => store.delete(place));
}

function isKept(value: unknown): value is Kept {
  const { input, found } = value as Partial<Kept>;
  const results: unknown = found?.results;
  return (
    input?.source?.bytes instanceof Uint8Array &&
    typeof found?.scores === "object" &&
    found.scores !== null &&
    Array.isArray(results) &&
    results.every((one) => typeof one === "object" && one !== null)
  );
}

/**
 * Saves while the page is being left, which waits for nothing: it is written where the database was
 * used before.
 */
export function saveNow(kept: Kept): void {
  if (open === null) return;
  try {
    const transaction = open.transaction(STORE, "readwrite");
    transaction.objectStore(STORE).put(kept, "last" satisfies Place);
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
