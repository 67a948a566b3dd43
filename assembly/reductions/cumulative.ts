// Sums of all values up to each one. Twin: src/backend/cpu/reductions.ts.
import { demote, loadLanes, promoteHigh, promoteLow, storeLanes } from "../math/lanes";

/** So many columns go together. */
export const cumSumStrip: i32 = 4;

/**
 * y[o, k, i] = Σ x[o, j, i] over j ≤ k, or over j ≥ k, in f64; units: outer times ⌈inner / cumSumStrip⌉.
 */
export function cumSum(x: usize, y: usize, count: i32, inner: i32, isReversed: bool, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  const strips = (inner + cumSumStrip - 1) / cumSumStrip;
  // Pointers move by 32-bit arithmetic modulo 2³², so that the way back is a negative step.
  const step = isReversed ? -((<usize>inner) << 2) : (<usize>inner) << 2;
  for (let unit = begin; unit < end; unit++) {
    const column = (unit % strips) * cumSumStrip;
    const n = inner - column;
    const first = (unit / strips) * count + (isReversed ? count - 1 : 0);
    let at = (<usize>first * <usize>inner + <usize>column) << 2;
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let k = 0; k < count; k++) {
      const v = loadLanes(x + at, n, zero);
      low = f64x2.add(low, promoteLow(v));
      high = f64x2.add(high, promoteHigh(v));
      storeLanes(y + at, n, demote(low, high));
      at += step;
    }
  }
}
