/** Which columns the user wants to see, remembered from visit to visit. */

import type { Endpoint } from "../package/src/protocol.js";
import { Signal } from "../package/src/signal.js";

/** With more endpoints than this a table shows the usual ones, until the user chooses. */
const ALL_UP_TO = 12;
/** Those that chemists ask for first. */
const USUAL: ReadonlySet<string> = new Set([
  "log_s",
  "log_p",
  "log_d",
  "caco2_papp",
  "bbb",
  "human_fup",
  "cyp2d6_inhibitor",
  "cyp3a4_inhibitor",
  "hlm_clint",
  "herg_pic50",
  "ames",
  "dili",
]);
/** A model that knows fewer of them has others, and shows the first of each group. */
const FEW = 6;
const OF_EACH_GROUP = 2;

/** The name of an endpoint's group, with a capital; models without groups have one without a name. */
export function groupOf(endpoint: Endpoint): string {
  const name = ("group" in endpoint ? String(endpoint.group ?? "") : "").trim();
  return name.charAt(0).toUpperCase() + name.slice(1);
}

export interface Group {
  name: string;
  /** Places of its endpoints in the model's list. */
  endpoints: number[];
}

/** Groups in the order in which the model names them. */
export function groups(endpoints: readonly Endpoint[]): Group[] {
  const found = new Map<string, number[]>();
  endpoints.forEach((endpoint, place) => {
    const name = groupOf(endpoint);
    found.set(name, [...(found.get(name) ?? []), place]);
  });
  return [...found].map(([name, endpoints]) => ({ name, endpoints }));
}

export class ShownColumns {
  readonly changed = new Signal();
  #endpoints: readonly Endpoint[] = [];
  #store = "";
  #shown = new Set<string>();
  /** The user's columns that are hidden, by their titles, no two of which are the same. */
  #hiddenFields = new Set<string>();

  /** Another model is used. */
  use(model: string, endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#store = `delicate columns ${model}`;
    this.#shown = this.#remembered() ?? this.#usual();
  }

  /** Places of the endpoints shown, group by group. */
  get endpoints(): number[] {
    return groups(this.#endpoints).flatMap(({ endpoints }) =>
      endpoints.filter((place) => this.#shown.has(this.#endpoints[place]?.name ?? "")),
    );
  }

  showsField(title: string): boolean {
    return !this.#hiddenFields.has(title);
  }

  showEndpoints(places: readonly number[], shown: boolean): void {
    for (const place of places) {
      const name = this.#endpoints[place]?.name;
      if (name === undefined) continue;
      if (shown) this.#shown.add(name);
      else this.#shown.delete(name);
    }
    this.#remember();
  }

  showField(title: string, shown: boolean): void {
    if (shown) this.#hiddenFields.delete(title);
    else this.#hiddenFields.add(title);
    this.changed.emit();
  }

  reset(): void {
    this.#shown = this.#usual();
    this.#hiddenFields.clear();
    this.#remember();
  }

  #usual(): Set<string> {
    const names = this.#endpoints.map(({ name }) => name);
    if (names.length <= ALL_UP_TO) return new Set(names);
    const usual = names.filter((name) => USUAL.has(name));
    if (usual.length >= FEW) return new Set(usual);
    const first = groups(this.#endpoints).flatMap(({ endpoints }) =>
      endpoints.slice(0, OF_EACH_GROUP),
    );
    return new Set(first.map((place) => names[place] ?? ""));
  }

  #remembered(): Set<string> | null {
    try {
      const names: unknown = JSON.parse(localStorage.getItem(this.#store) ?? "null");
      if (!Array.isArray(names)) return null;
      const known = new Set(this.#endpoints.map(({ name }) => name));
      const kept = names.filter((name): name is string => known.has(name));
      return kept.length > 0 ? new Set(kept) : null;
    } catch {
      // Forbidden, or not ours.
      return null;
    }
  }

  #remember(): void {
    try {
      localStorage.setItem(this.#store, JSON.stringify([...this.#shown]));
    } catch {
      // Where nothing may be kept, the choice lasts as long as the page.
    }
    this.changed.emit();
  }
}
