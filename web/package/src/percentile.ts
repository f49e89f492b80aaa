/** Where a value stands among a model's reference molecules. */

/**
 * From 0 to 100: the per cent of them that have a lesser value, with half of those that have the
 * same. `quantiles` are the 0th to the 100th percentile of their values, as an endpoint has them;
 * null where there are none.
 */
export function percentile(quantiles: readonly number[] | undefined, value: number): number | null {
  const last = (quantiles?.length ?? 0) - 1;
  if (quantiles === undefined || last < 1 || Number.isNaN(value)) return null;
  const less = place(quantiles, (one) => one < value);
  const notMore = place(quantiles, (one) => one <= value);
  if (less > last) return last;
  // The middle of the ranks that share the value.
  if (less < notMore) return (less + notMore - 1) / 2;
  if (less === 0) return 0;
  const [low, high] = [quantiles[less - 1] as number, quantiles[less] as number];
  return less - 1 + (value - low) / (high - low);
}

/** How many of those at the beginning `holds` is true of. */
function place(sorted: readonly number[], holds: (one: number) => boolean): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(sorted[middle] as number)) from = middle + 1;
    else to = middle;
  }
  return from;
}
