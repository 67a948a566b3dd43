// Functions of one value, each with a parameter p that most ignore. Twin: src/backend/cpu/elementwise.ts.
//
// A function is a block: a class with its value and its gradient, from dy and what is saved of the forward pass (x or
// y), and for each a kernel and the ns that a value takes one thread; the calls find them by the function's name.
import {
  exp,
  expm1OfNegative,
  gelu,
  geluSlope,
  log,
  log1pOfDecay,
  sigmoid,
  silu,
  siluSlope,
  tanh,
} from "../math/functions";
import { forEach, forEachGradient } from "./each";

class Neg {
  // @inline
  value(x: v128, p: v128): v128 {
    return f32x4.neg(x);
  }
}

export const negValueNs: f64 = 0.2;

/** y = −x; units: lines. */
export function negValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Neg>(x, y, p, begin, end);
}

class Exp {
  // @inline
  value(x: v128, p: v128): v128 {
    return exp(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, saved);
  }
}

export const expValueNs: f64 = 1;
export const expGradientNs: f64 = 0.2;

/** y = eˣ; units: lines. */
export function expValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Exp>(x, y, p, begin, end);
}

/** dx = dy times the slope of expValue; `saved` is y. Units: lines. */
export function expGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Exp>(dy, saved, dx, p, begin, end);
}

class Log {
  // @inline
  value(x: v128, p: v128): v128 {
    return log(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.div(dy, saved);
  }
}

export const logValueNs: f64 = 1.7;
export const logGradientNs: f64 = 0.2;

/** y = ln x; units: lines. */
export function logValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Log>(x, y, p, begin, end);
}

/** dx = dy times the slope of logValue; `saved` is x. Units: lines. */
export function logGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Log>(dy, saved, dx, p, begin, end);
}

class Sqrt {
  // @inline
  value(x: v128, p: v128): v128 {
    return f32x4.sqrt(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.div(f32x4.mul(dy, f32x4.splat(0.5)), saved);
  }
}

export const sqrtValueNs: f64 = 0.3;
export const sqrtGradientNs: f64 = 0.3;

/** y = √x; units: lines. */
export function sqrtValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Sqrt>(x, y, p, begin, end);
}

/** dx = dy times the slope of sqrtValue; `saved` is y. Units: lines. */
export function sqrtGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Sqrt>(dy, saved, dx, p, begin, end);
}

class Relu {
  // @inline
  value(x: v128, p: v128): v128 {
    const zero = f32x4.splat(0);
    // pmax keeps a NaN that stands first; adding 0 makes 0 of −0.
    return f32x4.add(f32x4.pmax(x, zero), zero);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    // NaN is not hidden.
    return v128.andnot(dy, f32x4.le(saved, f32x4.splat(0)));
  }
}

export const reluValueNs: f64 = 0.2;
export const reluGradientNs: f64 = 0.2;

/** y = max(x, 0); units: lines. */
export function reluValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Relu>(x, y, p, begin, end);
}

/** dx = dy times the slope of reluValue; `saved` is y. Units: lines. */
export function reluGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Relu>(dy, saved, dx, p, begin, end);
}

class LeakyRelu {
  // @inline
  value(x: v128, p: v128): v128 {
    return v128.bitselect(x, f32x4.mul(x, p), f32x4.gt(x, f32x4.splat(0)));
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return v128.bitselect(dy, f32x4.mul(dy, p), f32x4.gt(saved, f32x4.splat(0)));
  }
}

export const leakyReluValueNs: f64 = 0.25;
export const leakyReluGradientNs: f64 = 0.25;

/** y = x, or p·x where x ≤ 0; units: lines. */
export function leakyReluValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<LeakyRelu>(x, y, p, begin, end);
}

/** dx = dy times the slope of leakyReluValue; `saved` is x. Units: lines. */
export function leakyReluGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<LeakyRelu>(dy, saved, dx, p, begin, end);
}

class Elu {
  // @inline
  value(x: v128, p: v128): v128 {
    return v128.bitselect(x, f32x4.mul(p, expm1OfNegative(x)), f32x4.gt(x, f32x4.splat(0)));
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    const slope = f32x4.mul(dy, f32x4.mul(p, exp(saved)));
    return v128.bitselect(dy, slope, f32x4.gt(saved, f32x4.splat(0)));
  }
}

export const eluValueNs: f64 = 1;
export const eluGradientNs: f64 = 1.3;

/** y = x, or p·(eˣ − 1) where x ≤ 0; units: lines. */
export function eluValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Elu>(x, y, p, begin, end);
}

/** dx = dy times the slope of eluValue; `saved` is x. Units: lines. */
export function eluGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Elu>(dy, saved, dx, p, begin, end);
}

class Gelu {
  // @inline
  value(x: v128, p: v128): v128 {
    return gelu(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, geluSlope(saved));
  }
}

export const geluValueNs: f64 = 4.5;
export const geluGradientNs: f64 = 3.1;

/** y = x·Φ(x); units: lines. */
export function geluValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Gelu>(x, y, p, begin, end);
}

/** dx = dy times the slope of geluValue; `saved` is x. Units: lines. */
export function geluGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Gelu>(dy, saved, dx, p, begin, end);
}

class Silu {
  // @inline
  value(x: v128, p: v128): v128 {
    return silu(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, siluSlope(saved));
  }
}

export const siluValueNs: f64 = 2.8;
export const siluGradientNs: f64 = 2.1;

/** y = x·sigmoid(x); units: lines. */
export function siluValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Silu>(x, y, p, begin, end);
}

/** dx = dy times the slope of siluValue; `saved` is x. Units: lines. */
export function siluGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Silu>(dy, saved, dx, p, begin, end);
}

class Softplus {
  // @inline
  value(x: v128, p: v128): v128 {
    // e^−|x| never overflows; pmax keeps a NaN that stands first.
    return f32x4.add(f32x4.pmax(x, f32x4.splat(0)), log1pOfDecay(f32x4.abs(x)));
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, sigmoid(saved));
  }
}

export const softplusValueNs: f64 = 2.7;
export const softplusGradientNs: f64 = 2.3;

/** y = ln(1 + eˣ); units: lines. */
export function softplusValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Softplus>(x, y, p, begin, end);
}

/** dx = dy times the slope of softplusValue; `saved` is x. Units: lines. */
export function softplusGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Softplus>(dy, saved, dx, p, begin, end);
}

class HardSwish {
  // @inline
  value(x: v128, p: v128): v128 {
    // pmin and pmax keep a NaN that stands first. The gate is computed first, so that a large x does not overflow.
    const gate = f32x4.pmin(f32x4.pmax(f32x4.add(x, f32x4.splat(3)), f32x4.splat(0)), f32x4.splat(6));
    return f32x4.mul(x, f32x4.div(gate, f32x4.splat(6)));
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    const inner = f32x4.div(f32x4.add(f32x4.add(saved, saved), f32x4.splat(3)), f32x4.splat(6));
    const upper = v128.bitselect(f32x4.splat(1), inner, f32x4.ge(saved, f32x4.splat(3)));
    return f32x4.mul(dy, v128.andnot(upper, f32x4.le(saved, f32x4.splat(-3))));
  }
}

export const hardSwishValueNs: f64 = 0.3;
export const hardSwishGradientNs: f64 = 0.4;

/** y = x·min(max(x + 3, 0), 6)/6; units: lines. */
export function hardSwishValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<HardSwish>(x, y, p, begin, end);
}

/** dx = dy times the slope of hardSwishValue; `saved` is x. Units: lines. */
export function hardSwishGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<HardSwish>(dy, saved, dx, p, begin, end);
}

class Sigmoid {
  // @inline
  value(x: v128, p: v128): v128 {
    return sigmoid(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return f32x4.mul(dy, f32x4.mul(saved, f32x4.sub(f32x4.splat(1), saved)));
  }
}

export const sigmoidValueNs: f64 = 2.2;
export const sigmoidGradientNs: f64 = 0.3;

/** y = 1/(1 + e⁻ˣ); units: lines. */
export function sigmoidValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Sigmoid>(x, y, p, begin, end);
}

/** dx = dy times the slope of sigmoidValue; `saved` is y. Units: lines. */
export function sigmoidGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Sigmoid>(dy, saved, dx, p, begin, end);
}

class Tanh {
  // @inline
  value(x: v128, p: v128): v128 {
    return tanh(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    // 1 − y² without its cancellation near ±1.
    const one = f32x4.splat(1);
    return f32x4.mul(dy, f32x4.mul(f32x4.sub(one, saved), f32x4.add(one, saved)));
  }
}

export const tanhValueNs: f64 = 1.9;
export const tanhGradientNs: f64 = 0.3;

/** y = tanh x; units: lines. */
export function tanhValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Tanh>(x, y, p, begin, end);
}

/** dx = dy times the slope of tanhValue; `saved` is y. Units: lines. */
export function tanhGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Tanh>(dy, saved, dx, p, begin, end);
}
