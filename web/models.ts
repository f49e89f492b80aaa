/** What is built into the page and the package; other folders of the same shape can be. */

import { join, resolve } from "node:path";

const models = join(import.meta.dirname, "../models");

export const model = resolve(process.env.DELICATE_MODEL ?? join(models, "delicate-admet"));

/** The model that similarity is taken of. */
export const embedding = resolve(
  process.env.DELICATE_EMBEDDING_MODEL ?? join(models, "delicate-small-embedding"),
);
