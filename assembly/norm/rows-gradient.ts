// The backward pass of normalisation over rows: see norm/rows.ts. dweight and dbias reduce over rows: each piece of
// rows has sums of its own, and they are merged in the order of the pieces.
import { coefficientStep, rootOf } from "./layout";
import { exactGradient, fitsFloat, gradient } from "./maps";
import { rectifiedRow } from "./rows";
import { gradientSums, pair } from "./sums";
import { vectorRows } from "./vectors-gradient";

/**
 * dx = s·(g − mean(g) − x̂·mean(g·x̂)), g = weight·dy, without mean(g) if not `centred`, unless dx is 0, means over the
 * count of the moments; and, unless `partials` is 0, partials[piece, parameter] = f64 (Σ dy, Σ dy·x̂) over the rows of
 * a piece of `pieceRows`. Weight and bias may be 0: ones and zeros. If it `rectifies`, dy counts only where the output
 * is above 0. Units: pieces. Scratch: a row, padded to 16, and, where repeat is 1, three f32 per parameter, each of the
 * three arrays padded to 16.
 */
export function rowGradient(
  dy: usize,
  x: usize,
  moments: usize,
  rows: i32,
  inner: i32,
  repeat: i32,
  period: i32,
  centred: bool,
  weight: usize,
  bias: usize,
  eps: f64,
  rectifies: bool,
  dx: usize,
  pieceRows: i32,
  partials: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  for (let piece = begin; piece < end; piece++) {
    const sums = partials ? partials + <usize>piece * ((<usize>period) << 4) : 0;
    if (sums) memory.fill(sums, 0, (<usize>period) << 4);
    const first = piece * pieceRows;
    const last = min(first + pieceRows, rows);
    if (repeat == 1)
      vectorRows(dy, x, moments, inner, period, centred, weight, bias, eps, rectifies, dx, sums, first, last, scratch);
    else
      segmentedRows(
        dy,
        x,
        moments,
        inner,
        repeat,
        period,
        centred,
        weight,
        bias,
        eps,
        rectifies,
        dx,
        sums,
        first,
        last,
        scratch,
      );
  }
}

/** Bytes of scratch of {@link rowGradient}. */
export function rowGradientScratch(inner: i32, repeat: i32, period: i32): f64 {
  const parameters = repeat == 1 ? 3 * <f64>coefficientStep(period) : 0;
  return <f64>coefficientStep(inner) + parameters;
}

/** Rows made of segments of `repeat` values that share a parameter: each is read for its sums, then for dx. */
function segmentedRows(
  dy: usize,
  x: usize,
  moments: usize,
  inner: i32,
  repeat: i32,
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
  const rowBytes = (<usize>inner) << 2;
  for (let row = first; row < last; row++) {
    const at = <usize>row * rowBytes;
    const to = dx ? dx + at : 0;
    let g = dy + at;
    if (rectifies) {
      rectifiedRow(g, x + at, moments, row, inner, repeat, period, weight, bias, eps, scratch);
      g = scratch;
    }
    segmentedRow(
      g,
      x + at,
      moments + <usize>row * 24,
      row * inner,
      inner,
      repeat,
      period,
      centred,
      weight,
      eps,
      to,
      sums,
    );
  }
}

/** `start` is the flat index of the row's first value. */
function segmentedRow(
  dy: usize,
  x: usize,
  moments: usize,
  start: i32,
  inner: i32,
  repeat: i32,
  period: i32,
  centred: bool,
  weight: usize,
  eps: f64,
  dx: usize,
  sums: usize,
): void {
  const mean = load<f64>(moments, 8);
  const root = rootOf(moments, eps);
  const rounded = <f32>mean;
  const excess = <f64>rounded - mean;
  const firstParameter = (start / repeat) % period;
  const firstLength = min(inner, repeat - (start % repeat));
  let parameter = firstParameter;
  let length = firstLength;
  let sum: f64 = 0;
  let product: f64 = 0;
  for (let i = 0; i < inner; ) {
    const at = (<usize>i) << 2;
    const part = gradientSums(dy + at, x + at, length, rounded);
    const p = f64x2.extract_lane(part, 0);
    const q = f64x2.extract_lane(part, 1) + excess * p;
    if (sums) {
      const to = sums + ((<usize>parameter) << 4);
      v128.store(to, f64x2.add(v128.load(to), pair(p, q * root)));
    }
    const w = weight ? <f64>load<f32>(weight + ((<usize>parameter) << 2)) : 1;
    sum += w * p;
    product += w * q;
    i += length;
    length = min(repeat, inner - i);
    parameter = parameter + 1 == period ? 0 : parameter + 1;
  }
  if (!dx) return;
  const count = load<f64>(moments);
  const b = (-root * root * (product * root)) / count;
  const c = centred ? (-root * sum) / count : 0;
  const constant = c + excess * b;
  const fits = fitsFloat(mean, root, b, constant);
  parameter = firstParameter;
  length = weight ? firstLength : inner;
  for (let i = 0; i < inner; ) {
    const at = (<usize>i) << 2;
    const a = weight ? root * <f64>load<f32>(weight + ((<usize>parameter) << 2)) : root;
    if (fits && fitsFloat(mean, root, a, constant)) {
      gradient(dy + at, x + at, dx + at, length, rounded, <f32>a, <f32>b, <f32>constant);
    } else {
      exactGradient(dy + at, x + at, dx + at, length, 4, mean, a, b, c);
    }
    i += length;
    length = min(repeat, inner - i);
    parameter = parameter + 1 == period ? 0 : parameter + 1;
  }
}

/** dbias, dweight = the sums over `pieces` of {@link rowGradient}, in order; either may be 0. Units: parameters. */
export function mergeRowGradients(
  partials: usize,
  pieces: i32,
  period: i32,
  dweight: usize,
  dbias: usize,
  begin: i32,
  end: i32,
): void {
  for (let parameter = begin; parameter < end; parameter++) {
    let total = f64x2.splat(0);
    let from = partials + ((<usize>parameter) << 4);
    for (let piece = 0; piece < pieces; piece++) {
      total = f64x2.add(total, v128.load(from));
      from += (<usize>period) << 4;
    }
    const at = (<usize>parameter) << 2;
    if (dbias) store<f32>(dbias + at, <f32>f64x2.extract_lane(total, 0));
    if (dweight) store<f32>(dweight + at, <f32>f64x2.extract_lane(total, 1));
  }
}
