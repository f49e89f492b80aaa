/** Which columns the user wants to see, remembered from visit to visit. */

import type { Endpoint } from "../package/src/protocol.js";
import { Signal } from "../package/src/signal.js";

/** With more endpoints than this a table shows the first of each group, until the user chooses. */
const ALL_UP_TO = 12;
const OF_EACH_GROUP = 2;

/** The name of an endpoint's group; models without groups have one without a name. */
export const groupOf = (endpoint: Endpoint): string =>
  ("group" in endpoint && typeof endpoint.group === "string" ? endpoint.group : "").trim();

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
  /** The user's columns that are hidden, by name. */
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

  showsField(name: string): boolean {
    return !this.#hiddenFields.has(name);
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

  showField(name: string, shown: boolean): void {
    if (shown) this.#hiddenFields.delete(name);
    else this.#hiddenFields.add(name);
    this.changed.emit();
  }

  reset(): void {
    this.#shown = this.#usual();
    this.#hiddenFields.clear();
    this.#remember();
  }

  #usual(): Set<string> {
    const all = groups(this.#endpoints);
    const places =
      this.#endpoints.length <= ALL_UP_TO
        ? this.#endpoints.map((_, place) => place)
        : all.flatMap(({ endpoints }) => endpoints.slice(0, OF_EACH_GROUP));
    return new Set(places.map((place) => this.#endpoints[place]?.name ?? ""));
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
