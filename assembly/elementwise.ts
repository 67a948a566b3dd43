// Element by element kernels. Twin: src/backend/cpu/elementwise.ts.
//
// Where x and y are whole blocks a unit is a line of 16 values (64 bytes), and the last line is done to its end.
import { exp, expm1OfNegative, gelu, geluSlope, log, sigmoid, silu, siluSlope, tanh } from "./math";

/** y[i] = value; units: lines. */
export function fill(y: usize, value: f32, begin: i32, end: i32): void {
  const v = f32x4.splat(value);
  const last = y + ((<usize>end) << 6);
  for (let at = y + ((<usize>begin) << 6); at < last; at += 32) {
    v128.store(at, v);
    v128.store(at, v, 16);
  }
}

// The numbers of the ops: src/backend/wasm/elementwise.ts.
const neg = 0;
const expOp = 1;
const logOp = 2;
const sqrt = 3;
const relu = 4;
const leakyRelu = 5;
const elu = 6;
const geluOp = 7;
const siluOp = 8;
const sigmoidOp = 9;
const tanhOp = 10;

// @ts-ignore: decorator
@inline
function apply(op: i32, x: v128, p: v128): v128 {
  const zero = f32x4.splat(0);
  if (op == neg) return f32x4.neg(x);
  if (op == expOp) return exp(x);
  if (op == logOp) return log(x);
  if (op == sqrt) return f32x4.sqrt(x);
  // pmax keeps a NaN that stands first; adding 0 makes 0 of −0.
  if (op == relu) return f32x4.add(f32x4.pmax(x, zero), zero);
  if (op == leakyRelu) return v128.bitselect(x, f32x4.mul(x, p), f32x4.gt(x, zero));
  if (op == elu) return v128.bitselect(x, f32x4.mul(p, expm1OfNegative(x)), f32x4.gt(x, zero));
  if (op == geluOp) return gelu(x);
  if (op == siluOp) return silu(x);
  if (op == sigmoidOp) return sigmoid(x);
  return tanh(x);
}

// @ts-ignore: decorator
@inline
function unaryLoop(op: i32, x: usize, y: usize, parameter: f32, begin: i32, end: i32): void {
  const p = f32x4.splat(parameter);
  const last = x + ((<usize>end) << 6);
  y += (<usize>begin) << 6;
  for (let at = x + ((<usize>begin) << 6); at < last; at += 16) {
    v128.store(y, apply(op, v128.load(at), p));
    y += 16;
  }
}

/** y[i] = f(x[i]) with parameter p; units: lines. */
export function unary(op: i32, x: usize, y: usize, p: f32, begin: i32, end: i32): void {
  if (op == neg) unaryLoop(neg, x, y, p, begin, end);
  else if (op == expOp) unaryLoop(expOp, x, y, p, begin, end);
  else if (op == logOp) unaryLoop(logOp, x, y, p, begin, end);
  else if (op == sqrt) unaryLoop(sqrt, x, y, p, begin, end);
  else if (op == relu) unaryLoop(relu, x, y, p, begin, end);
  else if (op == leakyRelu) unaryLoop(leakyRelu, x, y, p, begin, end);
  else if (op == elu) unaryLoop(elu, x, y, p, begin, end);
  else if (op == geluOp) unaryLoop(geluOp, x, y, p, begin, end);
  else if (op == siluOp) unaryLoop(siluOp, x, y, p, begin, end);
  else if (op == sigmoidOp) unaryLoop(sigmoidOp, x, y, p, begin, end);
  else unaryLoop(tanhOp, x, y, p, begin, end);
}

// @ts-ignore: decorator
@inline
function applyGradient(op: i32, dy: v128, s: v128, p: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  if (op == expOp) return f32x4.mul(dy, s);
  if (op == logOp) return f32x4.div(dy, s);
  if (op == sqrt) return f32x4.div(f32x4.mul(dy, f32x4.splat(0.5)), s);
  if (op == relu) return v128.and(dy, f32x4.gt(s, zero));
  if (op == leakyRelu) return v128.bitselect(dy, f32x4.mul(dy, p), f32x4.gt(s, zero));
  if (op == elu) return v128.bitselect(dy, f32x4.mul(dy, f32x4.mul(p, exp(s))), f32x4.gt(s, zero));
  if (op == geluOp) return f32x4.mul(dy, geluSlope(s));
  if (op == siluOp) return f32x4.mul(dy, siluSlope(s));
  if (op == sigmoidOp) return f32x4.mul(dy, f32x4.mul(s, f32x4.sub(one, s)));
  // 1 − y² without its cancellation near ±1.
  return f32x4.mul(dy, f32x4.mul(f32x4.sub(one, s), f32x4.add(one, s)));
}

// @ts-ignore: decorator
@inline
function gradientLoop(op: i32, dy: usize, saved: usize, dx: usize, parameter: f32, begin: i32, end: i32): void {
  const p = f32x4.splat(parameter);
  const last = dy + ((<usize>end) << 6);
  saved += (<usize>begin) << 6;
  dx += (<usize>begin) << 6;
  for (let at = dy + ((<usize>begin) << 6); at < last; at += 16) {
    v128.store(dx, applyGradient(op, v128.load(at), v128.load(saved), p));
    saved += 16;
    dx += 16;
  }
}

/** dx[i] = dy[i]·f′, `saved` holding inputs or outputs as `UnaryGradientOp` says; units: lines. */
export function unaryGradient(op: i32, dy: usize, saved: usize, dx: usize, p: f32, begin: i32, end: i32): void {
  if (op == expOp) gradientLoop(expOp, dy, saved, dx, p, begin, end);
  else if (op == logOp) gradientLoop(logOp, dy, saved, dx, p, begin, end);
  else if (op == sqrt) gradientLoop(sqrt, dy, saved, dx, p, begin, end);
  else if (op == relu) gradientLoop(relu, dy, saved, dx, p, begin, end);
  else if (op == leakyRelu) gradientLoop(leakyRelu, dy, saved, dx, p, begin, end);
  else if (op == elu) gradientLoop(elu, dy, saved, dx, p, begin, end);
  else if (op == geluOp) gradientLoop(geluOp, dy, saved, dx, p, begin, end);
  else if (op == siluOp) gradientLoop(siluOp, dy, saved, dx, p, begin, end);
  else if (op == sigmoidOp) gradientLoop(sigmoidOp, dy, saved, dx, p, begin, end);
  else gradientLoop(tanhOp, dy, saved, dx, p, begin, end);
}

/**
 * y[i] = x[i]·scale where the hash of (seed, i) is at least `threshold` (unsigned), else 0; units: lines. The hash:
 * h = i·0x9e3779b9 + seed; h = (h ^ h>>>16)·0x21f0aaad; h = (h ^ h>>>15)·0x735a2d97; h ^= h>>>15.
 */
export function dropout(x: usize, y: usize, scale: f32, threshold: i32, seed: i32, begin: i32, end: i32): void {
  const s = f32x4.splat(scale);
  const least = i32x4.splat(threshold);
  const factor1 = i32x4.splat(0x21f0aaad);
  const factor2 = i32x4.splat(0x735a2d97);
  const step = i32x4.splat(4 * 0x9e3779b9);
  let start = i32x4.add(
    i32x4.mul(i32x4.add(i32x4.splat(begin << 4), i32x4(0, 1, 2, 3)), i32x4.splat(0x9e3779b9)),
    i32x4.splat(seed),
  );
  const last = x + ((<usize>end) << 6);
  y += (<usize>begin) << 6;
  for (let at = x + ((<usize>begin) << 6); at < last; at += 16) {
    let h = start;
    h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), factor1);
    h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 15)), factor2);
    h = v128.xor(h, i32x4.shr_u(h, 15));
    v128.store(y, v128.and(f32x4.mul(v128.load(at), s), i32x4.ge_u(h, least)));
    start = i32x4.add(start, step);
    y += 16;
  }
}
