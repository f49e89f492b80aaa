/** A worker of a browser, as what serves it sees it. */

import type { ToWorker } from "../protocol.js";
import type { Host } from "./serve.js";

const scope = self as unknown as DedicatedWorkerGlobalScope;

export const browser: Host = {
  send: (message, transfer = []) => scope.postMessage(message, transfer),
  listen(receive) {
    // Only errors reach the page by themselves, and a trap in a promise is no less fatal.
    scope.addEventListener("unhandledrejection", ({ reason }) => {
      setTimeout(() => {
        throw reason;
      });
    });
    scope.onmessage = ({ data }: MessageEvent<ToWorker>) => receive(data);
  },
  fetch: (url, cache) => fetch(url, { cache }),
};
