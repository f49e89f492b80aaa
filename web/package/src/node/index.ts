/** Scores molecules in Node.js, on the CPU. */

import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import * as inside from "virtual:inside";
import { workersFor } from "../engines.js";
import { DelicateError } from "../errors.js";
import { contentFiles, directoryFiles, insideFiles } from "../model.js";
import { open } from "../open.js";
import type { Scorer } from "../scorer.js";
import type { ScorerOptions } from "../types.js";
import { launch } from "./launch.js";

export { DelicateError, type ErrorCode } from "../errors.js";
export { Scorer } from "../scorer.js";
export type * from "../types.js";

/** As in a browser; a model may also be the path of its directory. */
export function createScorer(options: ScorerOptions = {}): Promise<Scorer> {
  return open(options, {
    launch,
    moduleBytes: inside.moduleBytes,
    webgpu: false,
    workers: workersFor(availableParallelism(), undefined),
    async model(source) {
      if (source === null) return insideFiles(inside.model);
      if (typeof source === "string" || source instanceof URL)
        return directoryFiles(address(source), read);
      return contentFiles(source);
    },
  });
}

const address = (source: string | URL): URL =>
  source instanceof URL || /^(https?|file):/.test(source) ? new URL(source) : pathToFileURL(source);

async function read(url: URL): Promise<Uint8Array> {
  try {
    if (url.protocol === "file:") return new Uint8Array(await readFile(url));
    const response = await fetch(url);
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DelicateError({ code: "download", message: `${url.href}: ${why}` }, { cause });
  }
}
