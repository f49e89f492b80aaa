/** What is built into the page and the package; other folders of the same shape can be. */

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";

const models = join(import.meta.dirname, "../models");

export const model = resolve(process.env.DELICATE_MODEL ?? join(models, "delicate-admet"));

/** The model that similarity is taken of. */
export const embedding = resolve(
  process.env.DELICATE_EMBEDDING_MODEL ?? join(models, "delicate-small-embedding"),
);

/**
 * Whether the values of a model can be had before its domain, or without it: where there are
 * Gaussian processes in that, they cannot.
 */
export function domainFollows(folder: string): boolean {
  const domain = join(folder, "domain.json.gz");
  return (
    existsSync(domain) && !("processes" in JSON.parse(gunzipSync(readFileSync(domain)).toString()))
  );
}
