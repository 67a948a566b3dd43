// Softmax and its logarithm over the middle of (outer, count, inner), and their gradients.
// Twin: src/backend/cpu/reductions.ts.
//
// Rows (inner = 1) run along four lanes; columns (inner > 1) run down, four abreast. Sums are f64.
import { exp } from "../math/functions";
import { log64 } from "../math/functions64";
import { demote, loadLanes, maxLanes, promoteHigh, promoteLow, storeLanes, sumLanes } from "../math/lanes";
import { columnStrip } from "./reductions";

/** The natural logarithms of two f64. */
// @inline
function logLanes(v: v128): v128 {
  const first = f64x2.splat(log64(f64x2.extract_lane(v, 0)));
  return f64x2.replace_lane(first, 1, log64(f64x2.extract_lane(v, 1)));
}

/** The largest of n contiguous values; a NaN may go unseen, as it comes back with the sum of the exponentials. */
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

/** Σ e^(x − shift) over n contiguous values; `keep` stores the terms at y. */
// @inline
function sumExponentials(x: usize, y: usize, n: i32, shift: f32, keep: bool): f64 {
  const s = f32x4.splat(shift);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i = 0; i < n; i += 4) {
    const at = (<usize>i) << 2;
    // Lanes beyond the last value add e^−∞.
    const e = exp(f32x4.sub(loadLanes(x + at, n - i, f32x4.splat(-Infinity)), s));
    if (keep) storeLanes(y + at, n - i, e);
    low = f64x2.add(low, promoteLow(e));
    high = f64x2.add(high, promoteHigh(e));
  }
  return sumLanes(f64x2.add(low, high));
}

/** y[row, k] = e^x / Σ e^x; units: rows of `count` values. */
export function softmaxRows(x: usize, y: usize, count: i32, begin: i32, end: i32): void {
  const bytes = (<usize>count) << 2;
  for (let row = begin; row < end; row++) {
    const to = y + <usize>row * bytes;
    const from = x + <usize>row * bytes;
    const scale = f32x4.splat(<f32>(1 / sumExponentials(from, to, count, peak(from, count), true)));
    for (let i = 0; i < count; i += 4) {
      const at = to + ((<usize>i) << 2);
      storeLanes(at, count - i, f32x4.mul(loadLanes(at, count - i, scale), scale));
    }
  }
}

/** y = x − ln Σ e^x over n contiguous values. */
export function logSoftmaxRow(x: usize, y: usize, n: i32): void {
  const shift = peak(x, n);
  const s = f32x4.splat(shift);
  // In f64, since the sum is close to 1, and its logarithm to 0, where one value is far larger than the others.
  const logSum = f32x4.splat(<f32>log64(sumExponentials(x, 0, n, shift, false)));
  for (let i = 0; i < n; i += 4) {
    const at = (<usize>i) << 2;
    storeLanes(y + at, n - i, f32x4.sub(f32x4.sub(loadLanes(x + at, n - i, s), s), logSum));
  }
}

/** y[row, k] = x − ln Σ e^x; units: rows of `count` values. */
export function logSoftmaxRows(x: usize, y: usize, count: i32, begin: i32, end: i32): void {
  const bytes = (<usize>count) << 2;
  for (let row = begin; row < end; row++) logSoftmaxRow(x + <usize>row * bytes, y + <usize>row * bytes, count);
}

/** dx = y·(dy − Σ dy·y); units: rows of `count` values. */
export function softmaxRowsGradient(dy: usize, y: usize, dx: usize, count: i32, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  for (let row = begin; row < end; row++) {
    const start = <usize>row * ((<usize>count) << 2);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let i = 0; i < count; i += 4) {
      const at = start + ((<usize>i) << 2);
      const a = loadLanes(dy + at, count - i, zero);
      const b = loadLanes(y + at, count - i, zero);
      low = f64x2.add(low, f64x2.mul(promoteLow(a), promoteLow(b)));
      high = f64x2.add(high, f64x2.mul(promoteHigh(a), promoteHigh(b)));
    }
    const dot = f32x4.splat(<f32>sumLanes(f64x2.add(low, high)));
    for (let i = 0; i < count; i += 4) {
      const at = start + ((<usize>i) << 2);
      const a = loadLanes(dy + at, count - i, zero);
      storeLanes(dx + at, count - i, f32x4.mul(loadLanes(y + at, count - i, zero), f32x4.sub(a, dot)));
    }
  }
}

/** dx = dy − e^y·Σ dy; units: rows of `count` values. */
export function logSoftmaxRowsGradient(dy: usize, y: usize, dx: usize, count: i32, begin: i32, end: i32): void {
  const zero = f32x4.splat(0);
  for (let row = begin; row < end; row++) {
    const start = <usize>row * ((<usize>count) << 2);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let i = 0; i < count; i += 4) {
      const v = loadLanes(dy + start + ((<usize>i) << 2), count - i, zero);
      low = f64x2.add(low, promoteLow(v));
      high = f64x2.add(high, promoteHigh(v));
    }
    const total = f32x4.splat(<f32>sumLanes(f64x2.add(low, high)));
    for (let i = 0; i < count; i += 4) {
      const at = start + ((<usize>i) << 2);
      const p = exp(loadLanes(y + at, count - i, zero));
      storeLanes(dx + at, count - i, f32x4.sub(loadLanes(dy + at, count - i, zero), f32x4.mul(p, total)));
    }
  }
}

/** Softmax, or its logarithm if `logarithm`, of four columns abreast; units: outer times ⌈inner / columnStrip⌉. */
export function softmaxColumns(
  x: usize,
  y: usize,
  logarithm: bool,
  count: i32,
  inner: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const strips = (inner + columnStrip - 1) / columnStrip;
  const stride = (<usize>inner) << 2;
  for (let unit = begin; unit < end; unit++) {
    const column = (unit % strips) * columnStrip;
    const n = inner - column;
    const start = (<usize>((unit / strips) * count * inner + column)) << 2;
    let shift = f32x4.splat(-Infinity);
    let from = x + start;
    for (let k = 0; k < count; k++) {
      shift = f32x4.pmax(shift, loadLanes(from, n, zero));
      from += stride;
    }
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    from = x + start;
    let to = y + start;
    for (let k = 0; k < count; k++) {
      const e = exp(f32x4.sub(loadLanes(from, n, zero), shift));
      if (!logarithm) storeLanes(to, n, e);
      low = f64x2.add(low, promoteLow(e));
      high = f64x2.add(high, promoteHigh(e));
      from += stride;
      to += stride;
    }
    from = x + start;
    to = y + start;
    if (logarithm) {
      const logSum = demote(logLanes(low), logLanes(high));
      for (let k = 0; k < count; k++) {
        storeLanes(to, n, f32x4.sub(f32x4.sub(loadLanes(from, n, zero), shift), logSum));
        from += stride;
        to += stride;
      }
    } else {
      const one = f64x2.splat(1);
      const scale = demote(f64x2.div(one, low), f64x2.div(one, high));
      for (let k = 0; k < count; k++) {
        storeLanes(to, n, f32x4.mul(loadLanes(to, n, zero), scale));
        to += stride;
      }
    }
  }
}

/** The gradient of {@link softmaxColumns}; units: outer times ⌈inner / columnStrip⌉. */
export function softmaxColumnsGradient(
  dy: usize,
  y: usize,
  dx: usize,
  logarithm: bool,
  count: i32,
  inner: i32,
  begin: i32,
  end: i32,
): void {
  const zero = f32x4.splat(0);
  const strips = (inner + columnStrip - 1) / columnStrip;
  const stride = (<usize>inner) << 2;
  for (let unit = begin; unit < end; unit++) {
    const column = (unit % strips) * columnStrip;
    const n = inner - column;
    const start = (<usize>((unit / strips) * count * inner + column)) << 2;
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    let at = start;
    for (let k = 0; k < count; k++) {
      const a = loadLanes(dy + at, n, zero);
      let first = promoteLow(a);
      let second = promoteHigh(a);
      if (!logarithm) {
        const b = loadLanes(y + at, n, zero);
        first = f64x2.mul(first, promoteLow(b));
        second = f64x2.mul(second, promoteHigh(b));
      }
      low = f64x2.add(low, first);
      high = f64x2.add(high, second);
      at += stride;
    }
    const total = demote(low, high);
    at = start;
    for (let k = 0; k < count; k++) {
      const a = loadLanes(dy + at, n, zero);
      const b = loadLanes(y + at, n, zero);
      const v = logarithm ? f32x4.sub(a, f32x4.mul(exp(b), total)) : f32x4.mul(b, f32x4.sub(a, total));
      storeLanes(dx + at, n, v);
      at += stride;
    }
  }
}
