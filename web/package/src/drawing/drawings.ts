/** Drawings of molecules: each made once, when somebody looks at it, a few at a time. */

import { picture } from "./library.js";
import { draw, type Picture } from "./picture.js";

/** Drawings kept; the ones looked at longest ago go first. */
const KEPT = 3_000;
/** Mol blocks asked for at once. */
const AT_ONCE = 6;
/** Work of this length is followed by a pause, in which the page can answer. */
const SLICE_MS = 8;

const NOTHING = { block: null, atoms: [] };

/** What to draw. */
export interface Wish {
  /** Of the molecule; no two have the same. */
  key: string;
  /** Where to put it; in the meantime it holds the molecule's text. */
  slot: HTMLElement;
  /** What the drawing is called. */
  name: string;
  /** Pixels for a unit of the drawing. */
  size: number;
}

/** A mol block with atoms to mark, by their places in it. */
export interface MarkedBlock {
  block: string;
  atoms: ArrayLike<number>;
}

/** Mol blocks of molecules, by their keys; null for one that cannot be drawn. */
type Source = (keys: string[]) => Promise<(string | MarkedBlock | null)[]>;

export class Drawings {
  readonly #source: Source;
  /** Null for what cannot be drawn. */
  readonly #pictures = new Map<string, Picture | null>();
  /** Several places may want one drawing. */
  readonly #wishes = new Map<string, Wish[]>();
  #running = false;
  #generation = 0;
  #paused = false;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Nothing is drawn while it is true. */
  set paused(paused: boolean) {
    this.#paused = paused;
    if (!paused) void this.#run();
  }

  /** Draws into the slot, at once if it was drawn before. */
  show(wish: Wish): void {
    const known = this.#pictures.get(wish.key);
    if (known !== undefined) {
      // The newest is the last.
      this.#pictures.delete(wish.key);
      this.#pictures.set(wish.key, known);
      put(wish, known);
      return;
    }
    this.#wishes.set(wish.key, [...(this.#wishes.get(wish.key) ?? []), wish]);
    void this.#run();
  }

  /** Forgets what nobody looks at any more. */
  keep(wanted: (key: string) => boolean): void {
    for (const key of this.#wishes.keys()) if (!wanted(key)) this.#wishes.delete(key);
  }

  /** Resolves once all that was asked for is drawn, or after that many milliseconds. */
  async settled(limit: number): Promise<void> {
    const end = performance.now() + limit;
    while (this.#wishes.size > 0 && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 50));
  }

  clear(): void {
    this.#generation += 1;
    this.#wishes.clear();
    this.#pictures.clear();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#paused && this.#wishes.size > 0) {
        const generation = this.#generation;
        const keys = [...this.#wishes.keys()].slice(0, AT_ONCE);
        // What fails once is not asked for again: its text stays.
        const blocks = await this.#source(keys).catch((): null[] => keys.map(() => null));
        // They were of another table.
        if (generation !== this.#generation) continue;
        let began = performance.now();
        for (const [place, key] of keys.entries()) {
          const given = blocks[place] ?? null;
          const { block, atoms } =
            typeof given === "string" ? { block: given, atoms: [] } : (given ?? NOTHING);
          const made = block === null ? null : await picture(block).catch(() => undefined);
          if (made) made.matched = Array.from(atoms);
          if (generation !== this.#generation) break;
          const wishes = this.#wishes.get(key) ?? [];
          this.#wishes.delete(key);
          // The library could not be fetched: another time.
          if (made === undefined) continue;
          this.#remember(key, made);
          for (const wish of wishes) put(wish, made);
          if (performance.now() - began > SLICE_MS) {
            await new Promise((resolve) => setTimeout(resolve, 0));
            began = performance.now();
          }
        }
      }
    } finally {
      this.#running = false;
    }
  }

  #remember(key: string, made: Picture | null): void {
    this.#pictures.set(key, made);
    const [oldest] = this.#pictures.keys();
    if (this.#pictures.size > KEPT && oldest !== undefined) this.#pictures.delete(oldest);
  }
}

function put({ slot, name, size }: Wish, made: Picture | null): void {
  slot.classList.toggle("drawn", made !== null);
  slot.querySelector("svg.molecule")?.remove();
  if (made !== null) slot.append(draw(made, name, size));
}
