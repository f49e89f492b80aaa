/** The last scored table, kept in the browser's database on this device so that a reload loses nothing. */

import type { Found } from "../package/src/session.js";
import type { Input } from "./app.js";

export interface Kept {
  /** Which model's scores these are. */
  model: string;
  input: Input;
  found: Found;
}

const DATABASE = "delicate";
const STORE = "tables";
const LAST = "last";

export async function save(kept: Kept): Promise<void> {
  await inStore("readwrite", (store) => store.put(kept, LAST));
}

export async function load(): Promise<Kept | null> {
  return ((await inStore("readonly", (store) => store.get(LAST))) as Kept | undefined) ?? null;
}

export async function forget(): Promise<void> {
  await inStore("readwrite", (store) => store.delete(LAST));
}

async function inStore(
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}
