/** The arithmetic of plots: scales, ticks, bins. */

export interface Scale {
  low: number;
  high: number;
  ticks: number[];
}

/** Between which numbers alone there can be any. */
export interface Limits {
  low: number;
  high: number;
}

/**
 * A scale over all numbers that are numbers, with round ticks, within the limits; null where there
 * are none.
 */
export function scaleOf(
  values: ArrayLike<number>,
  ticks = 6,
  limits: Limits | null = null,
): Scale | null {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return null;
  if (low === high) {
    const half = Math.abs(low) / 2 || 0.5;
    low -= half;
    high += half;
  }
  const step = roundStep((high - low) / ticks);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step);
  const found = Array.from({ length: last - first + 1 }, (_, at) =>
    Number(((first + at) * step).toPrecision(12)),
  );
  const scale = { low: first * step, high: last * step, ticks: found };
  if (limits === null || low < limits.low || high > limits.high) return scale;
  const ends = { low: Math.max(scale.low, limits.low), high: Math.min(scale.high, limits.high) };
  const within = found.filter((tick) => tick > ends.low && tick < ends.high);
  return { ...ends, ticks: [ends.low, ...within, ends.high] };
}

/** 1, 2 or 5 times a power of ten. */
function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const rest = step / power;
  return (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10) * power;
}

/** The bin of each value; -1 for what is no number. */
export function binsOf(values: ArrayLike<number>, { low, high }: Scale, count: number): Int32Array {
  return Int32Array.from({ length: values.length }, (_, at) => {
    const value = values[at] ?? Number.NaN;
    if (!Number.isFinite(value)) return -1;
    return Math.min(count - 1, Math.floor(((value - low) / (high - low)) * count));
  });
}

export interface Histogram {
  scale: Scale;
  /** The bin of each value; -1 for what is no number. */
  bins: Int32Array;
  /** How many values each bin has. */
  counts: number[];
}

/** Null where there are no numbers. */
export function histogramOf(
  values: ArrayLike<number>,
  count: number,
  ticks = 6,
  limits: Limits | null = null,
): Histogram | null {
  const scale = scaleOf(values, ticks, limits);
  if (scale === null) return null;
  const bins = binsOf(values, scale, count);
  return { scale, bins, counts: countsOf(bins, count) };
}

/** How often each bin is among these. */
export function countsOf(bins: Iterable<number>, count: number): number[] {
  const counts = new Array<number>(count).fill(0);
  for (const bin of bins) if (bin >= 0) counts[bin] = (counts[bin] ?? 0) + 1;
  return counts;
}

/** The numbers between which some bins lie; null at an end of the scale, where nothing is beyond. */
export function boundsOf(
  { low, high }: Scale,
  count: number,
  first: number,
  last: number,
): { low: number | null; high: number | null } {
  const edge = (bin: number): number => Number((low + ((high - low) * bin) / count).toPrecision(6));
  return {
    low: first <= 0 ? null : edge(first),
    high: last >= count - 1 ? null : edge(last + 1),
  };
}

/** The number in the middle of all that are numbers; NaN of none. */
export function medianOf(values: Float64Array): number {
  const sorted = values.filter(Number.isFinite).sort();
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Pearson's correlation of the pairs that are numbers. */
export function correlation(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let [n, sx, sy] = [0, 0, 0];
  const pairs: [number, number][] = [];
  for (let at = 0; at < x.length; at += 1) {
    const [a, b] = [x[at] ?? Number.NaN, y[at] ?? Number.NaN];
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue;
    pairs.push([a, b]);
    n += 1;
    sx += a;
    sy += b;
  }
  const [mx, my] = [sx / n, sy / n];
  let [xx, yy, xy] = [0, 0, 0];
  for (const [a, b] of pairs) {
    xx += (a - mx) ** 2;
    yy += (b - my) ** 2;
    xy += (a - mx) * (b - my);
  }
  return xy / Math.sqrt(xx * yy);
}
