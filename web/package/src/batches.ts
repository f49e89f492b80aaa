/** Molecules taken from wherever they come, a batch at a time. */

/** A batch that is not full is scored when nothing came for this long. */
const PATIENCE_MS = 25;

/**
 * Batches of at most `size()`; from a source that is waited for, what it has given by the time it
 * pauses. The source is told when no more is wanted.
 */
export async function* batches<T>(
  source: Iterable<T> | AsyncIterable<T>,
  size: () => number,
): AsyncGenerator<T[], void, undefined> {
  if (Symbol.asyncIterator in source) yield* waited(source, size);
  else yield* atOnce(source, size);
}

async function* atOnce<T>(source: Iterable<T>, size: () => number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for (const one of source) {
    batch.push(one);
    if (batch.length < size()) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function* waited<T>(source: AsyncIterable<T>, size: () => number): AsyncGenerator<T[]> {
  const iterator = source[Symbol.asyncIterator]();
  let batch: T[] = [];
  let done = false;
  let coming = iterator.next();
  try {
    while (!done) {
      const next = batch.length === 0 ? await coming : await soon(coming);
      if (next !== null && next.done !== true) {
        batch.push(next.value);
        coming = iterator.next();
        // Its failure is met when it is waited for.
        coming.catch(() => undefined);
        if (batch.length < size()) continue;
      } else if (next !== null) done = true;
      if (batch.length > 0) yield batch;
      batch = [];
    }
  } finally {
    // Not waited for: it may be busy with the next one for ever.
    if (!done) void iterator.return?.()?.catch(() => undefined);
  }
}

/** Null where it does not come soon. */
async function soon<T>(promise: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
