/** What the page begins with: its first worker, before the rest is fetched, read and drawn. */

import "./first-worker.js";

async function start(): Promise<void> {
  const parsed = new Promise<void>((resolve) => {
    if (document.readyState !== "loading") resolve();
    else document.addEventListener("DOMContentLoaded", () => resolve());
  });
  await parsed;
  await import("./main.js");
}

start().catch((error: unknown) => {
  // Told as what keeps a script from starting: served.js.
  setTimeout(() => {
    throw error;
  });
});
