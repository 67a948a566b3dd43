/** What is next to zero, as a saturated sigmoid is, counts by its absolute difference. */
const smallestScale = 0.01;

/**
 * The largest difference of two outputs' values, and that divided by the largest value (by 0.01 if that is less): what both have as NaN or
 * as the same infinity does not differ.
 */
export function difference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
): { readonly absolute: number; readonly relative: number } {
  let absolute = 0;
  let largest = smallestScale;
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i]))) {
      if (Number.isFinite(a[i])) largest = Math.max(largest, Math.abs(a[i]));
      continue;
    }
    const distance = Math.abs(a[i] - b[i]);
    if (!Number.isFinite(distance)) return { absolute: Number.POSITIVE_INFINITY, relative: Number.POSITIVE_INFINITY };
    absolute = Math.max(absolute, distance);
    largest = Math.max(largest, Math.abs(a[i]), Math.abs(b[i]));
  }
  return { absolute, relative: absolute === 0 ? 0 : absolute / largest };
}
