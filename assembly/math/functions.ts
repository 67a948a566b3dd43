// Elementary functions from +, −, ×, ÷, √ and integer operations alone, which IEEE 754 fixes to the last bit: the same
// bits on every engine. Four f32 lanes at a time; NaN in, NaN out. The polynomials are minimax fits in relative error
// (Lawson's iteration, coefficients rounded to f32 one after the other). Where several roundings would add up, what
// they took is carried along. Largest errors found over 8 million f32 of all magnitudes, in units of the last place:
//
//   exp 1.0 · log 0.9 · expm1 0.9 · ln(1 + e^x) 1.7 · tanh 1.4 · sigmoid 1.3 · silu 1.5
//   gelu 1.4
//
// Constants stand in memory: V8 rebuilds literals on each turn of a loop, which makes exp 1.4 times slower.
import { tailTimes } from "./doubles";
import { demote, promoteHigh, promoteLow } from "./lanes";

const log2e = memory.data<f32>([1.4426950408889634], 4);
/** ln 2 in two parts; the first has 9 bits, so that its products with whole numbers below 2¹⁵ are exact. */
const ln2High = memory.data<f32>([0.693359375], 4);
const ln2Low = memory.data<f32>([-2.12194440054690583e-4], 4);
/** 1.5·2²³: added to a small number it leaves the nearest whole number in the low bits of the sum. */
const rounder = memory.data<f32>([12582912], 4);
const half = memory.data<f32>([0.5], 4);
const one = memory.data<f32>([1], 4);
const two = memory.data<f32>([2], 4);
const expLowest = memory.data<f32>([-125], 4);
const expHighest = memory.data<f32>([89], 4);
const expm1Lowest = memory.data<f32>([-25], 4);
/** e^−a vanishes in f32 from 104 on. */
const decayHighest = memory.data<f32>([125], 4);
const decayLowest = memory.data<f32>([-125], 4);
/** 1/s is this times 3 − s for 1 ≤ s ≤ 2, to 6 %, … */
const inverse1to2 = memory.data<f32>([0.47058823529411764], 4);
/** … and this times 5 − s for 2 ≤ s ≤ 3, to 3 %: enough for what rounding took. */
const inverse2to3 = memory.data<f32>([0.16326530612244897], 4);
const tanhHighest = memory.data<f32>([20], 4);
/** (e^r − 1 − r)/r² on |r| ≤ ln 2/2; error in e^r 3e-9. */
const exp0 = memory.data<f32>([0.4999999403953552], 4);
const exp1 = memory.data<f32>([0.1666652113199234], 4);
const exp2 = memory.data<f32>([0.04166826233267784], 4);
const exp3 = memory.data<f32>([0.008368674665689468], 4);
const exp4 = memory.data<f32>([0.0013821055181324482], 4);
/** (ln(1 + f) − f + f²/2)/f³ on √½ − 1 ≤ f ≤ √2 − 1; error in ln(1 + f) 6e-9. */
const log0 = memory.data<f32>([0.3333333134651184], 4);
const log1 = memory.data<f32>([-0.2500081956386566], 4);
const log2 = memory.data<f32>([0.2000124156475067], 4);
const log3 = memory.data<f32>([-0.166234090924263], 4);
const log4 = memory.data<f32>([0.14201579988002777], 4);
const log5 = memory.data<f32>([-0.13159610331058502], 4);
const log6 = memory.data<f32>([0.12762217223644257], 4);
const log7 = memory.data<f32>([-0.07636439055204391], 4);
/** (artanh(s)/s − 1)/s² in powers of s² on 0 ≤ s ≤ 1/3; error in artanh 4e-9. */
const artanh0 = memory.data<f32>([0.3333320915699005], 4);
const artanh1 = memory.data<f32>([0.20010718703269958], 4);
const artanh2 = memory.data<f32>([0.1400151401758194], 4);
const artanh3 = memory.data<f32>([0.1400337666273117], 4);
/** Φ(−a)·e^(a²/2)·(a + 2.5) in powers of a/(a + 2.5) on 0 ≤ a ≤ 15; error 2e-8. */
const tail0 = memory.data<f32>([1.25], 4);
const tail1 = memory.data<f32>([-1.2433922290802002], 4);
const tail2 = memory.data<f32>([0.16960746049880981], 4);
const tail3 = memory.data<f32>([0.2918645441532135], 4);
const tail4 = memory.data<f32>([0.05604536458849907], 4);
const tail5 = memory.data<f32>([-0.14976826310157776], 4);
const tail6 = memory.data<f32>([0.13804033398628235], 4);
const tail7 = memory.data<f32>([-0.31343260407447815], 4);
const tail8 = memory.data<f32>([0.2798077166080475], 4);
const tail9 = memory.data<f32>([-0.07983212918043137], 4);
const tailShift = memory.data<f32>([2.5], 4);
const tailHighest = memory.data<f32>([15], 4);
const highBits = memory.data<i32>([-4096], 4);
/** 1/√(2π) */
const densityAtZero = memory.data<f32>([0.3989422804014327], 4);
const smallestNormal = memory.data<f32>([1.1754943508222875e-38], 4);
const squareRootOfHalfBits = memory.data<i32>([0x3f3504f3], 4);
const mantissaBits = memory.data<i32>([0x007fffff], 4);
const infinity = memory.data<f32>([Infinity], 4);
const notANumber = memory.data<f32>([NaN], 4);

/** Four copies of the constant at an address. */
// @inline
function c(address: usize): v128 {
  return v128.load32_splat(address);
}

/** a·b + c, rounded twice. */
// @inline
function mad(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/** The whole number nearest to x/ln 2, plus `rounder`: its bits minus those of `rounder` are it as an integer. */
// @inline
function roundedPower(x: v128): v128 {
  return mad(x, c(log2e), c(rounder));
}

/** x − n·ln 2 for the power from {@link roundedPower}. */
// @inline
function remainder(x: v128, power: v128): v128 {
  const n = f32x4.sub(power, c(rounder));
  return f32x4.sub(f32x4.sub(x, f32x4.mul(n, c(ln2High))), f32x4.mul(n, c(ln2Low)));
}

/** e^r − 1 − r for |r| ≤ ln 2/2 */
// @inline
function expBend(r: v128): v128 {
  let q = mad(c(exp4), r, c(exp3));
  q = mad(q, r, c(exp2));
  q = mad(q, r, c(exp1));
  q = mad(q, r, c(exp0));
  return f32x4.mul(f32x4.mul(r, r), q);
}

/** e^r − 1 for |r| ≤ ln 2/2 */
// @inline
function expm1OfRemainder(r: v128): v128 {
  return f32x4.add(expBend(r), r);
}

/** What rounding took from a sum of two, of which the first is the larger (Dekker 1971). */
// @inline
function lostOf(sum: v128, larger: v128, smaller: v128): v128 {
  return f32x4.add(f32x4.sub(larger, sum), smaller);
}

/** p·2ⁿ in two factors, so that subnormal results and the largest ones are reached and rounded once. */
// @inline
function scaled(p: v128, power: v128): v128 {
  const n = i32x4.sub(power, c(rounder));
  const h = i32x4.shr_s(n, 1);
  const first = i32x4.add(i32x4.shl(h, 23), c(one));
  const second = i32x4.add(i32x4.shl(i32x4.sub(n, h), 23), c(one));
  return f32x4.mul(f32x4.mul(p, first), second);
}

/** eˣ; subnormal below −87.3, 0 below −103.97, ∞ above 88.72. */
// @inline
export function exp(value: v128): v128 {
  // pmin and pmax keep a NaN that stands first.
  const x = f32x4.pmin(f32x4.pmax(value, c(expLowest)), c(expHighest));
  const power = roundedPower(x);
  return scaled(f32x4.add(expm1OfRemainder(remainder(x, power)), c(one)), power);
}

/** eˣ − 1 for −25 ≤ x ≤ 40, without the cancellation near 0. */
// @inline
function expm1(x: v128): v128 {
  const power = roundedPower(x);
  const scale = i32x4.add(i32x4.shl(i32x4.sub(power, c(rounder)), 23), c(one));
  return mad(expm1OfRemainder(remainder(x, power)), scale, f32x4.sub(scale, c(one)));
}

/** eˣ − 1 for x ≤ 0 */
// @inline
export function expm1OfNegative(x: v128): v128 {
  // −0 stays.
  return v128.or(expm1(f32x4.pmax(x, c(expm1Lowest))), v128.xor(x, f32x4.abs(x)));
}

/** ln x; −∞ at 0, NaN below. x = 2ⁿ·(1 + f) with 1 + f in [√½, √2). */
// @inline
export function log(x: v128): v128 {
  // Subnormal numbers are scaled by 2²³ first.
  const subnormal = f32x4.lt(x, c(smallestNormal));
  const bits = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, subnormal);
  const steps = i32x4.sub(bits, c(squareRootOfHalfBits));
  const n = i32x4.sub(i32x4.shr_s(steps, 23), v128.and(subnormal, i32x4.splat(23)));
  const f = f32x4.sub(i32x4.add(v128.and(steps, c(mantissaBits)), c(squareRootOfHalfBits)), c(one));
  const k = f32x4.convert_i32x4_s(n);
  const square = f32x4.mul(f, f);
  let q = mad(c(log7), f, c(log6));
  q = mad(q, f, c(log5));
  q = mad(q, f, c(log4));
  q = mad(q, f, c(log3));
  q = mad(q, f, c(log2));
  q = mad(q, f, c(log1));
  q = mad(q, f, c(log0));
  // The parts from small to large.
  let y = mad(f32x4.mul(f, square), q, f32x4.mul(k, c(ln2Low)));
  y = f32x4.sub(y, f32x4.mul(square, c(half)));
  y = f32x4.add(f32x4.add(y, f), f32x4.mul(k, c(ln2High)));
  // ∞ and NaN as they are; 0 gives −∞, what is negative NaN.
  y = v128.bitselect(y, x, f32x4.lt(x, c(infinity)));
  const zero = f32x4.splat(0);
  y = v128.or(y, v128.and(f32x4.lt(x, zero), c(notANumber)));
  return v128.bitselect(f32x4.neg(c(infinity)), y, f32x4.eq(x, zero));
}

/** ln(1 + e^−a) for a ≥ 0, as 2·artanh(z/(2 + z)) with z = e^−a; what rounding took from z and 2 + z is put right. */
// @inline
export function log1pOfDecay(value: v128): v128 {
  const x = f32x4.neg(f32x4.pmin(value, c(decayHighest)));
  const power = roundedPower(x);
  const r = remainder(x, power);
  const bend = expBend(r);
  const q = f32x4.add(r, bend);
  const p = f32x4.add(q, c(one));
  const z = scaled(p, power);
  const lostOfZ = scaled(f32x4.add(lostOf(p, c(one), q), lostOf(q, r, bend)), power);
  const sum = f32x4.add(z, c(two));
  const lostOfSum = f32x4.add(lostOf(sum, c(two), z), lostOfZ);
  const s = f32x4.div(z, sum);
  const inverse = f32x4.mul(f32x4.sub(f32x4.splat(5), sum), c(inverse2to3));
  const lost = f32x4.mul(f32x4.sub(lostOfZ, f32x4.mul(s, lostOfSum)), inverse);
  const square = f32x4.mul(s, s);
  let series = mad(c(artanh3), square, c(artanh2));
  series = mad(series, square, c(artanh1));
  series = mad(series, square, c(artanh0));
  const y = f32x4.add(mad(f32x4.mul(s, square), series, lost), s);
  return f32x4.add(y, y);
}

/** tanh x = E/(E + 2) with E = e^(2|x|) − 1, and the sign of x; what rounding took from E and E + 2 is put right. */
// @inline
export function tanh(x: v128): v128 {
  const a = f32x4.abs(x);
  const twice = f32x4.pmin(f32x4.add(a, a), c(tanhHighest));
  const power = roundedPower(twice);
  const scale = i32x4.add(i32x4.shl(i32x4.sub(power, c(rounder)), 23), c(one));
  const r = remainder(twice, power);
  const bend = expBend(r);
  const q = f32x4.add(r, bend);
  const base = f32x4.sub(scale, c(one));
  const grown = f32x4.mul(q, scale);
  const e = f32x4.add(base, grown);
  const lostOfE = mad(lostOf(q, r, bend), scale, lostOf(e, base, grown));
  const sum = f32x4.add(e, c(two));
  const lostOfSum = f32x4.add(lostOf(sum, f32x4.pmax(e, c(two)), f32x4.pmin(e, c(two))), lostOfE);
  const y = f32x4.div(e, sum);
  // 1/(E + 2) = (1 − y)/2
  const inverse = f32x4.mul(f32x4.sub(c(one), y), c(half));
  const right = mad(f32x4.sub(lostOfE, f32x4.mul(y, lostOfSum)), inverse, y);
  return v128.or(right, v128.xor(x, a));
}

/** 1/(1 + e^−x), as 1/(1 + z) or z/(1 + z) with z = e^−|x|; what rounding took from z and 1 + z is put right. */
// @inline
export function sigmoid(value: v128): v128 {
  const x = f32x4.neg(f32x4.pmin(f32x4.abs(value), c(decayHighest)));
  const power = roundedPower(x);
  const r = remainder(x, power);
  const bend = expBend(r);
  const q = f32x4.add(r, bend);
  const p = f32x4.add(q, c(one));
  const z = scaled(p, power);
  const lostOfZ = scaled(f32x4.add(lostOf(p, c(one), q), lostOf(q, r, bend)), power);
  const sum = f32x4.add(z, c(one));
  const lostOfSum = f32x4.add(lostOf(sum, c(one), z), lostOfZ);
  const positive = f32x4.ge(value, f32x4.splat(0));
  const y = f32x4.div(v128.bitselect(c(one), z, positive), sum);
  const lost = f32x4.sub(v128.andnot(lostOfZ, positive), f32x4.mul(y, lostOfSum));
  return mad(lost, f32x4.mul(f32x4.sub(f32x4.splat(3), sum), c(inverse1to2)), y);
}

/** x·Φ(x): its tail, of which x·Φ(x) for x < 0 is made and what x lacks of it for x > 0, is computed in f64. */
// @inline
export function gelu(x: v128): v128 {
  const near = f32x4.pmax(f32x4.pmin(x, c(tailHighest)), f32x4.neg(c(tailHighest)));
  const a = f32x4.abs(near);
  const high = v128.and(a, c(highBits));
  const low = f32x4.mul(f32x4.mul(f32x4.sub(a, high), f32x4.add(a, high)), c(half));
  const exponent = f32x4.neg(f32x4.mul(f32x4.mul(high, high), c(half)));
  const power = roundedPower(f32x4.sub(exponent, low));
  const q = expm1OfRemainder(f32x4.sub(remainder(exponent, power), low));
  const first = tailTimes(promoteLow(near), promoteLow(q));
  const tail = scaled(demote(first, tailTimes(promoteHigh(near), promoteHigh(q))), power);
  // The product is 0, but NaN at −∞.
  const below = f32x4.add(tail, f32x4.mul(x, f32x4.splat(0)));
  return v128.bitselect(f32x4.sub(x, tail), below, f32x4.gt(x, f32x4.splat(0)));
}

/** e^(−a²/2) for 0 ≤ a ≤ 15; the square is taken in two parts, since exp would magnify its rounding error. */
// @inline
function bell(a: v128): v128 {
  const high = v128.and(a, c(highBits));
  const low = f32x4.mul(f32x4.mul(f32x4.sub(a, high), f32x4.add(a, high)), c(half));
  const x = f32x4.neg(f32x4.mul(f32x4.mul(high, high), c(half)));
  const power = roundedPower(f32x4.sub(x, low));
  return scaled(f32x4.add(expm1OfRemainder(f32x4.sub(remainder(x, power), low)), c(one)), power);
}

/** Φ(−a)·e^(a²/2) for 0 ≤ a ≤ 15 */
// @inline
function tailRatio(a: v128): v128 {
  const r = f32x4.div(c(one), f32x4.add(a, c(tailShift)));
  const t = f32x4.mul(a, r);
  let q = mad(c(tail9), t, c(tail8));
  q = mad(q, t, c(tail7));
  q = mad(q, t, c(tail6));
  q = mad(q, t, c(tail5));
  q = mad(q, t, c(tail4));
  q = mad(q, t, c(tail3));
  q = mad(q, t, c(tail2));
  q = mad(q, t, c(tail1));
  q = mad(q, t, c(tail0));
  return f32x4.mul(q, r);
}

/** Φ(x), the distribution function of the normal distribution, from its tail and e^(−x²/2). */
// @inline
function normalDistribution(x: v128, a: v128, bell: v128): v128 {
  const tail = f32x4.mul(tailRatio(a), bell);
  return v128.bitselect(f32x4.sub(c(one), tail), tail, f32x4.ge(x, f32x4.splat(0)));
}

/** Φ(x) + x·φ(x) */
// @inline
export function geluSlope(x: v128): v128 {
  const a = f32x4.pmin(f32x4.abs(x), c(tailHighest));
  const e = bell(a);
  return f32x4.add(normalDistribution(x, a, e), f32x4.mul(x, f32x4.mul(e, c(densityAtZero))));
}

/** x·sigmoid(x): x/(1 + z), or x·(1 + q)/(1 + z)·2ⁿ with z = (1 + q)·2ⁿ = e^−|x|, which no underflow of z spoils. */
// @inline
export function silu(value: v128): v128 {
  const near = f32x4.pmax(value, c(decayLowest));
  const x = f32x4.neg(f32x4.pmin(f32x4.abs(value), c(decayHighest)));
  const power = roundedPower(x);
  const r = remainder(x, power);
  const bend = expBend(r);
  const q = f32x4.add(r, bend);
  const lostOfQ = lostOf(q, r, bend);
  // For the sum alone, to which smaller powers than 2⁻¹²⁶ make no difference.
  const n = i32x4.max_s(i32x4.sub(power, c(rounder)), i32x4.splat(-126));
  const z = f32x4.mul(f32x4.add(q, c(one)), i32x4.add(i32x4.shl(n, 23), c(one)));
  const sum = f32x4.add(z, c(one));
  const lostOfSum = lostOf(sum, c(one), z);
  const part = f32x4.mul(near, q);
  const product = f32x4.add(near, part);
  const lostOfProduct = mad(near, lostOfQ, lostOf(product, near, part));
  const positive = f32x4.ge(value, f32x4.splat(0));
  let y = f32x4.div(v128.bitselect(value, product, positive), sum);
  const lost = f32x4.sub(v128.andnot(lostOfProduct, positive), f32x4.mul(y, lostOfSum));
  y = mad(lost, f32x4.mul(f32x4.sub(f32x4.splat(3), sum), c(inverse1to2)), y);
  y = v128.bitselect(y, scaled(y, power), positive);
  // What underflows keeps its sign.
  y = v128.or(y, v128.xor(value, f32x4.abs(value)));
  // ∞·1 and −∞·0
  const atInfinity = f32x4.mul(value, v128.and(c(one), positive));
  return v128.bitselect(atInfinity, y, f32x4.eq(f32x4.abs(value), c(infinity)));
}

/** s·(1 + x·(1 − s)) with s = sigmoid(x), 1 − s = sigmoid(−x). */
// @inline
export function siluSlope(x: v128): v128 {
  const z = exp(f32x4.neg(f32x4.abs(x)));
  const inverse = f32x4.div(c(one), f32x4.add(z, c(one)));
  const small = f32x4.mul(z, inverse);
  const positive = f32x4.ge(x, f32x4.splat(0));
  const s = v128.bitselect(inverse, small, positive);
  return f32x4.mul(s, mad(x, v128.bitselect(small, inverse, positive), c(one)));
}
