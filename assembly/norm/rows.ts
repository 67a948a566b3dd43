// Normalisation of contiguous rows (layer, group, instance and RMS norm): each row has moments of its own. The
// parameter of flat element i is ⌊i / repeat⌋ mod period: one per value (repeat = 1), or one per segment of `repeat`
// values. Weight and bias may be 0: none.
import { rootOf } from "./layout";
import { findPage, isPageStart, pageEnd } from "./look-ahead";
import { affine, exactAffine, fitsFloat, keepPositive, rectified, rectifiedValue } from "./maps";
import { finishMoments, shiftedSums, squares } from "./sums";

/** moments[row] = f64 (count, mean, M2) of `inner` values, shifted by the mean of a few of them. Units: rows. */
export function rowMoments(x: usize, inner: i32, moments: usize, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const from = x + ((<usize>row * <usize>inner) << 2);
    const to = moments + <usize>row * 24;
    const shift = sampleMean(from, inner);
    store<f64>(to, <f64>inner);
    v128.store(to, finishMoments(from, 1, 0, inner, shift, shiftedSums(from, inner, shift)), 8);
  }
}

/**
 * moments[row] = f64 (count, 0, Σ x²) of `inner` values: those of a mean that is not subtracted (RMS norm). Units:
 * rows.
 */
export function rowSquares(x: usize, inner: i32, moments: usize, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const to = moments + <usize>row * 24;
    store<f64>(to, <f64>inner);
    store<f64>(to, 0, 8);
    store<f64>(to, squares(x + ((<usize>row * <usize>inner) << 2), inner), 16);
  }
}

/** The mean of 8 to 15 vectors spread over a row, or of all its values if they are few. */
function sampleMean(x: usize, length: i32): f32 {
  if (length < 32) {
    let sum: f32 = 0;
    for (let i = 0; i < length; i++) sum += load<f32>(x + ((<usize>i) << 2));
    return sum / <f32>max(length, 1);
  }
  const vectors = length >> 2;
  const step = vectors >> 3;
  let sum = f32x4.splat(0);
  let count = 0;
  for (let v = 0; v < vectors; v += step) {
    sum = f32x4.add(sum, v128.load(x + ((<usize>v) << 4)));
    count++;
  }
  const low = f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1);
  const high = f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
  return (low + high) / <f32>(count << 2);
}

/** y = weight·(x − mean)/√(M2/count + eps) + bias, and max(y, 0) if it `rectifies`. Units: rows. */
export function rowStandardize(
  x: usize,
  moments: usize,
  inner: i32,
  repeat: i32,
  period: i32,
  weight: usize,
  bias: usize,
  eps: f64,
  rectifies: bool,
  y: usize,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>inner) << 2;
  for (let row = begin; row < end; row++) {
    const at = <usize>row * rowBytes;
    standardizeRow(x + at, moments, row, inner, repeat, period, weight, bias, eps, rectifies, y + at);
  }
}

/** g = the row of dy where the output of {@link rowStandardize} is above 0, else 0; dy, x and g point to the row. */
export function rectifiedRow(
  dy: usize,
  x: usize,
  moments: usize,
  row: i32,
  inner: i32,
  repeat: i32,
  period: i32,
  weight: usize,
  bias: usize,
  eps: f64,
  g: usize,
): void {
  standardizeRow(x, moments, row, inner, repeat, period, weight, bias, eps, false, g);
  keepPositive(dy, g, inner);
}

/** One row of {@link rowStandardize}, at x and y. */
function standardizeRow(
  x: usize,
  moments: usize,
  row: i32,
  inner: i32,
  repeat: i32,
  period: i32,
  weight: usize,
  bias: usize,
  eps: f64,
  rectifies: bool,
  y: usize,
): void {
  const isPlain = !weight && !bias;
  const at = moments + <usize>row * 24;
  const mean = load<f64>(at, 8);
  const root = rootOf(at, eps);
  const first = row * inner;
  if (repeat == 1 && !isPlain) {
    for (let i = 0; i < inner; ) {
      const parameter = (first + i) % period;
      const length = min(inner - i, period - parameter);
      const from = (<usize>i) << 2;
      const w = weight ? weight + ((<usize>parameter) << 2) : 0;
      const b = bias ? bias + ((<usize>parameter) << 2) : 0;
      vectorAffine(x + from, y + from, length, mean, root, w, b, rectifies);
      i += length;
    }
    return;
  }
  // Without parameters a row is one segment.
  const segment = isPlain ? inner : repeat;
  let parameter = (first / segment) % period;
  let length = min(inner, segment - (first % segment));
  for (let i = 0; i < inner; ) {
    const from = (<usize>i) << 2;
    const a = weight ? <f64>load<f32>(weight + ((<usize>parameter) << 2)) * root : root;
    const c = bias ? <f64>load<f32>(bias + ((<usize>parameter) << 2)) : 0;
    const rounded = <f32>mean;
    const constant = c + (<f64>rounded - mean) * a;
    if (fitsFloat(mean, root, a, constant))
      affine(x + from, y + from, length, rounded, <f32>a, <f32>constant, rectifies);
    else exactAffine(x + from, y + from, length, 4, mean, a, c, rectifies);
    i += length;
    length = min(segment, inner - i);
    parameter = parameter + 1 == period ? 0 : parameter + 1;
  }
}

/**
 * y = ((x − mean)·root)·weight + bias, or max(y, 0) if it `rectifies`, with a weight and a bias per value; either may
 * be 0. Never −0, but where the bias is and nothing rectifies.
 */
function vectorAffine(
  x: usize,
  y: usize,
  length: i32,
  mean: f64,
  root: f64,
  weight: usize,
  bias: usize,
  rectifies: bool,
): void {
  const rounded = <f32>mean;
  const constant = (<f64>rounded - mean) * root;
  if (!fitsFloat(mean, root, root, constant)) exactVectorAffine(x, y, length, mean, root, weight, bias, rectifies);
  else if (rectifies) scaleAndShift(x, y, length, rounded, <f32>root, <f32>constant, weight, bias, true);
  else scaleAndShift(x, y, length, rounded, <f32>root, <f32>constant, weight, bias, false);
}

// @inline
function scaleAndShift(
  x: usize,
  y: usize,
  length: i32,
  mean: f32,
  root: f32,
  constant: f32,
  weight: usize,
  bias: usize,
  rectifies: bool,
): void {
  if (!bias) scaleAndShiftLoop(x, y, length, mean, root, constant, weight, bias, rectifies, true, false);
  else if (!weight) scaleAndShiftLoop(x, y, length, mean, root, constant, weight, bias, rectifies, false, true);
  else scaleAndShiftLoop(x, y, length, mean, root, constant, weight, bias, rectifies, true, true);
}

// @inline
function scaleAndShiftLoop(
  x: usize,
  y: usize,
  length: i32,
  mean: f32,
  root: f32,
  constant: f32,
  weight: usize,
  bias: usize,
  rectifies: bool,
  scales: bool,
  shifts: bool,
): void {
  const zero = f32x4.splat(0);
  const m = f32x4.splat(mean);
  const s = f32x4.splat(root);
  const c = f32x4.splat(constant);
  const bytes = (<usize>length) << 2;
  const body = (<usize>(length & ~7)) << 2;
  let i: usize = 0;
  while (i < body) {
    if (isPageStart(y + i, 32)) {
      findPage(x + i);
      findPage(y + i);
    }
    for (const stop = min(body, pageEnd(y + i) - y); i < stop; i += 32) {
      let v = f32x4.add(f32x4.mul(f32x4.sub(v128.load(x + i), m), s), c);
      let u = f32x4.add(f32x4.mul(f32x4.sub(v128.load(x + i, 16), m), s), c);
      if (scales) {
        v = f32x4.mul(v, v128.load(weight + i));
        u = f32x4.mul(u, v128.load(weight + i, 16));
      }
      if (shifts) {
        v = f32x4.add(v, v128.load(bias + i));
        u = f32x4.add(u, v128.load(bias + i, 16));
      }
      if (rectifies || !shifts) {
        v = f32x4.add(rectified(v, rectifies), zero);
        u = f32x4.add(rectified(u, rectifies), zero);
      }
      v128.store(y + i, v);
      v128.store(y + i, u, 16);
    }
  }
  for (; i < bytes; i += 4) {
    let v = (load<f32>(x + i) - mean) * root + constant;
    if (scales) v *= load<f32>(weight + i);
    if (shifts) v += load<f32>(bias + i);
    store<f32>(y + i, rectifies || !shifts ? rectifiedValue(v, rectifies) + 0 : v);
  }
}

function exactVectorAffine(
  x: usize,
  y: usize,
  length: i32,
  mean: f64,
  root: f64,
  weight: usize,
  bias: usize,
  rectifies: bool,
): void {
  for (let i: usize = 0; i < (<usize>length) << 2; i += 4) {
    let v = (<f64>load<f32>(x + i) - mean) * root;
    if (weight) v *= <f64>load<f32>(weight + i);
    if (bias) v += <f64>load<f32>(bias + i);
    store<f32>(y + i, rectifiedValue(<f32>v, rectifies) + 0);
  }
}
