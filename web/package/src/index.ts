/** Scores molecules in a browser. */

import * as inside from "virtual:inside";
import { DelicateError } from "./errors.js";
import { browserWorkers, launch } from "./launch.js";
import { contentFiles, directoryFiles, insideFiles } from "./model.js";
import { open } from "./open.js";
import type { Scorer } from "./scorer.js";
import type { ScorerOptions } from "./types.js";

export { DelicateError, type ErrorCode } from "./errors.js";
export { Scorer } from "./scorer.js";
export type * from "./types.js";

/**
 * Loads a model into a worker.
 *
 * Rejects with a {@link DelicateError}, whose `code` says what is wrong.
 */
export function createScorer(options: ScorerOptions = {}): Promise<Scorer> {
  return open(options, {
    launch,
    moduleBytes: inside.moduleBytes,
    webgpu: true,
    workers: browserWorkers(),
    async model(source, signal) {
      if (source === null) return insideFiles(inside.model);
      if (typeof source === "string" || source instanceof URL)
        return directoryFiles(new URL(source, document.baseURI), (url) => read(url, signal));
      return contentFiles(source);
    },
  });
}

async function read(url: URL, signal: AbortSignal): Promise<Uint8Array> {
  const response = await fetch(url, { signal }).catch((cause: unknown) => {
    const message = `${url.href} could not be fetched`;
    throw new DelicateError({ code: "download", message }, { cause });
  });
  if (!response.ok) {
    const message = `${url.href} could not be fetched: the server answered ${response.status}`;
    throw new DelicateError({ code: "download", message });
  }
  return new Uint8Array(await response.arrayBuffer());
}
