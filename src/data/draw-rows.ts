import { Generator } from "../random.js";

/**
 * At most so many of the numbers 0 to `length` − 1, drawn by a seed without replacement, in ascending order: the same
 * each time.
 *
 * @param most - how many; all of them if there are no more
 */
export function drawRows(length: number, most: number, seed: number): Uint32Array {
  if (length <= most) return Uint32Array.from({ length }, (_, k) => k);
  return new Generator(seed).permutation(length).slice(0, most).sort();
}
