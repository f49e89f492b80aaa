/** The copy of the page that works with the network off: saving it, updating it, removing it. */

import { find } from "../dom.js";

/** Offers to remove a copy of an earlier visit, whatever state the page is in. */
export async function offerRemoval(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const registration = await navigator.serviceWorker.getRegistration().catch(() => undefined);
  if (registration?.active) offer(registration);
}

function offer(registration: ServiceWorkerRegistration): void {
  const status = find("offline", HTMLElement);
  const forget = find("forget", HTMLButtonElement);
  forget.hidden = false;
  forget.onclick = async () => {
    await registration.unregister();
    for (const name of await caches.keys()) {
      if (name.startsWith("delicate ") && name.includes(registration.scope))
        await caches.delete(name);
    }
    status.textContent = "The offline copy was removed. The next visit saves it again.";
    forget.hidden = true;
  };
}

/** Called once the page scores, so that saving does not compete with loading. */
export async function keepOfflineCopy(): Promise<void> {
  const status = find("offline", HTMLElement);
  const update = find("update", HTMLButtonElement);
  // Absent over plain http from another machine, and in some private windows.
  if (!("serviceWorker" in navigator)) return;
  const container = navigator.serviceWorker;
  const offerUpdate = (waiting: ServiceWorker): void => {
    status.textContent = "A newer version of this page is ready.";
    update.hidden = false;
    update.onclick = () => {
      container.addEventListener("controllerchange", () => location.reload(), { once: true });
      waiting.postMessage("activate");
    };
  };
  const watch = (worker: ServiceWorker, first: boolean): void =>
    worker.addEventListener("statechange", () => {
      if (worker.state === "installed" && !first) offerUpdate(worker);
      if (worker.state === "redundant" && first)
        status.textContent = "The offline copy could not be saved; the next visit tries again.";
    });
  try {
    const registration = await container.register("./sw.js", { updateViaCache: "none" });
    const first = registration.active === null;
    if (first) status.textContent = "Saving for offline use…";
    if (registration.waiting !== null && !first) offerUpdate(registration.waiting);
    if (registration.installing !== null) watch(registration.installing, first);
    registration.addEventListener("updatefound", () => {
      if (registration.installing !== null)
        watch(registration.installing, registration.active === null);
    });
    await container.ready;
    if (update.hidden) status.textContent = "Available offline.";
    offer(registration);
  } catch {
    status.textContent = "This browser does not allow saving the page for offline use.";
  }
}
