/** A distribution, counted in bins of equal width. */
export interface Histogram {
  /** The left edge of the first bin and the right edge of the last. */
  readonly range: readonly [low: number, high: number];
  /** Values in each bin. */
  readonly counts: readonly number[];
}
