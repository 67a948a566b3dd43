/** Where values lie and how far they spread. */
export interface Moments {
  readonly mean: number;
  /** > 0 */
  readonly deviation: number;
}

/** Mean and biased deviation; a column that does not vary keeps its scale. */
export function momentsOf(values: ArrayLike<number>): Moments {
  if (values.length === 0) return { mean: 0, deviation: 1 };
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k];
  const mean = sum / values.length;
  let squares = 0;
  for (let k = 0; k < values.length; k++) squares += (values[k] - mean) ** 2;
  const isExact = squares > underflow && squares < Number.POSITIVE_INFINITY;
  const moments = isExact ? { mean, deviation: Math.sqrt(squares / values.length) } : scaledMoments(values);
  return moments.deviation > least ? moments : { mean: moments.mean, deviation: 1 };
}

/** (value − mean) / deviation, also where the difference overflows. */
export function standardized(value: number, { mean, deviation }: Moments): number {
  const difference = value - mean;
  return Number.isFinite(difference) ? difference / deviation : value / deviation - mean / deviation;
}

/** Below it squares have lost digits. */
const underflow = 1e-280;
/** The reciprocal of anything smaller overflows. */
const least = 1e-300;

/** Moments where squares or sums leave float64: of the values in units of their largest distance from the first. */
function scaledMoments(values: ArrayLike<number>): Moments {
  const half = (k: number): number => values[k] / 2 - values[0] / 2;
  let largest = 0;
  for (let k = 0; k < values.length; k++) largest = Math.max(largest, Math.abs(half(k)));
  if (largest === 0) return { mean: values[0], deviation: 0 };
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += half(k) / largest;
  const mean = sum / values.length;
  let squares = 0;
  for (let k = 0; k < values.length; k++) squares += (half(k) / largest - mean) ** 2;
  return {
    mean: 2 * (values[0] / 2 + mean * largest),
    deviation: Math.min(2 * (largest * Math.sqrt(squares / values.length)), Number.MAX_VALUE),
  };
}
