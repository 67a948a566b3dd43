// The inner loops of convolutions between one plane and another: lanes run along rows, and a tap is a distance in
// bytes. Loops are as engines compile them best: few pointers (the nine taps of 3 × 3 hang on three or four), at most
// five sums, an index in place of moving pointers.

import { loadLanes, promoteHigh, promoteLow, storeLanes, sumLanes } from "../math/lanes";
import { bytes, copyRow } from "./planes";

/**
 * to = from + Σₜ w[t]·x[offsets[t]] at each of rows × columns positions; `from` is `start` everywhere if `isFirst`,
 * else `to` itself. Rows of x and of `to` are `xStep` and `toStep` bytes apart. Scratch: 128 bytes.
 */
export function addTaps(
  x: usize,
  xStep: usize,
  offsets: usize,
  w: usize,
  taps: i32,
  rows: i32,
  columns: i32,
  isFirst: bool,
  start: f32,
  to: usize,
  toStep: usize,
  scratch: usize,
): void {
  if (taps == 9 && isRun(offsets) && isRun(offsets + 12) && isRun(offsets + 24)) {
    if (isFirst) addNine(true, x, xStep, offsets, w, rows, columns, start, to, toStep);
    else addNine(false, x, xStep, offsets, w, rows, columns, start, to, toStep);
    return;
  }
  for (let row = 0; row < rows; row++) {
    let i = 0;
    for (; i + 16 <= columns; i += 16) {
      addWide(x + bytes(i), offsets, w, taps, isFirst, start, to + bytes(i), to + bytes(i));
    }
    if (i < columns) {
      if (!isFirst) copyRow(to + bytes(i), scratch, columns - i);
      addWide(x + bytes(i), offsets, w, taps, isFirst, start, scratch, scratch + 64);
      copyRow(scratch + 64, to + bytes(i), columns - i);
    }
    x += xStep;
    to += toStep;
  }
}

/** Whether three taps stand side by side. */
function isRun(offsets: usize): bool {
  const first = load<u32>(offsets);
  return load<u32>(offsets, 4) == first + 4 && load<u32>(offsets, 8) == first + 8;
}

/**
 * {@link addTaps} of three times three taps side by side. Where they stand in rows one below the other, two rows of
 * results share what they read. Sums are the same either way.
 */
// @inline
function addNine(
  isFirst: bool,
  x: usize,
  xStep: usize,
  offsets: usize,
  w: usize,
  rows: i32,
  columns: i32,
  start: f32,
  to: usize,
  toStep: usize,
): void {
  const starts = f32x4.splat(start);
  const w0 = v128.load32_splat(w);
  const w1 = v128.load32_splat(w, 4);
  const w2 = v128.load32_splat(w, 8);
  const w3 = v128.load32_splat(w, 12);
  const w4 = v128.load32_splat(w, 16);
  const w5 = v128.load32_splat(w, 20);
  const w6 = v128.load32_splat(w, 24);
  const w7 = v128.load32_splat(w, 28);
  const w8 = v128.load32_splat(w, 32);
  let x0 = x + load<u32>(offsets);
  let x1 = x + load<u32>(offsets, 12);
  let x2 = x + load<u32>(offsets, 24);
  const end = bytes(columns & ~3);
  const left = columns & 3;
  const pairs = x1 - x0 == xStep && x2 - x1 == xStep ? rows >> 1 : 0;
  for (let pair = 0; pair < pairs; pair++) {
    const x3 = x2 + xStep;
    for (let i: usize = 0; i < end; i += 16) {
      let v = v128.load(x0 + i);
      let s = f32x4.mul(w0, v);
      v = v128.load(x0 + i, 4);
      s = f32x4.add(s, f32x4.mul(w1, v));
      v = v128.load(x0 + i, 8);
      s = f32x4.add(s, f32x4.mul(w2, v));
      v = v128.load(x1 + i);
      s = f32x4.add(s, f32x4.mul(w3, v));
      let t = f32x4.mul(w0, v);
      v = v128.load(x1 + i, 4);
      s = f32x4.add(s, f32x4.mul(w4, v));
      t = f32x4.add(t, f32x4.mul(w1, v));
      v = v128.load(x1 + i, 8);
      s = f32x4.add(s, f32x4.mul(w5, v));
      t = f32x4.add(t, f32x4.mul(w2, v));
      v = v128.load(x2 + i);
      s = f32x4.add(s, f32x4.mul(w6, v));
      t = f32x4.add(t, f32x4.mul(w3, v));
      v = v128.load(x2 + i, 4);
      s = f32x4.add(s, f32x4.mul(w7, v));
      t = f32x4.add(t, f32x4.mul(w4, v));
      v = v128.load(x2 + i, 8);
      s = f32x4.add(s, f32x4.mul(w8, v));
      t = f32x4.add(t, f32x4.mul(w5, v));
      v128.store(to + i, f32x4.add(isFirst ? starts : v128.load(to + i), s));
      t = f32x4.add(t, f32x4.mul(w6, v128.load(x3 + i)));
      t = f32x4.add(t, f32x4.mul(w7, v128.load(x3 + i, 4)));
      t = f32x4.add(t, f32x4.mul(w8, v128.load(x3 + i, 8)));
      const next = to + i + toStep;
      v128.store(next, f32x4.add(isFirst ? starts : v128.load(next), t));
    }
    x0 += 2 * xStep;
    x1 += 2 * xStep;
    x2 += 2 * xStep;
    to += 2 * toStep;
  }
  for (let row = 2 * pairs; row < rows; row++) {
    for (let i: usize = 0; i < end; i += 16) {
      const sum = nine(x0 + i, x1 + i, x2 + i, w0, w1, w2, w3, w4, w5, w6, w7, w8);
      v128.store(to + i, f32x4.add(isFirst ? starts : v128.load(to + i), sum));
    }
    x0 += xStep;
    x1 += xStep;
    x2 += xStep;
    to += toStep;
  }
  if (left == 0) return;
  const back = <usize>rows * xStep;
  x0 += end - back;
  x1 += end - back;
  x2 += end - back;
  to += end - <usize>rows * toStep;
  for (let row = 0; row < rows; row++) {
    const sum = nine(x0, x1, x2, w0, w1, w2, w3, w4, w5, w6, w7, w8);
    storeLanes(to, left, f32x4.add(isFirst ? starts : loadLanes(to, left, sum), sum));
    x0 += xStep;
    x1 += xStep;
    x2 += xStep;
    to += toStep;
  }
}

// @inline
function nine(
  p: usize,
  q: usize,
  r: usize,
  w0: v128,
  w1: v128,
  w2: v128,
  w3: v128,
  w4: v128,
  w5: v128,
  w6: v128,
  w7: v128,
  w8: v128,
): v128 {
  let sum = f32x4.mul(w0, v128.load(p));
  sum = f32x4.add(sum, f32x4.mul(w1, v128.load(p, 4)));
  sum = f32x4.add(sum, f32x4.mul(w2, v128.load(p, 8)));
  sum = f32x4.add(sum, f32x4.mul(w3, v128.load(q)));
  sum = f32x4.add(sum, f32x4.mul(w4, v128.load(q, 4)));
  sum = f32x4.add(sum, f32x4.mul(w5, v128.load(q, 8)));
  sum = f32x4.add(sum, f32x4.mul(w6, v128.load(r)));
  sum = f32x4.add(sum, f32x4.mul(w7, v128.load(r, 4)));
  return f32x4.add(sum, f32x4.mul(w8, v128.load(r, 8)));
}

/** Sixteen results, from `start` or from those at `from`. */
function addWide(
  x: usize,
  offsets: usize,
  w: usize,
  taps: i32,
  isFirst: bool,
  start: f32,
  from: usize,
  to: usize,
): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  const end = bytes(taps);
  for (let t: usize = 0; t < end; t += 4) {
    const at = x + load<u32>(offsets + t);
    const factor = v128.load32_splat(w + t);
    s0 = f32x4.add(s0, f32x4.mul(factor, v128.load(at)));
    s1 = f32x4.add(s1, f32x4.mul(factor, v128.load(at, 16)));
    s2 = f32x4.add(s2, f32x4.mul(factor, v128.load(at, 32)));
    s3 = f32x4.add(s3, f32x4.mul(factor, v128.load(at, 48)));
  }
  const starts = f32x4.splat(start);
  v128.store(to, f32x4.add(isFirst ? starts : v128.load(from), s0));
  v128.store(to, f32x4.add(isFirst ? starts : v128.load(from, 16), s1), 16);
  v128.store(to, f32x4.add(isFirst ? starts : v128.load(from, 32), s2), 32);
  v128.store(to, f32x4.add(isFirst ? starts : v128.load(from, 48), s3), 48);
}

/**
 * sums[t·sumStep] (f64) += Σ dy·x[offsets[t]] over rows × columns positions, for each tap t: in f32 within a lane, in
 * f64 between lanes. Steps are in bytes. Of a row's last values of x some lie beyond it, times zero.
 */
export function dotTaps(
  x: usize,
  xStep: usize,
  offsets: usize,
  dy: usize,
  dyStep: usize,
  taps: i32,
  rows: i32,
  columns: i32,
  sums: usize,
  sumStep: usize,
): void {
  while (taps > 0) {
    let count = 5;
    if (taps >= 5) dot(5, 5, x, xStep, offsets, dy, dyStep, rows, columns, sums, sumStep);
    else {
      count = min(4, taps);
      dot(4, count, x, xStep, offsets, dy, dyStep, rows, columns, sums, sumStep);
    }
    taps -= count;
    offsets += bytes(count);
    sums += <usize>count * sumStep;
  }
}

/** Of `n` taps, 4 or 5, `count` exist; the others are the last of them again. */
// @inline
function dot(
  n: i32,
  count: i32,
  x: usize,
  xStep: usize,
  offsets: usize,
  dy: usize,
  dyStep: usize,
  rows: i32,
  columns: i32,
  sums: usize,
  sumStep: usize,
): void {
  const zero = f32x4.splat(0);
  let s0 = zero;
  let s1 = zero;
  let s2 = zero;
  let s3 = zero;
  let s4 = zero;
  let x0 = x + load<u32>(offsets);
  let x1 = x + load<u32>(offsets + bytes(min(1, count - 1)));
  let x2 = x + load<u32>(offsets + bytes(min(2, count - 1)));
  let x3 = x + load<u32>(offsets + bytes(min(3, count - 1)));
  let x4 = n > 4 ? x + load<u32>(offsets, 16) : 0;
  const end = bytes(columns & ~3);
  const left = columns & 3;
  for (; rows > 0; rows--) {
    for (let i: usize = 0; i < end; i += 16) {
      const d = v128.load(dy + i);
      s0 = f32x4.add(s0, f32x4.mul(d, v128.load(x0 + i)));
      s1 = f32x4.add(s1, f32x4.mul(d, v128.load(x1 + i)));
      s2 = f32x4.add(s2, f32x4.mul(d, v128.load(x2 + i)));
      s3 = f32x4.add(s3, f32x4.mul(d, v128.load(x3 + i)));
      if (n > 4) s4 = f32x4.add(s4, f32x4.mul(d, v128.load(x4 + i)));
    }
    if (left) {
      const d = loadLanes(dy + end, left, zero);
      s0 = f32x4.add(s0, f32x4.mul(d, v128.load(x0 + end)));
      s1 = f32x4.add(s1, f32x4.mul(d, v128.load(x1 + end)));
      s2 = f32x4.add(s2, f32x4.mul(d, v128.load(x2 + end)));
      s3 = f32x4.add(s3, f32x4.mul(d, v128.load(x3 + end)));
      if (n > 4) s4 = f32x4.add(s4, f32x4.mul(d, v128.load(x4 + end)));
    }
    x0 += xStep;
    x1 += xStep;
    x2 += xStep;
    x3 += xStep;
    if (n > 4) x4 += xStep;
    dy += dyStep;
  }
  flush(s0, sums);
  if (count > 1) flush(s1, sums + sumStep);
  if (count > 2) flush(s2, sums + 2 * sumStep);
  if (count > 3) flush(s3, sums + 3 * sumStep);
  if (n > 4) flush(s4, sums + 4 * sumStep);
}

/** Adds the four lanes. */
// @inline
function flush(lanes: v128, sum: usize): void {
  const halves = f64x2.add(promoteLow(lanes), promoteHigh(lanes));
  store<f64>(sum, load<f64>(sum) + sumLanes(halves));
}
