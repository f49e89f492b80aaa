/** How fast scoring goes, over its last seconds. */

const WINDOW_SECONDS = 12;

export class Meter {
  readonly #samples: { at: number; done: number }[] = [];

  /** `at` in seconds; `done` only grows. */
  add(at: number, done: number): void {
    this.#samples.push({ at, done });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) > WINDOW_SECONDS)
      this.#samples.shift();
  }

  /** Rows per second; null until something was done. */
  get rate(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (
      first === undefined ||
      last === undefined ||
      last.done === first.done ||
      last.at <= first.at
    )
      return null;
    return (last.done - first.done) / (last.at - first.at);
  }

  /** Seconds for `rows` more at this rate. */
  left(rows: number): number | null {
    const rate = this.rate;
    return rate === null ? null : rows / rate;
  }
}
