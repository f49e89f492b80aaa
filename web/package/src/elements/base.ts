/** What the elements extend. */

/** Absent where pages are made on a server, which needs the names alone. */
export const Base: typeof HTMLElement =
  globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement);
