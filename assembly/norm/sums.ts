// Sums over stretches of contiguous f32 values, shared by the normalisation kernels.
//
// They run in f32 lanes within `flushBytes` and in f64 between. Where f32 could overflow, underflow or cancel, a guard
// sends the work to the functions named exact..., which do everything in f64.
import { findPage, isPageStart } from "./look-ahead";

/**
 * f32 lanes are flushed to f64 after this many bytes: 128 values, 16 to a lane, of which small ones are lost beside
 * large ones.
 */
const flushBytes: usize = 512;
/** Below this mean square, f32 squares may have underflowed. */
const tinySquare: f64 = 1e-28;
/** Below this mean, f32 products may have underflowed. */
const tinyProduct: f64 = 1e-36;

/** (a, b) as f64x2. */
// @inline
export function pair(a: f64, b: f64): v128 {
  return f64x2.replace_lane(f64x2.splat(a), 1, b);
}

/** The last two of four f32 lanes, as f64x2. */
// @inline
function promoteHigh(a: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i32>(a, a, 2, 3, 2, 3));
}

/** Four f32 lanes added to two f64 lanes: a₀ + a₂, a₁ + a₃. */
// @inline
function halve(a: v128): v128 {
  return f64x2.add(f64x2.promote_low_f32x4(a), promoteHigh(a));
}

/** (a₀ + a₁, b₀ + b₁) of two f64x2. */
// @inline
function sumHalves(a: v128, b: v128): v128 {
  return f64x2.add(v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
}

/** Σ x without a guard, which is enough for a shift. */
export function plainSum(x: usize, length: i32): f64 {
  let total = f64x2.splat(0);
  const end = x + ((<usize>length) << 2);
  const body = x + ((<usize>(length & ~7)) << 2);
  while (x < body) {
    const stop = min(body, x + flushBytes);
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    for (; x < stop; x += 32) {
      a = f32x4.add(a, v128.load(x));
      b = f32x4.add(b, v128.load(x, 16));
    }
    total = f64x2.add(total, halve(f32x4.add(a, b)));
  }
  let sum = f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
  for (; x < end; x += 4) sum += <f64>load<f32>(x);
  return sum;
}

/** (Σ(x − shift), Σ(x − shift)²) as f64x2; the guard is in {@link finishMoments}. */
export function shiftedSums(x: usize, length: i32, shift: f32): v128 {
  let total = f64x2.splat(0);
  const k = f32x4.splat(shift);
  const end = x + ((<usize>length) << 2);
  const body = x + ((<usize>(length & ~7)) << 2);
  while (x < body) {
    if (isPageStart(x, flushBytes)) findPage(x);
    const stop = min(body, x + flushBytes);
    let a = f32x4.splat(0);
    let aa = f32x4.splat(0);
    let b = f32x4.splat(0);
    let bb = f32x4.splat(0);
    for (; x < stop; x += 32) {
      const d = f32x4.sub(v128.load(x), k);
      const e = f32x4.sub(v128.load(x, 16), k);
      a = f32x4.add(a, d);
      aa = f32x4.add(aa, f32x4.mul(d, d));
      b = f32x4.add(b, e);
      bb = f32x4.add(bb, f32x4.mul(e, e));
    }
    total = f64x2.add(total, sumHalves(halve(f32x4.add(a, b)), halve(f32x4.add(aa, bb))));
  }
  if (length & 4) {
    const d = f32x4.sub(v128.load(x), k);
    total = f64x2.add(total, sumHalves(halve(d), halve(f32x4.mul(d, d))));
    x += 16;
  }
  for (; x < end; x += 4) {
    const d = <f64>(load<f32>(x) - shift);
    total = f64x2.add(total, pair(d, d * d));
  }
  return total;
}

/** Σ x², in f64 if squares overflowed or may have underflowed. */
export function squares(x: usize, length: i32): f64 {
  const sum = f64x2.extract_lane(shiftedSums(x, length, 0), 1);
  if (sum >= tinySquare * <f64>length && sum < Infinity) return sum;
  return f64x2.extract_lane(exactSums(x, length, 0), 1);
}

/**
 * (mean, M2) as f64x2 of `planes` stretches of `length` values, `stride` bytes apart, from their {@link shiftedSums}:
 * in f64 from the values themselves if the shift lies too far from the mean for the sums to be exact, or if squares
 * overflowed or underflowed.
 */
export function finishMoments(x: usize, planes: i32, stride: usize, length: i32, shift: f32, sums: v128): v128 {
  const count = <f64>planes * <f64>length;
  if (count == 0) return f64x2.splat(0);
  const sum = f64x2.extract_lane(sums, 0);
  const squares = f64x2.extract_lane(sums, 1);
  const m2 = squares - (sum * sum) / count;
  if (squares >= tinySquare * count && m2 >= 0.25 * squares && squares < Infinity) {
    return pair(<f64>shift + sum / count, m2);
  }
  return exactMoments(x, planes, stride, length, count);
}

/** (mean, M2) as f64x2, in two passes of f64; equal finite values give exactly (x, 0). */
function exactMoments(x: usize, planes: i32, stride: usize, length: i32, count: f64): v128 {
  const first = load<f32>(x);
  let constant = abs(first) < Infinity;
  if (length == 1) constant = constant && allEqual(x, planes, stride, first);
  else for (let p = 0; constant && p < planes; p++) constant = allEqual(x + <usize>p * stride, length, 4, first);
  if (constant) return pair(<f64>first, 0);
  let sums = f64x2.splat(0);
  for (let p = 0; p < planes; p++) {
    sums = f64x2.add(sums, exactSums(x + <usize>p * stride, length, 0));
  }
  const mean = f64x2.extract_lane(sums, 0) / count;
  sums = f64x2.splat(0);
  for (let p = 0; p < planes; p++) {
    sums = f64x2.add(sums, exactSums(x + <usize>p * stride, length, mean));
  }
  const rest = f64x2.extract_lane(sums, 0);
  return pair(mean + rest / count, f64x2.extract_lane(sums, 1) - (rest * rest) / count);
}

/** Whether all values, `stride` bytes apart, equal `value`; false for NaN. */
function allEqual(x: usize, length: i32, stride: usize, value: f32): bool {
  if (stride == 4) {
    const values = f32x4.splat(value);
    for (; length >= 4; length -= 4) {
      if (v128.any_true(f32x4.ne(v128.load(x), values))) return false;
      x += 16;
    }
  }
  for (; length > 0; length--) {
    if (load<f32>(x) != value) return false;
    x += stride;
  }
  return true;
}

/** (Σ(x − shift), Σ(x − shift)²) as f64x2, in f64. */
function exactSums(x: usize, length: i32, shift: f64): v128 {
  const k = f64x2.splat(shift);
  let a = f64x2.splat(0);
  let aa = f64x2.splat(0);
  const end = x + ((<usize>length) << 2);
  const body = x + ((<usize>(length & ~3)) << 2);
  for (; x < body; x += 16) {
    const v = v128.load(x);
    const d = f64x2.sub(f64x2.promote_low_f32x4(v), k);
    const e = f64x2.sub(promoteHigh(v), k);
    a = f64x2.add(a, f64x2.add(d, e));
    aa = f64x2.add(aa, f64x2.add(f64x2.mul(d, d), f64x2.mul(e, e)));
  }
  let total = sumHalves(a, aa);
  for (; x < end; x += 4) {
    const d = <f64>load<f32>(x) - shift;
    total = f64x2.add(total, pair(d, d * d));
  }
  return total;
}

/** (Σ dy, Σ dy·(x − mean)) as f64x2, in f64 if products overflowed or may have underflowed. */
export function gradientSums(dy: usize, x: usize, length: i32, mean: f32): v128 {
  return productSums(dy, 0, x, length, mean, false);
}

/** As {@link gradientSums}, of dy·weight with a weight per value. */
export function weightedGradientSums(dy: usize, weight: usize, x: usize, length: i32, mean: f32): v128 {
  return productSums(dy, weight, x, length, mean, true);
}

// @inline
function productSums(dy: usize, weight: usize, x: usize, length: i32, mean: f32, weighted: bool): v128 {
  let total = f64x2.splat(0);
  const m = f32x4.splat(mean);
  const start = x;
  const toDy = dy - x;
  const toWeight = weight - x;
  const end = x + ((<usize>length) << 2);
  const body = x + ((<usize>(length & ~7)) << 2);
  while (x < body) {
    if (isPageStart(x, flushBytes)) {
      findPage(x);
      findPage(x + toDy);
    }
    const stop = min(body, x + flushBytes);
    let a = f32x4.splat(0);
    let aa = f32x4.splat(0);
    let b = f32x4.splat(0);
    let bb = f32x4.splat(0);
    for (; x < stop; x += 32) {
      let g = v128.load(x + toDy);
      let h = v128.load(x + toDy, 16);
      if (weighted) {
        g = f32x4.mul(g, v128.load(x + toWeight));
        h = f32x4.mul(h, v128.load(x + toWeight, 16));
      }
      a = f32x4.add(a, g);
      b = f32x4.add(b, h);
      aa = f32x4.add(aa, f32x4.mul(g, f32x4.sub(v128.load(x), m)));
      bb = f32x4.add(bb, f32x4.mul(h, f32x4.sub(v128.load(x, 16), m)));
    }
    total = f64x2.add(total, sumHalves(halve(f32x4.add(a, b)), halve(f32x4.add(aa, bb))));
  }
  if (length & 4) {
    let g = v128.load(x + toDy);
    if (weighted) g = f32x4.mul(g, v128.load(x + toWeight));
    total = f64x2.add(total, sumHalves(halve(g), halve(f32x4.mul(g, f32x4.sub(v128.load(x), m)))));
    x += 16;
  }
  for (; x < end; x += 4) {
    let g = <f64>load<f32>(x + toDy);
    if (weighted) g *= <f64>load<f32>(x + toWeight);
    total = f64x2.add(total, pair(g, g * <f64>(load<f32>(x) - mean)));
  }
  return finishGradientSums(dy, weight, start, length, 4, mean, total);
}

/**
 * Sums of g and g·(x − mean), g = dy·weight, as f64x2: those that f32 gave, or new ones in f64 if products overflowed
 * or may have underflowed. Values lie `stride` bytes apart; weight 0 stands for ones.
 */
export function finishGradientSums(
  dy: usize,
  weight: usize,
  x: usize,
  length: i32,
  stride: usize,
  mean: f32,
  sums: v128,
): v128 {
  const sum = abs(f64x2.extract_lane(sums, 0));
  const product = abs(f64x2.extract_lane(sums, 1));
  if (product >= tinyProduct * <f64>length && product < Infinity && sum < Infinity) return sums;
  // Gradients that are 0 all over, and equal values, are common: their products are 0 indeed.
  if (product == 0 && (allEqual(dy, length, stride, 0) || allEqual(x, length, stride, mean))) return sums;
  return exactGradientSums(dy, weight, x, length, stride, <f64>mean);
}

/**
 * (Σ g, Σ g·(x − mean)) as f64x2 with g = dy·weight, in f64, of values `stride` bytes apart; weight 0 stands for ones.
 */
function exactGradientSums(dy: usize, weight: usize, x: usize, length: i32, stride: usize, mean: f64): v128 {
  let total = f64x2.splat(0);
  for (; length > 0; length--) {
    let g = <f64>load<f32>(dy);
    if (weight) {
      g *= <f64>load<f32>(weight);
      weight += stride;
    }
    total = f64x2.add(total, pair(g, g * (<f64>load<f32>(x) - mean)));
    dy += stride;
    x += stride;
  }
  return total;
}
