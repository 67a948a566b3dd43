// Functions of one value with steps and kinks; see unary.ts for what a block is. Twin: src/backend/cpu/elementwise.ts.
import { forEach, forEachGradient } from "./each";

/** The sign bit of each value. */
// @inline
function signBit(x: v128): v128 {
  return v128.and(x, i32x4.splat(0x80000000));
}

/** Where values lie above or below 0; NaN does not. */
// @inline
function isSigned(x: v128): v128 {
  const zero = f32x4.splat(0);
  return v128.or(f32x4.gt(x, zero), f32x4.lt(x, zero));
}

class Abs {
  // @inline
  value(x: v128, p: v128): v128 {
    return f32x4.abs(x);
  }

  // @inline
  gradient(dy: v128, saved: v128, p: v128): v128 {
    return v128.and(v128.xor(dy, signBit(saved)), isSigned(saved));
  }
}

export const absValueNs: f64 = 0.2;
export const absGradientNs: f64 = 0.2;

/** y = |x|; units: lines. */
export function absValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Abs>(x, y, p, begin, end);
}

/** dx = dy times the slope of absValue; `saved` is x. Units: lines. */
export function absGradient(dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  forEachGradient<Abs>(dy, saved, dx, p, begin, end);
}

class Sign {
  // @inline
  value(x: v128, p: v128): v128 {
    return v128.bitselect(v128.or(f32x4.splat(1), signBit(x)), x, isSigned(x));
  }
}

export const signValueNs: f64 = 0.2;

/** y = 1 above 0, −1 below, else x itself: 0, −0 or NaN; units: lines. */
export function signValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Sign>(x, y, p, begin, end);
}

class Floor {
  // @inline
  value(x: v128, p: v128): v128 {
    return f32x4.floor(x);
  }
}

export const floorValueNs: f64 = 0.2;

/** y = ⌊x⌋; units: lines. */
export function floorValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Floor>(x, y, p, begin, end);
}

class Ceil {
  // @inline
  value(x: v128, p: v128): v128 {
    return f32x4.ceil(x);
  }
}

export const ceilValueNs: f64 = 0.2;

/** y = ⌈x⌉; units: lines. */
export function ceilValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Ceil>(x, y, p, begin, end);
}

class Round {
  // @inline
  value(x: v128, p: v128): v128 {
    return f32x4.nearest(x);
  }
}

export const roundValueNs: f64 = 0.2;

/** y = the nearest whole number, the even one of two; units: lines. */
export function roundValue(x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  forEach<Round>(x, y, p, begin, end);
}
