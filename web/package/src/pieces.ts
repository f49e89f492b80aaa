/** The rows of a table that are to be scored, handed out in pieces to whoever scores. */

/** Rows from `start` to before `end`. */
export interface Span {
  start: number;
  end: number;
  /** How many have failed at it. */
  failures: number;
}

export class Pieces {
  readonly #rows: ArrayLike<{ state: string }>;
  readonly #returned: Span[] = [];
  #next = 0;

  constructor(rows: ArrayLike<{ state: string }>) {
    this.#rows = rows;
  }

  /** Whether there are none left to hand out. */
  get empty(): boolean {
    this.#skip();
    return this.#returned.length === 0 && this.#next >= this.#rows.length;
  }

  /** The next rows that nobody has, at most `size` and none from `border` rows on or across. */
  take(size: number, border: number): Span | null {
    const returned = this.#returned.shift();
    if (returned !== undefined) return returned;
    this.#skip();
    const start = this.#next;
    if (start >= this.#rows.length) return null;
    const last = Math.min(this.#rows.length, start + size, start - (start % border) + border);
    while (this.#next < last && this.#rows[this.#next]?.state === "pending") this.#next += 1;
    return { start, end: this.#next, failures: 0 };
  }

  /** Rows that were not scored, for another. */
  giveBack(span: Span): void {
    this.#returned.push(span);
  }

  #skip(): void {
    while (this.#next < this.#rows.length && this.#rows[this.#next]?.state !== "pending")
      this.#next += 1;
  }
}
