// Powers and their slopes, whose exponents 2, 3, ±1, −2, ±½, ¾ and −¼ (the slope of ¾) need no logarithm.
// Twin: src/backend/cpu/elementwise.ts.
import { log64, power } from "../math/functions64";
import { demote, promoteHigh, promoteLow } from "../math/lanes";

// A power takes more or less, by its exponent.
export const powOp: i32 = 10;
export const powNs: f64 = 3;
export const powBaseOp: i32 = 11;
export const powBaseNs: f64 = 3;
export const powExponentOp: i32 = 12;
export const powExponentNs: f64 = 30;

/** What powers with fractions take of a: ∞ for −∞, 0 for −0. */
// @inline
function unsigned(a: v128): v128 {
  const size = f32x4.abs(a);
  return v128.bitselect(size, f32x4.add(a, f32x4.splat(0)), f32x4.eq(size, f32x4.splat(Infinity)));
}

/** √a with the cases of a^½. */
// @inline
function squareRoot(a: v128): v128 {
  return f32x4.sqrt(unsigned(a));
}

/** a^(−¼) by a step of Newton's in f64 from a value of f32: y·(1 + (1 − a·y⁴)/4), wrong by 10⁻¹³. */
// @inline
function nearer(a: v128, y: v128): v128 {
  const square = f64x2.mul(y, y);
  const rest = f64x2.sub(f64x2.splat(1), f64x2.mul(f64x2.mul(a, square), square));
  return f64x2.add(y, f64x2.mul(f64x2.mul(y, rest), f64x2.splat(0.25)));
}

/** a^¾ = a·a^(−¼), or a^(−¼), of a ≥ 0. Roots in f64 would take three times as long, those in f32 three roundings. */
// @inline
function quarterPower(a: v128, e: f64): v128 {
  const root = f32x4.sqrt(f32x4.sqrt(a));
  const near = f32x4.div(f32x4.splat(1), root);
  let low = nearer(promoteLow(a), promoteLow(near));
  let high = nearer(promoteHigh(a), promoteHigh(near));
  if (e == 0.75) {
    low = f64x2.mul(low, promoteLow(a));
    high = f64x2.mul(high, promoteHigh(a));
  }
  // 0, 1 and ∞ are their own roots, and the step makes NaN of limits.
  return v128.bitselect(e == 0.75 ? root : near, demote(low, high), f32x4.eq(root, a));
}

/**
 * Whether {@link simplePower} knows the exponent. Not −1 for the slope: where b is tiny, a^(b−1) may overflow and
 * b·a^(b−1) not.
 */
function isSimple(op: i32, e: f64): bool {
  if (e == -1) return op == powOp;
  return e == 2 || e == 3 || e == 1 || e == 0 || e == -2 || e == 0.5 || e == -0.5 || e == 0.75 || e == -0.25;
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
  if (e == 0.75 || e == -0.25) {
    return quarterPower(unsigned(a), e);
  }
  const inverse = f32x4.div(one, a);
  return e == -1 ? inverse : f32x4.mul(inverse, inverse);
}

/** a^b, or its slopes; the bits do not depend on the strides. */
function powerOf(op: i32, a: f32, b: f32): f32 {
  if (op == powExponentOp) return a == 0 && b >= 0 ? 0 : <f32>(power(<f64>a, <f64>b) * log64(<f64>a));
  if (op == powBaseOp && b == 0) return 0;
  const factor: f64 = op == powBaseOp ? b : 1;
  const e = op == powBaseOp ? <f64>b - 1 : <f64>b;
  if (!isSimple(op, e)) return <f32>(factor * power(<f64>a, e));
  return <f32>factor * f32x4.extract_lane(simplePower(f32x4.splat(a), e), 0);
}

/** A row of a^b, or of one of its slopes; any strides (in bytes). */
export function powerRow(op: i32, a: usize, aStride: usize, b: usize, bStride: usize, y: usize, n: i32): void {
  const last = y + ((<usize>n) << 2);
  const exponent = load<f32>(b);
  const e = op == powBaseOp ? <f64>exponent - 1 : <f64>exponent;
  if (aStride == 4 && bStride == 0 && op != powExponentOp && isSimple(op, e)) {
    const factor = f32x4.splat(op == powBaseOp ? exponent : 1);
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
