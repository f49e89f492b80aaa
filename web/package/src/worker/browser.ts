/** A worker of a browser, as what serves it sees it. */

import type { FromWorker, ToWorker } from "../protocol.js";
import { describe, type Host } from "./serve.js";

const scope = self as unknown as DedicatedWorkerGlobalScope;

export const browser: Host = {
  send: (message, transfer = []) => scope.postMessage(message, transfer),
  listen(receive) {
    // Only errors reach the page by themselves, and a trap in a promise is no less fatal.
    scope.addEventListener("unhandledrejection", ({ reason }) => {
      setTimeout(() => {
        // Of anything but an error the page would only hear that it is an object.
        throw reason instanceof Error ? reason : new Error(describe(reason).message);
      });
    });
    scope.onmessage = ({ data }: MessageEvent<ToWorker>) => receive(data);
    live();
  },
  fetch: (url, cache) => fetch(url, { cache }),
};

/**
 * Holds a lock for as long as the worker lives: a browser tells nobody that a worker has ended, as
 * by `close()` or for want of memory, but gives its locks to whoever waits for them.
 */
function live(): void {
  const tell = (lock: string | null): void =>
    scope.postMessage({ type: "alive", lock } satisfies FromWorker);
  // Absent from pages served over plain http by another machine.
  if (!("locks" in navigator)) {
    tell(null);
    return;
  }
  const lock = `delicate worker ${crypto.randomUUID()}`;
  navigator.locks
    .request(lock, () => {
      tell(lock);
      return new Promise(() => undefined);
    })
    // As where a browser keeps nothing for a page.
    .catch(() => tell(null));
}
