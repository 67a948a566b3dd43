// Walks of up to five nested loops: functions of two broadcast inputs, and copies.
// Twin: src/backend/cpu/elementwise.ts.
import { log1pOfDecay, sigmoid } from "../math/functions";
import { storeLanes } from "../math/lanes";
import { powerRow } from "./powers";

// A function of two values is a block: its number, the ns that a value takes one thread, and its formula; `row` calls
// it by its number.

export const addOp: i32 = 0;
export const addNs: f64 = 0.15;

/** a + b */
class Add {
  // @inline
  of(a: v128, b: v128): v128 {
    return f32x4.add(a, b);
  }
}

export const subOp: i32 = 1;
export const subNs: f64 = 0.15;

/** a − b */
class Sub {
  // @inline
  of(a: v128, b: v128): v128 {
    return f32x4.sub(a, b);
  }
}

export const mulOp: i32 = 2;
export const mulNs: f64 = 0.15;

/** a·b */
class Mul {
  // @inline
  of(a: v128, b: v128): v128 {
    return f32x4.mul(a, b);
  }
}

export const divOp: i32 = 3;
export const divNs: f64 = 0.15;

/** a / b */
class Div {
  // @inline
  of(a: v128, b: v128): v128 {
    return f32x4.div(a, b);
  }
}

export const passOp: i32 = 4;
export const passNs: f64 = 0.15;

/** a where b is not 0, else 0 */
class Pass {
  // @inline
  of(a: v128, b: v128): v128 {
    return v128.and(a, f32x4.ne(b, f32x4.splat(0)));
  }
}

export const preluOp: i32 = 5;
export const preluNs: f64 = 0.15;

/** a where it is above 0, else b·a */
class Prelu {
  // @inline
  of(a: v128, b: v128): v128 {
    return v128.bitselect(a, f32x4.mul(a, b), f32x4.gt(a, f32x4.splat(0)));
  }
}

export const preluSlopeOp: i32 = 6;
export const preluSlopeNs: f64 = 0.15;

/** 1 where a is above 0, else b */
class PreluSlope {
  // @inline
  of(a: v128, b: v128): v128 {
    return v128.bitselect(f32x4.splat(1), b, f32x4.gt(a, f32x4.splat(0)));
  }
}

export const timesNegativeOp: i32 = 7;
export const timesNegativeNs: f64 = 0.15;

/** a·min(b, 0) */
class TimesNegative {
  // @inline
  of(a: v128, b: v128): v128 {
    return v128.andnot(f32x4.mul(a, b), f32x4.gt(b, f32x4.splat(0)));
  }
}

export const minimumOp: i32 = 14;
export const minimumNs: f64 = 0.2;

/** the smaller; NaN if either is, and −0 lies below 0 */
class Minimum {
  // @inline
  of(a: v128, b: v128): v128 {
    return f32x4.min(a, b);
  }
}

export const maximumOp: i32 = 15;
export const maximumNs: f64 = 0.2;

/** the larger; NaN if either is, and −0 lies below 0 */
class Maximum {
  // @inline
  of(a: v128, b: v128): v128 {
    return f32x4.max(a, b);
  }
}

export const maximumShareOp: i32 = 21;
export const maximumShareNs: f64 = 0.15;

/** 1 where a > b or either is NaN, ½ where a = b, else 0 */
class MaximumShare {
  // @inline
  of(a: v128, b: v128): v128 {
    const share = v128.bitselect(f32x4.splat(0.5), f32x4.splat(1), f32x4.eq(a, b));
    return v128.andnot(share, f32x4.lt(a, b));
  }
}

export const equalOp: i32 = 16;
export const equalNs: f64 = 0.15;

/** 1 where a = b, else 0 */
class Equal {
  // @inline
  of(a: v128, b: v128): v128 {
    return v128.and(f32x4.eq(a, b), f32x4.splat(1));
  }
}

export const notEqualOp: i32 = 17;
export const notEqualNs: f64 = 0.15;

/** 1 where a ≠ b, else 0 */
class NotEqual {
  // @inline
  of(a: v128, b: v128): v128 {
    return v128.and(f32x4.ne(a, b), f32x4.splat(1));
  }
}

export const lessOp: i32 = 18;
export const lessNs: f64 = 0.15;

/** 1 where a < b, else 0 */
class Less {
  // @inline
  of(a: v128, b: v128): v128 {
    return v128.and(f32x4.lt(a, b), f32x4.splat(1));
  }
}

export const lessEqualOp: i32 = 19;
export const lessEqualNs: f64 = 0.15;

/** 1 where a ≤ b, else 0 */
class LessEqual {
  // @inline
  of(a: v128, b: v128): v128 {
    return v128.and(f32x4.le(a, b), f32x4.splat(1));
  }
}

export const eitherOp: i32 = 20;
export const eitherNs: f64 = 0.15;

/** a, or b where a is 0; one of them is 0 */
class Either {
  // @inline
  of(a: v128, b: v128): v128 {
    return v128.or(a, b);
  }
}

export const logisticLossOp: i32 = 8;
export const logisticLossNs: f64 = 2.8;

/** max(a, 0) − a·b = |a|·(a ≥ 0 ? 1 − b : b), which does not cancel; and ln(1 + e^−|a|) */
class LogisticLoss {
  // @inline
  of(a: v128, b: v128): v128 {
    const size = f32x4.abs(a);
    const wrong = v128.bitselect(f32x4.sub(f32x4.splat(1), b), b, f32x4.ge(a, f32x4.splat(0)));
    // No share of an infinite logit is 0, not NaN.
    const linear = v128.and(f32x4.mul(size, wrong), f32x4.ne(wrong, f32x4.splat(0)));
    return f32x4.add(linear, log1pOfDecay(size));
  }
}

export const logisticSlopeOp: i32 = 9;
export const logisticSlopeNs: f64 = 2.3;

/** sigmoid(a) − b */
class LogisticSlope {
  // @inline
  of(a: v128, b: v128): v128 {
    return f32x4.sub(sigmoid(a), b);
  }
}

export const copyOp: i32 = 13;
export const copyNs: f64 = 0.09;

/** A unit of a walk is at most this many values of one innermost loop. */
export const walkSegment: i32 = 4096;

/** n (1 to 4) values, `stride` bytes apart. */
// @inline
function gather(at: usize, stride: usize, n: i32): v128 {
  let v = v128.load32_splat(at);
  if (n > 1) v = v128.load_lane<f32>(at + stride, v, 1);
  if (n > 2) v = v128.load_lane<f32>(at + 2 * stride, v, 2);
  if (n > 3) v = v128.load_lane<f32>(at + 3 * stride, v, 3);
  return v;
}

/** y = f(a, b) from value i on, any strides (in bytes). */
// @inline
function anyRow<F>(a: usize, aStride: usize, b: usize, bStride: usize, y: usize, i: i32, n: i32): void {
  a += <usize>i * aStride;
  b += <usize>i * bStride;
  y += (<usize>i) << 2;
  for (; i < n; i += 4) {
    const lanes = min(n - i, 4);
    const left = aStride == 4 && lanes == 4 ? v128.load(a) : gather(a, aStride, lanes);
    const right = bStride == 4 && lanes == 4 ? v128.load(b) : gather(b, bStride, lanes);
    storeLanes(y, lanes, changetype<F>(0).of(left, right));
    a += aStride << 2;
    b += bStride << 2;
    y += 16;
  }
}

/** As {@link anyRow} from 0 on, with loops of their own for strides of one and none. */
// @inline
function quickRow<F>(a: usize, aStride: usize, b: usize, bStride: usize, y: usize, n: i32): void {
  const whole = n & ~3;
  let i: i32 = 0;
  if (aStride == 4 && bStride == 4) {
    for (; i < whole; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(y + at, changetype<F>(0).of(v128.load(a + at), v128.load(b + at)));
    }
  } else if (aStride == 4 && bStride == 0) {
    const right = v128.load32_splat(b);
    for (; i < whole; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(y + at, changetype<F>(0).of(v128.load(a + at), right));
    }
  } else if (aStride == 0 && bStride == 4) {
    const left = v128.load32_splat(a);
    for (; i < whole; i += 4) {
      const at = (<usize>i) << 2;
      v128.store(y + at, changetype<F>(0).of(left, v128.load(b + at)));
    }
  }
  anyRow<F>(a, aStride, b, bStride, y, i, n);
}

/** From so many values on a copy by the engine is faster than one by vectors. */
const bulk: i32 = 128;

/** The bits of n values. */
function copyRow(x: usize, xStride: usize, y: usize, yStride: usize, n: i32): void {
  const last = y + <usize>n * yStride;
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
  if (op == addOp) quickRow<Add>(a, aStride, b, bStride, y, n);
  else if (op == subOp) quickRow<Sub>(a, aStride, b, bStride, y, n);
  else if (op == mulOp) quickRow<Mul>(a, aStride, b, bStride, y, n);
  else if (op == divOp) quickRow<Div>(a, aStride, b, bStride, y, n);
  else if (op == passOp) quickRow<Pass>(a, aStride, b, bStride, y, n);
  else if (op == preluOp) quickRow<Prelu>(a, aStride, b, bStride, y, n);
  else if (op == preluSlopeOp) quickRow<PreluSlope>(a, aStride, b, bStride, y, n);
  else if (op == timesNegativeOp) quickRow<TimesNegative>(a, aStride, b, bStride, y, n);
  else if (op == minimumOp) quickRow<Minimum>(a, aStride, b, bStride, y, n);
  else if (op == maximumOp) quickRow<Maximum>(a, aStride, b, bStride, y, n);
  else if (op == maximumShareOp) quickRow<MaximumShare>(a, aStride, b, bStride, y, n);
  else if (op == equalOp) quickRow<Equal>(a, aStride, b, bStride, y, n);
  else if (op == notEqualOp) quickRow<NotEqual>(a, aStride, b, bStride, y, n);
  else if (op == lessOp) quickRow<Less>(a, aStride, b, bStride, y, n);
  else if (op == lessEqualOp) quickRow<LessEqual>(a, aStride, b, bStride, y, n);
  else if (op == eitherOp) quickRow<Either>(a, aStride, b, bStride, y, n);
  else if (op == logisticLossOp) anyRow<LogisticLoss>(a, aStride, b, bStride, y, 0, n);
  else if (op == logisticSlopeOp) anyRow<LogisticSlope>(a, aStride, b, bStride, y, 0, n);
  else if (op == copyOp) copyRow(a, aStride, b, bStride, n);
  else powerRow(op, a, aStride, b, bStride, y, n);
}

/**
 * Walks five nested loops, outermost first, whose turns move a by a0 … a4 and b by b0 … b4 values: y = f(a, b), y
 * contiguous; or, for the op `copy`, b = a. The outermost has no end of its own, the others run e1 … e4 times. Units:
 * rows times segments, ⌈e4 / walkSegment⌉ to a row.
 */
export function walk(
  op: i32,
  a: usize,
  b: usize,
  y: usize,
  e1: i32,
  e2: i32,
  e3: i32,
  e4: i32,
  a0: i32,
  a1: i32,
  a2: i32,
  a3: i32,
  a4: i32,
  b0: i32,
  b1: i32,
  b2: i32,
  b3: i32,
  b4: i32,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  const segments = (e4 + walkSegment - 1) / walkSegment;
  let rest = begin / segments;
  let piece = begin % segments;
  y += <usize>rest * ((<usize>e4) << 2);
  let i3 = rest % e3;
  rest /= e3;
  let i2 = rest % e2;
  rest /= e2;
  let i1 = rest % e1;
  const i0 = rest / e1;
  // Pointers move by 32-bit arithmetic modulo 2³², so that the way back is a negative step.
  a += (<usize>(i0 * a0 + i1 * a1 + i2 * a2 + i3 * a3)) << 2;
  b += (<usize>(i0 * b0 + i1 * b1 + i2 * b2 + i3 * b3)) << 2;
  for (let unit = begin; unit < end; unit++) {
    const start = piece * walkSegment;
    row(
      op,
      a + ((<usize>(start * a4)) << 2),
      (<usize>a4) << 2,
      b + ((<usize>(start * b4)) << 2),
      (<usize>b4) << 2,
      y + ((<usize>start) << 2),
      min(e4 - start, walkSegment),
    );
    if (++piece < segments) continue;
    piece = 0;
    y += (<usize>e4) << 2;
    a += (<usize>a3) << 2;
    b += (<usize>b3) << 2;
    if (++i3 < e3) continue;
    i3 = 0;
    a += (<usize>(a2 - e3 * a3)) << 2;
    b += (<usize>(b2 - e3 * b3)) << 2;
    if (++i2 < e2) continue;
    i2 = 0;
    a += (<usize>(a1 - e2 * a2)) << 2;
    b += (<usize>(b1 - e2 * b2)) << 2;
    if (++i1 < e1) continue;
    i1 = 0;
    a += (<usize>(a0 - e1 * a1)) << 2;
    b += (<usize>(b0 - e1 * b1)) << 2;
  }
}
