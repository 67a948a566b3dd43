// Elementary functions of two f64 lanes, for results that are rounded to f32 once: from +, −, ×, ÷ and integer
// operations alone, as functions.ts has them, with relative errors below 2e-9, a thirtieth of a unit of f32's last
// place (erf below 6e-9). Arguments are f32 in f64; NaN in, NaN out.
import { demote, promoteHigh, promoteLow } from "./lanes";

const one = memory.data<f64>([1], 8);
const two = memory.data<f64>([2], 8);
const four = memory.data<f64>([4], 8);
const half = memory.data<f64>([0.5], 8);
const log2e = memory.data<f64>([1.4426950408889634], 8);
const ln2 = memory.data<f64>([0.6931471805599453], 8);
/** 1.5·2⁵²: added to a small number it leaves the nearest whole number in the low bits of the sum. */
const rounder = memory.data<f64>([6755399441055744], 8);
/** Far beyond the range of f32, within that of f64. */
const expLowest = memory.data<f64>([-700], 8);
const expHighest = memory.data<f64>([700], 8);
/** 1/k! from 3! on, of e^r. */
const expSeries = memory.data<f64>(
  [1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0, 1.0 / 40320.0, 1.0 / 362880.0],
  8,
);
/** Of (sin r/r − 1)/r² and (cos r − 1)/r², in powers of r². */
const sineSeries = memory.data<f64>([-1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362880.0, -1.0 / 39916800.0], 8);
const cosineSeries = memory.data<f64>([-0.5, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40320.0, -1.0 / 3628800.0], 8);
/** 1/(2k + 1) */
const odds = memory.data<f64>([1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0], 8);
const squareRootOfHalfBits = memory.data<i64>([0x3fe6a09e667f3bcd], 8);
const mantissaBits = memory.data<i64>([0x000fffffffffffff], 8);
const infinity = memory.data<f64>([Infinity], 8);
const notANumber = memory.data<f64>([NaN], 8);
const twoOverPi = memory.data<f64>([0.6366197723675814], 8);
/** π/2 in three parts; the first two have 33 bits, so that their products with whole numbers below 2²⁰ are exact. */
const halfPi1 = memory.data<f64>([1.5707963267341256], 8);
const halfPi2 = memory.data<f64>([6.077100506303966e-11], 8);
const halfPi3 = memory.data<f64>([2.0222662487959506e-21], 8);
/** Beyond this, multiples of π/2 are taken off otherwise. */
const farthest = memory.data<f32>([100000], 4);
/** 2/π in parts of 24 bits. */
const twoOverPiParts = memory.data<i32>(
  [0xa2f983, 0x6e4e44, 0x1529fc, 0x2757d1, 0xf534dd, 0xc0db62, 0x95993c, 0x439041, 0xfe5163, 0xabdebb, 0xc561b7],
  4,
);
/** 2/√π */
const twoOverRootPi = memory.data<f64>([1.1283791670955126], 8);
const rootOfTwo = memory.data<f64>([1.4142135623730951], 8);
const erfHighest = memory.data<f64>([6], 8);
/** (−1)ᵏ/(k!·(2k + 1)), the series of erf, for |x| < 1. */
const erfSeries = memory.data<f64>(
  [
    1.0,
    -1.0 / 3.0,
    1.0 / 10.0,
    -1.0 / 42.0,
    1.0 / 216.0,
    -1.0 / 1320.0,
    1.0 / 9360.0,
    -1.0 / 75600.0,
    1.0 / 685440.0,
    -1.0 / 6894720.0,
    1.0 / 76204800.0,
    -1.0 / 918086400.0,
    1.0 / 11975040000.0,
    -1.0 / 168129561600.0,
  ],
  8,
);
/** Φ(−a)·e^(a²/2)·(a + 2.5) in powers of a/(a + 2.5), as in functions.ts. */
const tailSeries = memory.data<f64>(
  [
    1.25, -1.2433922290802002, 0.16960746049880981, 0.2918645441532135, 0.05604536458849907, -0.14976826310157776,
    0.13804033398628235, -0.31343260407447815, 0.2798077166080475, -0.07983212918043137,
  ],
  8,
);
const tailShift = memory.data<f64>([2.5], 8);
const mishHighest = memory.data<f64>([40], 8);
const mishLowest = memory.data<f64>([-1000], 8);

/** Two copies of the constant at an address. */
// @inline
function c(address: usize, offset: usize = 0): v128 {
  return v128.load64_splat(address + offset);
}

/** a·b + c, rounded twice. */
// @inline
function mad(a: v128, b: v128, c: v128): v128 {
  return f64x2.add(f64x2.mul(a, b), c);
}

/** Σ coefficient[k]·xᵏ of so many coefficients at an address. */
// @inline
function polynomial(x: v128, coefficients: usize, count: i32): v128 {
  let sum = c(coefficients, (<usize>(count - 1)) << 3);
  for (let k = count - 2; k >= 0; k--) sum = mad(sum, x, c(coefficients, (<usize>k) << 3));
  return sum;
}

/** The whole number nearest to x/ln 2, plus `rounder`. */
// @inline
function roundedPower(x: v128): v128 {
  return mad(x, c(log2e), c(rounder));
}

/** e^r − 1 for r = x − n·ln 2 and the power from {@link roundedPower}: |r| ≤ ln 2/2. */
// @inline
function expm1OfRemainder(x: v128, power: v128): v128 {
  const r = f64x2.sub(x, f64x2.mul(f64x2.sub(power, c(rounder)), c(ln2)));
  const q = mad(polynomial(r, expSeries, 7), r, c(half));
  return mad(f64x2.mul(r, r), q, r);
}

/** 2ⁿ for the power from {@link roundedPower}. */
// @inline
function scaleOf(power: v128): v128 {
  return i64x2.add(i64x2.shl(power, 52), c(one));
}

// @inline
function clamped(x: v128): v128 {
  // pmin and pmax keep a NaN that stands first.
  return f64x2.pmin(f64x2.pmax(x, c(expLowest)), c(expHighest));
}

/** eˣ */
// @inline
export function exp(value: v128): v128 {
  const x = clamped(value);
  const power = roundedPower(x);
  return f64x2.mul(f64x2.add(expm1OfRemainder(x, power), c(one)), scaleOf(power));
}

/** eˣ − 1, without the cancellation near 0. */
// @inline
export function expm1(value: v128): v128 {
  const x = clamped(value);
  const power = roundedPower(x);
  const scale = scaleOf(power);
  const y = mad(expm1OfRemainder(x, power), scale, f64x2.sub(scale, c(one)));
  // −0 stays, and what is so small that nothing changes.
  return v128.bitselect(x, y, f64x2.eq(x, f64x2.splat(0)));
}

/** ln x of a normal number: x = 2ⁿ·m with m in [√½, √2), and 2·artanh((m − 1)/(m + 1)). */
// @inline
function log(x: v128): v128 {
  const steps = i64x2.sub(x, c(squareRootOfHalfBits));
  const n = f64x2.sub(i64x2.add(i64x2.shr_s(steps, 52), c(rounder)), c(rounder));
  const m = i64x2.add(v128.and(steps, c(mantissaBits)), c(squareRootOfHalfBits));
  const t = f64x2.div(f64x2.sub(m, c(one)), f64x2.add(m, c(one)));
  const square = f64x2.mul(t, t);
  const q = f64x2.mul(square, polynomial(square, odds, 6));
  return mad(n, c(ln2), mad(f64x2.add(t, t), q, f64x2.add(t, t)));
}

/** ln(1 + x), without the cancellation near 0; −∞ at −1, NaN below. */
// @inline
export function log1p(x: v128): v128 {
  const u = f64x2.add(x, c(one));
  // What rounding took from 1 + x is x − (u − 1); its effect on the logarithm is that over u.
  let y = f64x2.add(log(u), f64x2.div(f64x2.sub(x, f64x2.sub(u, c(one))), u));
  y = v128.bitselect(x, y, v128.or(f64x2.eq(u, c(one)), f64x2.eq(u, c(infinity))));
  const zero = f64x2.splat(0);
  y = v128.bitselect(c(notANumber), y, f64x2.lt(u, zero));
  return v128.bitselect(f64x2.neg(c(infinity)), y, f64x2.eq(u, zero));
}

/** 1/(1 + x), the slope of {@link log1p}. */
// @inline
export function reciprocal1p(x: v128): v128 {
  return f64x2.div(c(one), f64x2.add(x, c(one)));
}

/** sin(n·π/2 + r) for |r| ≤ π/4, with n in the low bits of `quarters`. */
// @inline
function turned(r: v128, quarters: v128): v128 {
  const s = f64x2.mul(r, r);
  const sine = f64x2.mul(r, mad(s, polynomial(s, sineSeries, 5), c(one)));
  const cosine = mad(s, polynomial(s, cosineSeries, 5), c(one));
  const isOdd = i64x2.neg(v128.and(quarters, i64x2.splat(1)));
  const value = v128.bitselect(cosine, sine, isOdd);
  return v128.xor(value, i64x2.shl(v128.and(quarters, i64x2.splat(2)), 62));
}

/** sin(x + `more`·π/2) for |x| ≤ 10⁵ */
// @inline
function circular(x: v128, more: i64): v128 {
  const power = mad(x, c(twoOverPi), c(rounder));
  const n = f64x2.sub(power, c(rounder));
  let r = f64x2.sub(x, f64x2.mul(n, c(halfPi1)));
  r = f64x2.sub(r, f64x2.mul(n, c(halfPi2)));
  r = f64x2.sub(r, f64x2.mul(n, c(halfPi3)));
  return turned(r, i64x2.add(power, i64x2.splat(more)));
}

/**
 * sin(x + `more`·π/2) of any f32 (Payne & Hanek 1983): |x| = m·2ᵉ with a whole m below 2²⁴, and the products of m with
 * parts of 2/π, of which whole turns are left out, are exact. Five parts leave an error of 2⁻⁷¹ of a quarter turn.
 */
function circularFar(x: f32, more: i32): f32 {
  const bits = reinterpret<i32>(abs(x));
  // ∞ and NaN
  if (bits >= 0x7f800000) return NaN;
  const m = <f64>((bits & 0x7fffff) | 0x800000);
  const e = (bits >> 23) - 150;
  const first = max(0, (e + 22) / 24 - 1);
  let quarters = 0;
  let f: f64 = 0;
  for (let k = first; k < first + 5; k++) {
    const power = reinterpret<f64>((<i64>(e - 24 * (k + 1) + 1023)) << 52);
    const part = m * <f64>load<i32>(twoOverPiParts + ((<usize>k) << 2)) * power;
    f += part - 4 * floor(part * 0.25);
    const whole = nearest(f);
    quarters += <i32>whole;
    f -= whole;
  }
  let r = f64x2.splat(f * 1.5707963267948966);
  if (x < 0) {
    r = f64x2.neg(r);
    quarters = -quarters;
  }
  return <f32>f64x2.extract_lane(turned(r, i64x2.splat(<i64>(quarters + more))), 0);
}

/** As {@link circular}, of four f32. */
// @inline
function circularLanes(x: v128, more: i32): v128 {
  if (v128.any_true(f32x4.gt(f32x4.abs(x), v128.load32_splat(farthest)))) return circularFarLanes(x, more);
  return demote(circular(promoteLow(x), more), circular(promoteHigh(x), more));
}

/** Those that are near as {@link circular} has them, so that a value does not depend on its neighbours. */
function circularFarLanes(x: v128, more: i32): v128 {
  const far = f32x4.gt(f32x4.abs(x), v128.load32_splat(farthest));
  let y = f32x4.splat(circularFar(f32x4.extract_lane(x, 0), more));
  y = f32x4.replace_lane(y, 1, circularFar(f32x4.extract_lane(x, 1), more));
  y = f32x4.replace_lane(y, 2, circularFar(f32x4.extract_lane(x, 2), more));
  y = f32x4.replace_lane(y, 3, circularFar(f32x4.extract_lane(x, 3), more));
  return v128.bitselect(y, demote(circular(promoteLow(x), more), circular(promoteHigh(x), more)), far);
}

/** sin x of four f32; NaN at ±∞. */
// @inline
export function sine(x: v128): v128 {
  return circularLanes(x, 0);
}

/** cos x of four f32; NaN at ±∞. */
// @inline
export function cosine(x: v128): v128 {
  return circularLanes(x, 1);
}

/** erf x: its series up to |x| = 1, one minus its complement beyond. */
// @inline
export function erf(x: v128): v128 {
  const a = f64x2.pmin(f64x2.abs(x), c(erfHighest));
  const square = f64x2.mul(a, a);
  const near = f64x2.mul(f64x2.mul(a, c(twoOverRootPi)), polynomial(square, erfSeries, 14));
  const b = f64x2.mul(a, c(rootOfTwo));
  const r = f64x2.div(c(one), f64x2.add(b, c(tailShift)));
  const tail = f64x2.mul(polynomial(f64x2.mul(b, r), tailSeries, 10), f64x2.mul(r, exp(f64x2.neg(square))));
  const far = f64x2.sub(c(one), f64x2.add(tail, tail));
  const y = v128.bitselect(near, far, f64x2.lt(a, c(one)));
  return v128.or(y, v128.xor(x, f64x2.abs(x)));
}

/** 2/√π · e^(−x²) */
// @inline
export function erfSlope(x: v128): v128 {
  return f64x2.mul(c(twoOverRootPi), exp(f64x2.neg(f64x2.mul(x, x))));
}

/** x·Φ(−a)·e^(a²/2)·(1 + q) for a = |x| ≤ 15 */
// @inline
export function tailTimes(x: v128, q: v128): v128 {
  const a = f64x2.abs(x);
  const r = f64x2.div(c(one), f64x2.add(a, c(tailShift)));
  const t = f64x2.mul(a, r);
  // Unrolled.
  let sum = mad(c(tailSeries, 72), t, c(tailSeries, 64));
  sum = mad(sum, t, c(tailSeries, 56));
  sum = mad(sum, t, c(tailSeries, 48));
  sum = mad(sum, t, c(tailSeries, 40));
  sum = mad(sum, t, c(tailSeries, 32));
  sum = mad(sum, t, c(tailSeries, 24));
  sum = mad(sum, t, c(tailSeries, 16));
  sum = mad(sum, t, c(tailSeries, 8));
  sum = mad(sum, t, c(tailSeries));
  return f64x2.mul(f64x2.mul(sum, r), mad(x, q, x));
}

/** x·tanh(ln(1 + eˣ)) = x·n/(n + 2) with n = eˣ·(eˣ + 2). */
// @inline
export function mish(x: v128): v128 {
  const w = exp(f64x2.pmin(x, c(mishHighest)));
  const n = f64x2.mul(w, f64x2.add(w, c(two)));
  // Far below 0 the limit is 0, also where x is −∞.
  return f64x2.mul(f64x2.pmax(x, c(mishLowest)), f64x2.div(n, f64x2.add(n, c(two))));
}

/** The slope of {@link mish}: n/(n + 2) + x·4·eˣ·(eˣ + 1)/(n + 2)². */
// @inline
export function mishSlope(x: v128): v128 {
  const near = f64x2.pmin(f64x2.pmax(x, c(mishLowest)), c(mishHighest));
  const w = exp(near);
  const n = f64x2.mul(w, f64x2.add(w, c(two)));
  const r = f64x2.div(c(one), f64x2.add(n, c(two)));
  const bend = f64x2.mul(f64x2.mul(near, f64x2.add(w, c(one))), f64x2.mul(w, f64x2.mul(r, r)));
  return mad(c(four), bend, f64x2.mul(n, r));
}
