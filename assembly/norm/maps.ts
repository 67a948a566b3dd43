// Maps along stretches of contiguous f32 values, shared by the normalisation kernels: plain ones, and exact ones for
// scales at which the factors would leave the range of f32.
import { findPage, isPageStart, pageEnd } from "./look-ahead";

/** Deviations are below 10³⁸, the end of f32, when the root 1/√(variance + eps) is above this. */
const smallestRoot: f64 = 1e-33;

/** Deviations from a mean below this stay within f32: it is less than half a unit in the last place of its largest. */
const largestMean: f64 = 1e31;

/** Whether f32 holds a factor at full precision. */
// @inline
function isNormal(value: f64): bool {
  return value == 0 || (abs(value) >= 1.2e-38 && abs(value) <= 3.4e38);
}

/** Whether (x − mean)·a + c is safe in f32, `root` = 1/√(variance + eps) being a factor of a. */
// @inline
export function fitsFloat(mean: f64, root: f64, a: f64, c: f64): bool {
  return abs(mean) < largestMean && root > smallestRoot && isNormal(a) && abs(c) < 3.4e38;
}

/**
 * y as a rectifier passes it on, if there is one; a NaN passes. `rectifies` is a constant in loops over vectors: a
 * maximum costs a fifth.
 */
// @inline
export function rectified(y: v128, rectifies: bool): v128 {
  return rectifies ? f32x4.pmax(y, f32x4.splat(0)) : y;
}

/** {@link rectified} of one value. */
// @inline
export function rectifiedValue(y: f32, rectifies: bool): f32 {
  return rectifies && y < 0 ? 0 : y;
}

/** y = (x − mean)·a + c, or max(y, 0) if it `rectifies`; never −0. */
export function affine(x: usize, y: usize, length: i32, mean: f32, a: f32, c: f32, rectifies: bool): void {
  if (rectifies) affineLoop(x, y, length, mean, a, c, true);
  else affineLoop(x, y, length, mean, a, c, false);
}

// @inline
function affineLoop(x: usize, y: usize, length: i32, mean: f32, a: f32, c: f32, rectifies: bool): void {
  // With a constant that is not −0 no sum is.
  c += 0;
  const m = f32x4.splat(mean);
  const aa = f32x4.splat(a);
  const cc = f32x4.splat(c);
  const toY = y - x;
  const end = x + ((<usize>length) << 2);
  const body = x + ((<usize>(length & ~7)) << 2);
  while (x < body) {
    if (isPageStart(x, 32)) {
      findPage(x);
      findPage(x + toY);
    }
    for (const stop = min(body, pageEnd(x)); x < stop; x += 32) {
      const p = f32x4.add(f32x4.mul(f32x4.sub(v128.load(x), m), aa), cc);
      const q = f32x4.add(f32x4.mul(f32x4.sub(v128.load(x, 16), m), aa), cc);
      v128.store(x + toY, rectified(p, rectifies));
      v128.store(x + toY, rectified(q, rectifies), 16);
    }
  }
  if (length & 4) {
    v128.store(x + toY, rectified(f32x4.add(f32x4.mul(f32x4.sub(v128.load(x), m), aa), cc), rectifies));
    x += 16;
  }
  for (; x < end; x += 4) store<f32>(x + toY, rectifiedValue((load<f32>(x) - mean) * a + c, rectifies));
}

/** As {@link affine} for values `stride` bytes apart, in f64. */
export function exactAffine(
  x: usize,
  y: usize,
  length: i32,
  stride: usize,
  mean: f64,
  a: f64,
  c: f64,
  rectifies: bool,
): void {
  for (; length > 0; length--) {
    store<f32>(y, rectifiedValue(<f32>((<f64>load<f32>(x) - mean) * a + c) + 0, rectifies));
    x += stride;
    y += stride;
  }
}

/**
 * g = 0 where (x − mean)·a + c ≤ 0, else dy, as where it is NaN: what reaches a map through the rectifier behind it.
 */
export function rectifiedGradient(dy: usize, x: usize, g: usize, length: i32, mean: f32, a: f32, c: f32): void {
  const m = f32x4.splat(mean);
  const aa = f32x4.splat(a);
  const cc = f32x4.splat(c);
  const zero = f32x4.splat(0);
  const toDy = dy - x;
  const toG = g - x;
  const end = x + ((<usize>length) << 2);
  const body = x + ((<usize>(length & ~3)) << 2);
  for (; x < body; x += 16) {
    const y = f32x4.add(f32x4.mul(f32x4.sub(v128.load(x), m), aa), cc);
    v128.store(x + toG, v128.andnot(v128.load(x + toDy), f32x4.le(y, zero)));
  }
  for (; x < end; x += 4) store<f32>(x + toG, (load<f32>(x) - mean) * a + c <= 0 ? 0 : load<f32>(x + toDy));
}

/** y = 0 where y ≤ 0, else dy. */
export function keepPositive(dy: usize, y: usize, length: i32): void {
  const zero = f32x4.splat(0);
  const toDy = dy - y;
  const end = y + ((<usize>length) << 2);
  const body = y + ((<usize>(length & ~3)) << 2);
  for (; y < body; y += 16) v128.store(y, v128.andnot(v128.load(y + toDy), f32x4.le(v128.load(y), zero)));
  for (; y < end; y += 4) store<f32>(y, load<f32>(y) <= 0 ? 0 : load<f32>(y + toDy));
}

/** dx = dy·a + (x − mean)·b + c */
export function gradient(dy: usize, x: usize, dx: usize, length: i32, mean: f32, a: f32, b: f32, c: f32): void {
  const m = f32x4.splat(mean);
  const aa = f32x4.splat(a);
  const bb = f32x4.splat(b);
  const cc = f32x4.splat(c);
  const toDy = dy - x;
  const toDx = dx - x;
  const end = x + ((<usize>length) << 2);
  const body = x + ((<usize>(length & ~7)) << 2);
  while (x < body) {
    if (isPageStart(x, 32)) {
      findPage(x);
      findPage(x + toDy);
      findPage(x + toDx);
    }
    for (const stop = min(body, pageEnd(x)); x < stop; x += 32) {
      const d = f32x4.mul(f32x4.sub(v128.load(x), m), bb);
      const e = f32x4.mul(f32x4.sub(v128.load(x, 16), m), bb);
      v128.store(x + toDx, f32x4.add(f32x4.add(f32x4.mul(v128.load(x + toDy), aa), d), cc));
      v128.store(x + toDx, f32x4.add(f32x4.add(f32x4.mul(v128.load(x + toDy, 16), aa), e), cc), 16);
    }
  }
  if (length & 4) {
    const d = f32x4.mul(f32x4.sub(v128.load(x), m), bb);
    v128.store(x + toDx, f32x4.add(f32x4.add(f32x4.mul(v128.load(x + toDy), aa), d), cc));
    x += 16;
  }
  for (; x < end; x += 4) store<f32>(x + toDx, load<f32>(x + toDy) * a + (load<f32>(x) - mean) * b + c);
}

/** dx = dy·a + (x − mean)·b + c for values `stride` bytes apart, in f64. */
export function exactGradient(
  dy: usize,
  x: usize,
  dx: usize,
  length: i32,
  stride: usize,
  mean: f64,
  a: f64,
  b: f64,
  c: f64,
): void {
  for (; length > 0; length--) {
    store<f32>(dx, <f32>(<f64>load<f32>(dy) * a + (<f64>load<f32>(x) - mean) * b + c));
    dy += stride;
    x += stride;
    dx += stride;
  }
}
