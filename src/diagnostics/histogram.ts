import { quantiles } from "./quantiles.js";

/** A distribution, counted in bins of equal width. */
export interface Histogram {
  /** The left edge of the first bin and the right edge of the last. */
  readonly range: readonly [low: number, high: number];
  /** Values in each bin. */
  readonly counts: readonly number[];
}

/** The share of values left out at either end, so that a few far ones do not hide the shape of the rest. */
const tail = 0.001;

/** Counts values in `bins` bins, over the range that holds all but 0.1 % of them at either end; null if there are none, or not all are finite. */
export function histogram(values: ArrayLike<number>, bins: number): Histogram | null {
  const [least, low, high, largest] = quantiles(values, [0, tail, 1 - tail, 1]);
  if (!Number.isFinite(least) || !Number.isFinite(largest)) return null;
  const counts = new Array<number>(bins).fill(0);
  const scale = high > low ? bins / (high - low) : 0;
  for (let k = 0; k < values.length; k++) {
    const value = values[k];
    if (value >= low && value <= high) counts[Math.min(bins - 1, Math.floor((value - low) * scale))]++;
  }
  return { range: [low, high], counts };
}
