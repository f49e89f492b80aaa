/** The scorer that the elements of a page have in common. */

import { createScorer } from "../index.js";
import type { Scorer } from "../scorer.js";
import type { ScorerOptions } from "../types.js";

let options: ScorerOptions = {};
let shared: Promise<Scorer> | null = null;
const listeners = new Set<() => void>();

/**
 * Says with which engine and model the elements score; without it, on the CPU with the model inside.
 * What is on the page already is scored anew.
 */
export function configure(wanted: Omit<ScorerOptions, "signal">): void {
  options = wanted;
  shared?.then((scorer) => scorer.close()).catch(() => undefined);
  shared = null;
  for (const listener of listeners) listener();
}

/** The elements' scorer, loaded when the first of them needs it. */
export function sharedScorer(): Promise<Scorer> {
  shared ??= createScorer(options);
  const loading = shared;
  loading.catch(() => {
    // Tried again when it is needed again.
    if (shared === loading) shared = null;
  });
  return loading;
}

/** `listener` is told when another scorer is to be used; returns what ends that. */
export function onConfigured(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
