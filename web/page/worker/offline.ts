/**
 * The service worker: keeps every file of the page so that it works with the
 * network off, and lets nothing leave for another origin.
 */

const scope = self as unknown as ServiceWorkerGlobalScope;
/** Files named by their hash: never stale, so builds share them and an update fetches only what changed. */
const FILES_CACHE = `delicate files ${scope.registration.scope}`;
/** The page itself and what else keeps its name from build to build. */
const SHELL_CACHES = `delicate shell ${scope.registration.scope} `;
const SHELL_CACHE = SHELL_CACHES + __BUILD__;

const hashed = (path: string): boolean => path.startsWith("assets/") || path.startsWith("model/");
const address = (path: string): string =>
  new URL(path === "index.html" ? "./" : path, scope.registration.scope).href;

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(activate()));
scope.addEventListener("message", (event) => {
  if (event.data === "activate") event.waitUntil(scope.skipWaiting());
});
scope.addEventListener("fetch", (event) => {
  if (new URL(event.request.url).origin !== scope.location.origin)
    event.respondWith(Response.error());
  else if (event.request.method === "GET") event.respondWith(answer(event.request));
});

async function install(): Promise<void> {
  const [files, shell, webgpu] = await Promise.all([
    caches.open(FILES_CACHE),
    caches.open(SHELL_CACHE),
    hasWebGpu(),
  ]);
  await Promise.all(
    __FILES__.map(async ([path, integrity, needsWebGpu]) => {
      // The largest file of all: kept when it is used, if that is ever so.
      if (needsWebGpu && !webgpu) return;
      const url = address(path);
      const cache = hashed(path) ? files : shell;
      if (hashed(path) && (await cache.match(url))) return;
      // Some hosts touch up HTML on its way out, so its hash is not asked for.
      const options: RequestInit = hashed(path) ? { integrity } : { cache: "no-cache" };
      const keep = async (options: RequestInit): Promise<void> => {
        const response = await fetch(url, options);
        if (!response.ok) throw new Error(`${url}: ${response.status}`);
        await cache.put(url, response);
      };
      // Once more past the browser's own cache, which may be full.
      await keep(options).catch(() => keep({ ...options, cache: "no-store" }));
    }),
  );
}

async function hasWebGpu(): Promise<boolean> {
  try {
    return Boolean(await scope.navigator.gpu?.requestAdapter());
  } catch {
    return false;
  }
}

async function activate(): Promise<void> {
  const names = await caches.keys();
  const stale = names.filter((name) => name.startsWith(SHELL_CACHES) && name !== SHELL_CACHE);
  await Promise.all(stale.map((name) => caches.delete(name)));
  const files = await caches.open(FILES_CACHE);
  const current = new Set(__FILES__.map(([path]) => address(path)));
  for (const request of await files.keys()) {
    if (!current.has(request.url)) await files.delete(request);
  }
  await scope.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const wanted = url.origin + url.pathname.replace(/\/index\.html$/, "/");
  // Asked for past every cache, because the copy in one of them is damaged.
  const past = request.cache === "no-store" || request.cache === "reload";
  if (!past) {
    for (const name of [SHELL_CACHE, FILES_CACHE]) {
      const kept = await (await caches.open(name)).match(wanted);
      if (kept !== undefined) return kept;
    }
  }
  const response = await fetch(request);
  const file = __FILES__.find(([path]) => address(path) === wanted);
  const isPage = response.headers.get("content-type")?.startsWith("text/html") === true;
  if (file !== undefined && hashed(file[0]) && response.ok && !isPage) {
    const copy = response.clone();
    // A full cache is no reason to withhold the answer.
    void caches
      .open(FILES_CACHE)
      .then((cache) => cache.put(wanted, copy))
      .catch(() => undefined);
  }
  return response;
}
