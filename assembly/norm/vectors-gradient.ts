// The backward pass of normalisation over rows with a parameter per value (layer norm): see norm/rows-gradient.ts.
import { coefficientStep, flush, flushTerms, rootOf } from "./layout";
import { fitsFloat } from "./maps";
import { rectifiedRow } from "./rows";
import { pair, weightedGradientSums } from "./sums";

/**
 * Rows `first` to `last` of {@link rowGradient} where repeat is 1. Each is read for its sums, then, while it lies in
 * the nearest cache, for dx and its share of `sums`. Scratch: a row, padded to 16, and three f32 per parameter, each of
 * the three arrays padded to 16.
 */
export function vectorRows(
  dy: usize,
  x: usize,
  moments: usize,
  inner: i32,
  period: i32,
  centred: bool,
  weight: usize,
  bias: usize,
  eps: f64,
  rectifies: bool,
  dx: usize,
  sums: usize,
  first: i32,
  last: i32,
  scratch: usize,
): void {
  const step = coefficientStep(period);
  const rectified = scratch;
  scratch += coefficientStep(inner);
  memory.fill(scratch, 0, 2 * step);
  let factors = weight;
  if (!weight) {
    factors = scratch + 2 * step;
    for (let i: usize = 0; i < (<usize>period) << 2; i += 4) store<f32>(factors + i, 1);
  }
  const termsPerRow = (inner + period - 1) / period;
  let terms = 0;
  for (let row = first; row < last; row++) {
    let g = dy;
    if (rectifies) {
      const at = (<usize>row * <usize>inner) << 2;
      rectifiedRow(dy + at, x + at, moments, row, inner, 1, period, weight, bias, eps, rectified);
      // So that the row's first value, like that of x, lies `at` bytes on.
      g = rectified - at;
    }
    vectorRow(g, x, moments + <usize>row * 24, row * inner, inner, period, centred, factors, eps, dx, sums, scratch);
    terms += termsPerRow;
    if (sums && (terms >= flushTerms || row + 1 == last)) {
      flush(scratch, step, sums, period, 1);
      terms = 0;
    }
  }
}

function vectorRow(
  dy: usize,
  x: usize,
  moments: usize,
  first: i32,
  inner: i32,
  period: i32,
  centred: bool,
  weight: usize,
  eps: f64,
  dx: usize,
  sums: usize,
  scratch: usize,
): void {
  const step = coefficientStep(period);
  const mean = load<f64>(moments, 8);
  const root = rootOf(moments, eps);
  const rounded = <f32>mean;
  const excess = <f64>rounded - mean;
  const last = first + inner;
  let b: f64 = 0;
  let c: f64 = 0;
  if (dx) {
    let total = f64x2.splat(0);
    for (let i = first; i < last; ) {
      const parameter = i % period;
      const length = min(last - i, period - parameter);
      const at = (<usize>i) << 2;
      const w = weight + ((<usize>parameter) << 2);
      total = f64x2.add(total, weightedGradientSums(dy + at, w, x + at, length, rounded));
      i += length;
    }
    const sum = f64x2.extract_lane(total, 0);
    const product = f64x2.extract_lane(total, 1) + excess * sum;
    const count = load<f64>(moments);
    b = (-root * root * (product * root)) / count;
    c = centred ? (-root * sum) / count : 0;
  }
  const constant = c + excess * b;
  const offset = excess * root;
  const fits = fitsFloat(mean, root, root, constant) && fitsFloat(mean, root, b, offset);
  for (let i = first; i < last; ) {
    const parameter = i % period;
    const length = min(last - i, period - parameter);
    const at = (<usize>i) << 2;
    const skip = (<usize>parameter) << 2;
    const w = weight + skip;
    const g = dy + at;
    const from = x + at;
    if (!fits) {
      exactVector(g, from, w, dx ? dx + at : 0, sums ? sums + (skip << 2) : 0, length, mean, root, b, c);
    } else {
      const s = <f32>root;
      const to = scratch + skip;
      const k = <f32>constant;
      const o = <f32>offset;
      if (!dx) vector(g, from, w, 0, to, step, length, rounded, s, 0, 0, o, false, true);
      else if (!sums) vector(g, from, w, dx + at, 0, 0, length, rounded, s, <f32>b, k, 0, true, false);
      else vector(g, from, w, dx + at, to, step, length, rounded, s, <f32>b, k, o, true, true);
    }
    i += length;
  }
}

/** dx = dy·weight·root + d·b + c, d = x − mean; dbias += dy, and `step` bytes on dweight += dy·(d·root + offset). */
// @inline
function vector(
  dy: usize,
  x: usize,
  weight: usize,
  dx: usize,
  dbias: usize,
  step: usize,
  length: i32,
  mean: f32,
  root: f32,
  b: f32,
  c: f32,
  offset: f32,
  maps: bool,
  adds: bool,
): void {
  const mm = f32x4.splat(mean);
  const ss = f32x4.splat(root);
  const bb = f32x4.splat(b);
  const cc = f32x4.splat(c);
  const oo = f32x4.splat(offset);
  const dweight = dbias + step;
  const bytes = (<usize>length) << 2;
  const body = (<usize>(length & ~7)) << 2;
  let i: usize = 0;
  for (; i < body; i += 32) {
    const g = v128.load(dy + i);
    const h = v128.load(dy + i, 16);
    const d = f32x4.sub(v128.load(x + i), mm);
    const e = f32x4.sub(v128.load(x + i, 16), mm);
    if (adds) {
      v128.store(dbias + i, f32x4.add(v128.load(dbias + i), g));
      v128.store(dbias + i, f32x4.add(v128.load(dbias + i, 16), h), 16);
      const p = f32x4.mul(g, f32x4.add(f32x4.mul(d, ss), oo));
      const q = f32x4.mul(h, f32x4.add(f32x4.mul(e, ss), oo));
      v128.store(dweight + i, f32x4.add(v128.load(dweight + i), p));
      v128.store(dweight + i, f32x4.add(v128.load(dweight + i, 16), q), 16);
    }
    if (maps) {
      const p = f32x4.mul(f32x4.mul(g, v128.load(weight + i)), ss);
      const q = f32x4.mul(f32x4.mul(h, v128.load(weight + i, 16)), ss);
      v128.store(dx + i, f32x4.add(f32x4.add(p, f32x4.mul(d, bb)), cc));
      v128.store(dx + i, f32x4.add(f32x4.add(q, f32x4.mul(e, bb)), cc), 16);
    }
  }
  for (; i < bytes; i += 4) {
    const g = load<f32>(dy + i);
    const d = load<f32>(x + i) - mean;
    if (adds) {
      store<f32>(dbias + i, load<f32>(dbias + i) + g);
      store<f32>(dweight + i, load<f32>(dweight + i) + g * (d * root + offset));
    }
    if (maps) store<f32>(dx + i, g * load<f32>(weight + i) * root + d * b + c);
  }
}

/** As {@link vector} in f64, with sums that are pairs of f64. */
function exactVector(
  dy: usize,
  x: usize,
  weight: usize,
  dx: usize,
  sums: usize,
  length: i32,
  mean: f64,
  root: f64,
  b: f64,
  c: f64,
): void {
  for (let i: usize = 0; i < (<usize>length) << 2; i += 4) {
    const g = <f64>load<f32>(dy + i);
    const d = <f64>load<f32>(x + i) - mean;
    if (sums) {
      const to = sums + (i << 2);
      v128.store(to, f64x2.add(v128.load(to), pair(g, g * (d * root))));
    }
    if (dx) store<f32>(dx + i, <f32>(g * <f64>load<f32>(weight + i) * root + d * b + c));
  }
}
