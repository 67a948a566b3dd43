// Where the normalisation kernels keep things: f32 sums that are flushed to f64, and coefficients per channel.
//
// A block of coefficients of K channels, padded to P = 16·⌈K/16⌉: f32 mean[P], a[P], b[P], c[P]; i32 exact[P]; f64
// (mean, a, b, c)[K]. Where rows are walked `fold` at a time, K is fold times the channels, which are repeated.
// Forward: y = (x − mean)·a + c, c not −0. Backward: dx = dy·a + (x − mean)·b + c. Where exact is not 0, f32 would not
// do.
import { pair } from "./sums";

/** f32 sums per channel or parameter are flushed to f64 after so many terms. */
export const flushTerms: i32 = 32;

/** Bytes from one array of a block of coefficients to the next. */
// @inline
export function coefficientStep(kept: i32): usize {
  return ((<usize>kept + 15) & ~15) << 2;
}

/** Where the f64 coefficients of channel k lie. */
// @inline
export function exactCoefficients(coefficients: usize, kept: i32, k: i32): usize {
  return coefficients + 5 * coefficientStep(kept) + ((<usize>k) << 5);
}

/** 1/√(M2/count + eps) of a kept index; 0 if it has no values. */
// @inline
export function rootOf(moments: usize, eps: f64): f64 {
  const count = load<f64>(moments);
  return count == 0 ? 0 : 1 / sqrt(load<f64>(moments, 16) / count + eps);
}

/** Repeats an f32 array of `channels` values until it has `width`. */
export function repeat(array: usize, channels: i32, width: i32): void {
  const end = array + ((<usize>width) << 2);
  for (let to = array + ((<usize>channels) << 2); to < end; to += 4) {
    store<f32>(to, load<f32>(to - ((<usize>channels) << 2)));
  }
}

/**
 * Adds two f32 arrays, `step` bytes apart, of all channels `fold` times over, to an f64 array of pairs, and clears
 * them.
 */
export function flush(sums: usize, step: usize, totals: usize, channels: i32, fold: i32): void {
  for (let k = 0; k < fold; k++) flushOnce(sums + <usize>((k * channels) << 2), step, totals, channels);
}

function flushOnce(sums: usize, step: usize, totals: usize, channels: i32): void {
  const zero = f32x4.splat(0);
  const end = sums + ((<usize>channels) << 2);
  const body = sums + ((<usize>(channels & ~3)) << 2);
  for (; sums < body; sums += 16) {
    const a = v128.load(sums);
    const b = v128.load(sums + step);
    addPairs(totals, v128.shuffle<i32>(a, b, 0, 4, 1, 5));
    addPairs(totals + 32, v128.shuffle<i32>(a, b, 2, 6, 3, 7));
    v128.store(sums, zero);
    v128.store(sums + step, zero);
    totals += 64;
  }
  for (; sums < end; sums += 4) {
    v128.store(totals, f64x2.add(v128.load(totals), pair(<f64>load<f32>(sums), <f64>load<f32>(sums + step))));
    store<f32>(sums, 0);
    store<f32>(sums + step, 0);
    totals += 16;
  }
}

/** Adds two pairs of f32 to two pairs of f64. */
// @inline
function addPairs(totals: usize, pairs: v128): void {
  const second = v128.shuffle<i32>(pairs, pairs, 2, 3, 2, 3);
  v128.store(totals, f64x2.add(v128.load(totals), f64x2.promote_low_f32x4(pairs)));
  v128.store(totals, f64x2.add(v128.load(totals, 16), f64x2.promote_low_f32x4(second)), 16);
}
