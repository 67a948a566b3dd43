// Walks of up to five nested loops: functions of two broadcast inputs, and copies.
// Twin: src/backend/cpu/elementwise.ts.
import { exp, log1p, sigmoid } from "./math";
import { log64, power } from "./math64";
import { loadLanes, storeLanes } from "./lanes";

// The numbers of the ops: src/backend/wasm/elementwise.ts.
const add = 0;
const sub = 1;
const mul = 2;
const div = 3;
const pow = 4;
const powBase = 5;
const powExponent = 6;
const logisticLoss = 7;
const logisticSlope = 8;
const copy = 9;
const pass = 10;

/** A unit of a walk is at most this many values of one innermost loop. */
const segment = 4096;

// @ts-ignore: decorator
@inline
function apply(op: i32, a: v128, b: v128): v128 {
  if (op == add) return f32x4.add(a, b);
  if (op == sub) return f32x4.sub(a, b);
  if (op == mul) return f32x4.mul(a, b);
  if (op == div) return f32x4.div(a, b);
  if (op == pass) return v128.and(a, f32x4.ne(b, f32x4.splat(0)));
  if (op == logisticSlope) return f32x4.sub(sigmoid(a), b);
  // max(a, 0) − a·b = |a|·(a ≥ 0 ? 1 − b : b), which does not cancel.
  const size = f32x4.abs(a);
  const wrong = v128.bitselect(f32x4.sub(f32x4.splat(1), b), b, f32x4.ge(a, f32x4.splat(0)));
  return f32x4.add(f32x4.mul(size, wrong), log1p(exp(f32x4.neg(size))));
}

/** n (1 to 4) values, `stride` bytes apart. */
// @ts-ignore: decorator
@inline
function gather(at: usize, stride: usize, n: i32): v128 {
  let v = v128.load32_splat(at);
  if (n > 1) v = v128.load_lane<f32>(at + stride, v, 1);
  if (n > 2) v = v128.load_lane<f32>(at + 2 * stride, v, 2);
  if (n > 3) v = v128.load_lane<f32>(at + 3 * stride, v, 3);
  return v;
}

/** y = f(a, b) from value i on, any strides (in bytes). */
// @ts-ignore: decorator
@inline
function anyRow(op: i32, a: usize, aStride: usize, b: usize, bStride: usize, y: usize, i: i32, n: i32): void {
  a += (<usize>i) * aStride;
  b += (<usize>i) * bStride;
  y += (<usize>i) << 2;
  for (; i < n; i += 4) {
    const lanes = min(n - i, 4);
    const left = aStride == 4 && lanes == 4 ? v128.load(a) : gather(a, aStride, lanes);
    const right = bStride == 4 && lanes == 4 ? v128.load(b) : gather(b, bStride, lanes);
    storeLanes(y, lanes, apply(op, left, right));
    a += aStride << 2;
    b += bStride << 2;
    y += 16;
  }
}

/** As {@link anyRow} from 0 on, with loops of their own for strides of one and none. */
// @ts-ignore: decorator
@inline
function quickRow(op: i32, a: usize, aStride: usize, b: usize, bStride: usize, y: usize, n: i32): void {
  const whole = n & ~3;
  let i: i32 = 0;
  if (aStride == 4 && bStride == 4) {
    for (; i < whole; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(y + at, apply(op, v128.load(a + at), v128.load(b + at)));
    }
  } else if (aStride == 4 && bStride == 0) {
    const right = v128.load32_splat(b);
    for (; i < whole; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(y + at, apply(op, v128.load(a + at), right));
    }
  } else if (aStride == 0 && bStride == 4) {
    const left = v128.load32_splat(a);
    for (; i < whole; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(y + at, apply(op, left, v128.load(b + at)));
    }
  }
  anyRow(op, a, aStride, b, bStride, y, i, n);
}

/** √a with the cases of a^½: ∞ at −∞, 0 at −0. */
// @ts-ignore: decorator
@inline
function squareRoot(a: v128): v128 {
  const size = f32x4.abs(a);
  const root = f32x4.sqrt(f32x4.add(a, f32x4.splat(0)));
  return v128.bitselect(size, root, f32x4.eq(size, f32x4.splat(Infinity)));
}

/**
 * Whether {@link simplePower} knows the exponent. Not −1 for the slope: where b is tiny, a^(b−1) may overflow and
 * b·a^(b−1) not.
 */
function isSimple(op: i32, e: f64): bool {
  if (e == -1) return op == pow;
  return e == 2 || e == 3 || e == 1 || e == 0 || e == -2 || e == 0.5 || e == -0.5;
}

/** a^e for exponents that a few operations give. */
function simplePower(a: v128, e: f64): v128 {
  const one = f32x4.splat(1);
  if (e == 2) return f32x4.mul(a, a);
  if (e == 3) return f32x4.mul(f32x4.mul(a, a), a);
  if (e == 1) return a;
  if (e == 0) return one;
  if (e == 0.5) return squareRoot(a);
  if (e == -0.5) return f32x4.div(one, squareRoot(a));
  const inverse = f32x4.div(one, a);
  return e == -1 ? inverse : f32x4.mul(inverse, inverse);
}

/** a^b, or its slopes; the bits do not depend on the strides. */
function powerOf(op: i32, a: f32, b: f32): f32 {
  if (op == powExponent) return a == 0 ? 0 : <f32>(power(<f64>a, <f64>b) * log64(<f64>a));
  if (op == powBase && b == 0) return 0;
  const factor: f64 = op == powBase ? b : 1;
  const e = op == powBase ? <f64>b - 1 : <f64>b;
  if (!isSimple(op, e)) return <f32>(factor * power(<f64>a, e));
  return <f32>factor * f32x4.extract_lane(simplePower(f32x4.splat(a), e), 0);
}

function powerRow(op: i32, a: usize, aStride: usize, b: usize, bStride: usize, y: usize, n: i32): void {
  const last = y + ((<usize>n) << 2);
  const exponent = load<f32>(b);
  const e = op == powBase ? <f64>exponent - 1 : <f64>exponent;
  if (aStride == 4 && bStride == 0 && op != powExponent && isSimple(op, e)) {
    const factor = f32x4.splat(op == powBase ? exponent : 1);
    for (; y + 16 <= last; y += 16) {
      v128.store(y, f32x4.mul(factor, simplePower(v128.load(a), e)));
      a += 16;
    }
  }
  for (; y < last; y += 4) {
    store<f32>(y, powerOf(op, load<f32>(a), load<f32>(b)));
    a += aStride;
    b += bStride;
  }
}

/** From so many values on a copy by the engine is faster than one by vectors. */
const bulk: i32 = 128;

/** The bits of n values. */
function copyRow(x: usize, xStride: usize, y: usize, yStride: usize, n: i32): void {
  const last = y + (<usize>n) * yStride;
  if (yStride == 4 && xStride == 4) {
    if (n >= bulk) {
      memory.copy(y, x, (<usize>n) << 2);
      return;
    }
    for (; y + 16 <= last; y += 16) {
      v128.store(y, v128.load(x));
      x += 16;
    }
  } else if (yStride == 4 && xStride == 0) {
    const value = v128.load32_splat(x);
    for (; y + 16 <= last; y += 16) v128.store(y, value);
  }
  for (; y < last; y += yStride) {
    store<i32>(y, load<i32>(x));
    x += xStride;
  }
}

function row(op: i32, a: usize, aStride: usize, b: usize, bStride: usize, y: usize, n: i32): void {
  if (op == add) quickRow(add, a, aStride, b, bStride, y, n);
  else if (op == sub) quickRow(sub, a, aStride, b, bStride, y, n);
  else if (op == mul) quickRow(mul, a, aStride, b, bStride, y, n);
  else if (op == div) quickRow(div, a, aStride, b, bStride, y, n);
  else if (op == pass) quickRow(pass, a, aStride, b, bStride, y, n);
  else if (op == copy) copyRow(a, aStride, b, bStride, n);
  else if (op == logisticLoss) anyRow(logisticLoss, a, aStride, b, bStride, y, 0, n);
  else if (op == logisticSlope) anyRow(logisticSlope, a, aStride, b, bStride, y, 0, n);
  else powerRow(op, a, aStride, b, bStride, y, n);
}

/**
 * Walks five nested loops (e0 … e4, outermost first), whose turns move a by a0 … a4 and b by b0 … b4 values:
 * y = f(a, b), y contiguous; or, for the op `copy`, b = a. Units: rows times segments, ⌈e4 / 4096⌉ to a row.
 */
export function walk(
  op: i32, a: usize, b: usize, y: usize,
  e0: i32, e1: i32, e2: i32, e3: i32, e4: i32,
  a0: i32, a1: i32, a2: i32, a3: i32, a4: i32,
  b0: i32, b1: i32, b2: i32, b3: i32, b4: i32,
  begin: i32, end: i32,
): void {
  if (begin >= end) return;
  const segments = (e4 + segment - 1) / segment;
  let rest = begin / segments;
  let piece = begin % segments;
  y += (<usize>rest) * ((<usize>e4) << 2);
  let i3 = rest % e3;
  rest /= e3;
  let i2 = rest % e2;
  rest /= e2;
  let i1 = rest % e1;
  const i0 = rest / e1;
  // Pointers move by 32-bit arithmetic modulo 2³², so that the way back is a negative step.
  a += <usize>(i0 * a0 + i1 * a1 + i2 * a2 + i3 * a3) << 2;
  b += <usize>(i0 * b0 + i1 * b1 + i2 * b2 + i3 * b3) << 2;
  for (let unit = begin; unit < end; unit++) {
    const start = piece * segment;
    row(
      op,
      a + (<usize>(start * a4) << 2), <usize>a4 << 2,
      b + (<usize>(start * b4) << 2), <usize>b4 << 2,
      y + (<usize>start << 2),
      min(e4 - start, segment),
    );
    if (++piece < segments) continue;
    piece = 0;
    y += (<usize>e4) << 2;
    a += <usize>a3 << 2;
    b += <usize>b3 << 2;
    if (++i3 < e3) continue;
    i3 = 0;
    a += <usize>(a2 - e3 * a3) << 2;
    b += <usize>(b2 - e3 * b3) << 2;
    if (++i2 < e2) continue;
    i2 = 0;
    a += <usize>(a1 - e2 * a2) << 2;
    b += <usize>(b1 - e2 * b2) << 2;
    if (++i1 < e1) continue;
    i1 = 0;
    a += <usize>(a0 - e1 * a1) << 2;
    b += <usize>(b0 - e1 * b1) << 2;
  }
}

/** Rows of a transposition that go together: few enough for the ways of a cache whose sets they may share. */
const tile = 8;

/** Copies a 4×4 tile: row r, column c of y is row c, column r of x; row steps in bytes. */
// @ts-ignore: decorator
@inline
function transposeTile(x: usize, xStep: usize, y: usize, yStep: usize): void {
  const r0 = v128.load(x);
  const r1 = v128.load(x + xStep);
  const r2 = v128.load(x + 2 * xStep);
  const r3 = v128.load(x + 3 * xStep);
  const a = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const b = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const c = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
  const d = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(y, v128.shuffle<i64>(a, c, 0, 2));
  v128.store(y + yStep, v128.shuffle<i64>(a, c, 1, 3));
  v128.store(y + 2 * yStep, v128.shuffle<i64>(b, d, 0, 2));
  v128.store(y + 3 * yStep, v128.shuffle<i64>(b, d, 1, 3));
}

/**
 * y[r·yStep + c] = x[c·xStep + r] for r < rows, c < columns, within three outer loops e0, e1, e2 that move x and y by
 * their strides (all in values). Units: outer loops times ⌈rows / 8⌉.
 */
export function transpose(
  x: usize, y: usize,
  e0: i32, e1: i32, e2: i32, rows: i32, columns: i32,
  x0: i32, x1: i32, x2: i32, xStep: i32,
  y0: i32, y1: i32, y2: i32, yStep: i32,
  begin: i32, end: i32,
): void {
  const tiles = (rows + tile - 1) / tile;
  const xBytes = <usize>xStep << 2;
  const yBytes = <usize>yStep << 2;
  for (let unit = begin; unit < end; unit++) {
    const first = (unit % tiles) * tile;
    let rest = unit / tiles;
    const i2 = rest % e2;
    rest /= e2;
    const i1 = rest % e1;
    const i0 = rest / e1;
    const from = x + (<usize>(i0 * x0 + i1 * x1 + i2 * x2 + first) << 2);
    const to = y + (<usize>(i0 * y0 + i1 * y1 + i2 * y2 + first * yStep) << 2);
    const height = min(rows - first, tile);
    const wholeRows = height & ~3;
    const wholeColumns = columns & ~3;
    for (let c = 0; c < wholeColumns; c += 4) {
      for (let r = 0; r < wholeRows; r += 4) {
        transposeTile(
          from + <usize>c * xBytes + (<usize>r << 2), xBytes,
          to + <usize>r * yBytes + (<usize>c << 2), yBytes,
        );
      }
    }
    for (let r = 0; r < height; r++) {
      const at = to + <usize>r * yBytes;
      const source = from + (<usize>r << 2);
      for (let c = r < wholeRows ? wholeColumns : 0; c < columns; c++) {
        store<i32>(at + (<usize>c << 2), load<i32>(source + <usize>c * xBytes));
      }
    }
  }
}
