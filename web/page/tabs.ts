/** Which place in this browser's database is a tab's own: no two open tabs have the same. */

/** Under which name a tab remembers its place; browsers keep that over a reload, and copy it with a tab. */
const REMEMBERED = "delicate tab";
/** Before a page that is left has let go of its place. */
const LEAVING_MS = 1_500;

const lockOf = (id: string): string => `delicate tab ${id}`;

export interface Tab {
  /** Its own place. */
  id: string;
  /** The place that holds what is to be seen again; null where there is none. */
  from: string | null;
  /** What is there may be opened at once: no other tab is open that it may have been meant for. */
  opens: boolean;
}

/**
 * Takes a place and holds it for as long as the tab is open: the one it had before a reload, or else
 * the newest that no open tab has. `kept` says which there are, the newest first.
 */
export async function takePlace(kept: () => Promise<string[]>): Promise<Tab> {
  const before = remembered();
  if (!("locks" in navigator)) {
    // Whether another tab is open cannot be told here: nothing of another place is touched.
    const from = before ?? (await kept())[0] ?? null;
    return { id: before ?? fresh(), from, opens: true };
  }
  if (before !== null) {
    if (await hold(before, LEAVING_MS)) return { id: before, from: before, opens: true };
    // A copy of a tab that is still open.
    const id = fresh();
    await hold(id, 0);
    return { id, from: before, opens: true };
  }
  for (const id of await kept()) {
    if (!(await hold(id, 0))) continue;
    remember(id);
    return { id, from: id, opens: !(await hasOthers(id)) };
  }
  const id = fresh();
  await hold(id, 0);
  return { id, from: null, opens: true };
}

/** Does something about a place that no open tab has, which none can take meanwhile. */
export async function ifFree(id: string, act: () => Promise<void>): Promise<void> {
  if (!("locks" in navigator)) return;
  await navigator.locks.request(lockOf(id), { ifAvailable: true }, async (lock) => {
    if (lock !== null) await act();
  });
}

/** Whether the place could be had; it is let go of when the tab is closed. */
function hold(id: string, wait: number): Promise<boolean> {
  return new Promise((resolve) => {
    const options = wait === 0 ? { ifAvailable: true } : { signal: AbortSignal.timeout(wait) };
    navigator.locks
      .request(lockOf(id), options, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise(() => undefined);
      })
      .catch(() => resolve(false));
  });
}

async function hasOthers(id: string): Promise<boolean> {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name = "" }) => name.startsWith(lockOf("")) && name !== lockOf(id));
}

function fresh(): string {
  // crypto.randomUUID is missing where a page is served over plain http.
  const id = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36));
  remember(id.join(""));
  return id.join("");
}

function remembered(): string | null {
  try {
    return sessionStorage.getItem(REMEMBERED);
  } catch {
    return null;
  }
}

function remember(id: string): void {
  try {
    sessionStorage.setItem(REMEMBERED, id);
  } catch {
    // Where nothing may be kept, a reload begins anew.
  }
}
