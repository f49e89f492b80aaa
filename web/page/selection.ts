/** The rows that the user has chosen. */

import { Signal } from "../package/src/signal.js";

export class Selection {
  readonly changed = new Signal();
  #rows: ReadonlySet<number> = new Set();

  /** In no order; replaced, never changed. */
  get rows(): ReadonlySet<number> {
    return this.#rows;
  }

  set rows(rows: ReadonlySet<number>) {
    if (rows.size === 0 && this.#rows.size === 0) return;
    this.#rows = rows;
    this.changed.emit();
  }

  has(row: number): boolean {
    return this.#rows.has(row);
  }

  /** Adds rows, or takes them out. */
  put(rows: Iterable<number>, selected: boolean): void {
    const changed = new Set(this.#rows);
    for (const row of rows) {
      if (selected) changed.add(row);
      else changed.delete(row);
    }
    this.rows = changed;
  }
}
