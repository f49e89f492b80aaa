/** Timers that take no notice of the time for which a computer slept. */

/** Browsers call back pages out of sight up to a minute late; what is later than that slept. */
const LATE_MS = 65_000;

/**
 * Calls back after so many milliseconds; anew where the computer slept or the page was frozen
 * meanwhile, for whoever is waited for was then asleep as well. Returns what ends the wait.
 */
export function afterAwake(limit: number, action: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (): void => {
    const due = Date.now() + limit;
    timer = setTimeout(() => {
      if (Date.now() - due > LATE_MS) wait();
      else action();
    }, limit);
    // A program of Node.js does not wait for it.
    if (typeof timer === "object") (timer as { unref(): void }).unref();
  };
  wait();
  return () => clearTimeout(timer);
}
