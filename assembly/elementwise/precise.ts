// Functions of one value that are computed in f64 and rounded once; see unary.ts for what a block is.
// Twin: src/backend/cpu/elementwise.ts.
import { cosine, erf, erfSlope, exp, expm1, log1p, mish, mishSlope, reciprocal1p, sine } from "../math/doubles";
import { demote, promoteHigh, promoteLow } from "../math/lanes";
import { forEach, forEachGradient } from "./each";

class Sin {
  // @inline
  value(x: v128, p: v128): v128 {
    return sine(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, cosine(saved));
  }
}

export const sinValueNs: f64 = 4;
export const sinGradientNs: f64 = 4;

/** y = sin x; units: lines. */
export function sinValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Sin>(x, y, p, begin, end);
}

/** dx = dy times the slope of sinValue; `saved` is x. Units: lines. */
export function sinGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Sin>(dy, saved, dx, p, begin, end);
}

class Cos {
  // @inline
  value(x: v128, p: v128): v128 {
    return cosine(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.neg(f32x4.mul(dy, sine(saved)));
  }
}

export const cosValueNs: f64 = 4;
export const cosGradientNs: f64 = 4;

/** y = cos x; units: lines. */
export function cosValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Cos>(x, y, p, begin, end);
}

/** dx = dy times the slope of cosValue; `saved` is x. Units: lines. */
export function cosGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Cos>(dy, saved, dx, p, begin, end);
}

class Erf {
  // @inline
  value(x: v128, p: v128): v128 {
    return demote(erf(promoteLow(x)), erf(promoteHigh(x)));
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, demote(erfSlope(promoteLow(saved)), erfSlope(promoteHigh(saved))));
  }
}

export const erfValueNs: f64 = 7;
export const erfGradientNs: f64 = 3;

/** y = 2/√π · ∫₀ˣ e^(−t²) dt; units: lines. */
export function erfValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Erf>(x, y, p, begin, end);
}

/** dx = dy times the slope of erfValue; `saved` is x. Units: lines. */
export function erfGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Erf>(dy, saved, dx, p, begin, end);
}

class Log1p {
  // @inline
  value(x: v128, p: v128): v128 {
    return demote(log1p(promoteLow(x)), log1p(promoteHigh(x)));
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, demote(reciprocal1p(promoteLow(saved)), reciprocal1p(promoteHigh(saved))));
  }
}

export const log1pValueNs: f64 = 5;
export const log1pGradientNs: f64 = 1;

/** y = ln(1 + x); units: lines. */
export function log1pValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Log1p>(x, y, p, begin, end);
}

/** dx = dy times the slope of log1pValue; `saved` is x. Units: lines. */
export function log1pGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Log1p>(dy, saved, dx, p, begin, end);
}

class Expm1 {
  // @inline
  value(x: v128, p: v128): v128 {
    return demote(expm1(promoteLow(x)), expm1(promoteHigh(x)));
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, demote(exp(promoteLow(saved)), exp(promoteHigh(saved))));
  }
}

export const expm1ValueNs: f64 = 3;
export const expm1GradientNs: f64 = 3;

/** y = eˣ − 1; units: lines. */
export function expm1Value(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Expm1>(x, y, p, begin, end);
}

/** dx = dy times the slope of expm1Value; `saved` is x. Units: lines. */
export function expm1Gradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Expm1>(dy, saved, dx, p, begin, end);
}

class Mish {
  // @inline
  value(x: v128, p: v128): v128 {
    return demote(mish(promoteLow(x)), mish(promoteHigh(x)));
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, demote(mishSlope(promoteLow(saved)), mishSlope(promoteHigh(saved))));
  }
}

export const mishValueNs: f64 = 4;
export const mishGradientNs: f64 = 4;

/** y = x·tanh(ln(1 + eˣ)); units: lines. */
export function mishValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Mish>(x, y, p, begin, end);
}

/** dx = dy times the slope of mishValue; `saved` is x. Units: lines. */
export function mishGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Mish>(dy, saved, dx, p, begin, end);
}
