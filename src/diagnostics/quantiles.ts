/**
 * Quantiles of values, with linear interpolation between neighbours (Hyndman & Fan 1996, type 7, as NumPy's default).
 *
 * @param values - at least one, in any order; NaN if any of them is NaN
 * @param at - which, each from 0 (the least value) to 1 (the largest)
 */
export function quantiles(values: ArrayLike<number>, at: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  const last = sorted.length - 1;
  // NaN is sorted to the end.
  if (last < 0 || Number.isNaN(sorted[last])) return at.map(() => Number.NaN);
  return at.map((share) => {
    const place = share * last;
    const below = Math.floor(place);
    const [low, high] = [sorted[below], sorted[Math.min(last, below + 1)]];
    return low === high ? low : low + (place - below) * (high - low);
  });
}
