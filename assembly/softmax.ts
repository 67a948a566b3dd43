// Softmax and its logarithm over the middle of (outer, count, inner), and their gradients. Twin: src/backend/cpu/reductions.ts.
//
// Rows (inner = 1) run along four lanes; columns (inner > 1) four lanes abreast. Sums are f64.
import { exp, exp64, log64 } from "./math";
import { loadLanes, maxLanes, promoteHigh, promoteLow, storeLanes, sumLanes } from "./lanes";

/** f32(low), f32(high) as four lanes. */
// @ts-ignore: decorator
@inline
function demote(low: v128, high: v128): v128 {
  const a = f32x4.demote_f64x2_zero(low);
  const b = f32x4.demote_f64x2_zero(high);
  return v128.shuffle<i64>(a, b, 0, 2);
}

/** The largest of n contiguous values; a NaN may go unseen, as it comes back with the sum. */
function peak(x: usize, n: i32): f32 {
  const lowest = f32x4.splat(-Infinity);
  let a = lowest;
  let b = lowest;
  let i: i32 = 0;
  for (; i <= n - 8; i += 8) {
    a = f32x4.pmax(a, v128.load(x));
    b = f32x4.pmax(b, v128.load(x, 16));
    x += 32;
  }
  for (; i < n; i += 4) {
    a = f32x4.pmax(a, loadLanes(x, n - i, lowest));
    x += 16;
  }
  return maxLanes(f32x4.pmax(a, b));
}

/** Σ e^(x − shift) over n contiguous values; the terms are kept at y unless it is 0. */
// @ts-ignore: decorator
@inline
function sumOfExponentials(x: usize, y: usize, n: i32, shift: f32): f64 {
  const s = f32x4.splat(shift);
  // Lanes beyond the last value stand for e^−∞.
  const lowest = f32x4.splat(-Infinity);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i = 0; i < n; i += 4) {
    const at = <usize>i << 2;
    const lanes = n - i;
    let e: v128;
    if (lanes >= 4) {
      e = exp(f32x4.sub(v128.load(x + at), s));
      if (y) v128.store(y + at, e);
    } else {
      e = exp(loadLanes(0, 0, lowest));
    }
    low = f64x2.add(low, promoteLow(e));
    high = f64x2.add(high, promoteHigh(e));
  }
  return sumLanes(f64x2.add(low, high));
}
