/** Timers that take no notice of the time for which a computer slept. */

/** Browsers call back pages out of sight up to a minute late; what is later than that slept. */
const LATE_MS = 65_000;
/** Later than this there may have been a pause, of whoever is waited for as well. */
const PAUSED_MS = 1_000;
/** What is given after a pause, once. */
const GRACE_MS = 10_000;

/**
 * Calls back after so many milliseconds; anew where the computer slept or the page was frozen
 * meanwhile, for whoever is waited for was then asleep as well, and a little later where that
 * may have been so. Returns what ends the wait.
 */
export function afterAwake(limit: number, action: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = (time: number, isGrace: boolean): void => {
    const due = Date.now() + time;
    timer = setTimeout(() => {
      const late = Date.now() - due;
      if (late > LATE_MS) wait(limit, false);
      else if (late > PAUSED_MS && !isGrace) wait(Math.min(limit, GRACE_MS), true);
      else action();
    }, time);
    // A program of Node.js does not wait for it.
    if (typeof timer === "object") (timer as { unref(): void }).unref();
  };
  wait(limit, false);
  return () => clearTimeout(timer);
}
