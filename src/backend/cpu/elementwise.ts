import { cos, erf, erfc, exp, expm1, log, log1p, mish, pow, sigmoid, sin, tanh } from "../../elementary.js";
import type { BinaryOp, Elementwise, UnaryGradientOp, UnaryOp } from "../backend.js";
import { f32 } from "./memory.js";
import { walk } from "./walk.js";

/** Φ(x), the distribution function of the normal distribution. */
function normalDistribution(x: number): number {
  return 0.5 * erfc(-x * Math.SQRT1_2);
}

/** φ(x) = Φ′(x) = e^(−x²/2) / √(2π) */
function normalDensity(x: number): number {
  return exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** A function of a value, and its slope as a function of what is saved, the output y or the input x. */
interface UnaryFunction {
  readonly value: (x: number, p: number) => number;
  readonly slope: (saved: number, p: number) => number;
}

/** The nearest whole number, the even one of two. */
function roundToEven(x: number): number {
  return Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x);
}

/** The slope of mish: n/(n + 2) + x·4·eˣ·(eˣ + 1)/(n + 2)² with n = eˣ·(eˣ + 2), at its limits far out. */
function mishSlope(x: number): number {
  const near = Math.min(Math.max(x, -1000), 40);
  const w = exp(near);
  const n = w * (w + 2);
  return n / (n + 2) + (4 * near * w * (w + 1)) / (n + 2) ** 2;
}

/** Functions of one value, a row each; those with steps have no slope. */
export const unaryFunctions: Readonly<
  Record<UnaryGradientOp, UnaryFunction> & Record<UnaryOp, Pick<UnaryFunction, "value">>
> = {
  neg: { value: (x) => -x },
  exp: { value: exp, slope: (y) => y },
  log: { value: log, slope: (x) => 1 / x },
  sqrt: { value: Math.sqrt, slope: (y) => 0.5 / y },
  relu: { value: (x) => Math.max(x, 0), slope: (y) => (y <= 0 ? 0 : 1) },
  leakyRelu: { value: (x, p) => (x > 0 ? x : p * x), slope: (x, p) => (x > 0 ? 1 : p) },
  elu: { value: (x, p) => (x > 0 ? x : p * expm1(x)), slope: (x, p) => (x > 0 ? 1 : p * exp(x)) },
  gelu: { value: (x) => x * normalDistribution(x), slope: (x) => normalDistribution(x) + x * normalDensity(x) },
  silu: { value: (x) => x * sigmoid(x), slope: (x) => sigmoid(x) * (1 + x * sigmoid(-x)) },
  softplus: { value: (x) => Math.max(x, 0) + log1p(exp(-Math.abs(x))), slope: sigmoid },
  hardSwish: {
    value: (x) => x * (Math.min(Math.max(x + 3, 0), 6) / 6),
    slope: (x) => (x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6),
  },
  sigmoid: { value: sigmoid, slope: (y) => y * (1 - y) },
  tanh: { value: tanh, slope: (y) => 1 - y * y },
  abs: { value: Math.abs, slope: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0) },
  sign: { value: Math.sign },
  floor: { value: Math.floor },
  ceil: { value: Math.ceil },
  round: { value: roundToEven },
  sin: { value: sin, slope: cos },
  cos: { value: cos, slope: (x) => -sin(x) },
  erf: { value: erf, slope: (x) => (2 / Math.sqrt(Math.PI)) * exp(-x * x) },
  log1p: { value: log1p, slope: (x) => 1 / (1 + x) },
  expm1: { value: expm1, slope: exp },
  mish: { value: mish, slope: mishSlope },
};

/** Functions of two values, a row each. */
export const binaryFunctions: Record<BinaryOp, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow,
  // a⁰ is 1 everywhere, hence its slope 0, where b·a^(b−1) would be 0·∞ at a = 0.
  powBase: (a, b) => (b === 0 ? 0 : b * pow(a, b - 1)),
  powExponent: (a, b) => (a === 0 && b >= 0 ? 0 : pow(a, b) * log(a)),
  logisticLoss: (a, b) => {
    const wrong = a >= 0 ? 1 - b : b;
    return (wrong === 0 ? 0 : Math.abs(a) * wrong) + log1p(exp(-Math.abs(a)));
  },
  logisticSlope: (a, b) => sigmoid(a) - b,
  pass: (a, b) => (b !== 0 ? a : 0),
  minimum: Math.min,
  maximum: Math.max,
  maximumShare: (a, b) => (a < b ? 0 : a === b ? 0.5 : 1),
  equal: (a, b) => (a === b ? 1 : 0),
  notEqual: (a, b) => (a === b ? 0 : 1),
  less: (a, b) => (a < b ? 1 : 0),
  lessEqual: (a, b) => (a <= b ? 1 : 0),
  either: (a, b) => (Object.is(a, 0) ? b : a),
  prelu: (a, b) => (a > 0 ? a : b * a),
  preluSlope: (a, b) => (a > 0 ? 1 : b),
  timesNegative: (a, b) => (b > 0 ? 0 : a * b),
};

/** Whether the hash of element i, at least ⌊p·2³²⌋, lets it pass. */
function survives(i: number, seed: number, threshold: number): boolean {
  let h = (Math.imul(i, 0x9e3779b9) + seed) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  h = (h ^ (h >>> 15)) >>> 0;
  return h >= threshold;
}

/** Element by element. */
export const elementwise: Elementwise<ArrayBuffer> = {
  fill(y, length, value) {
    f32(y).fill(value, 0, length);
  },

  unary(op, x, y, length, parameter) {
    const input = f32(x);
    const output = f32(y);
    const { value } = unaryFunctions[op];
    for (let i = 0; i < length; i++) output[i] = value(input[i], parameter);
  },

  unaryGradient(op, dy, saved, dx, length, parameter) {
    const cotangent = f32(dy);
    const kept = f32(saved);
    const gradient = f32(dx);
    const { slope } = unaryFunctions[op];
    for (let i = 0; i < length; i++) gradient[i] = cotangent[i] * slope(kept[i], parameter);
  },

  binary(op, a, b, y, { extents, aStrides, bStrides }) {
    const left = f32(a);
    const right = f32(b);
    const output = f32(y);
    const apply = binaryFunctions[op];
    let i = 0;
    walk(extents, aStrides, bStrides, (ia, ib) => {
      output[i++] = apply(left[ia], right[ib]);
    });
  },

  binaryNumber(op, x, value, isFirst, y, length) {
    const input = f32(x);
    const output = f32(y);
    const apply = binaryFunctions[op];
    const number = Math.fround(value);
    for (let i = 0; i < length; i++) output[i] = isFirst ? apply(number, input[i]) : apply(input[i], number);
  },

  copy(x, y, { extents, xStrides, xOffset, yStrides, yOffset }) {
    // Bits, not numbers: a copied NaN keeps its payload, and integers may pass.
    const from = new Uint32Array(x);
    const to = new Uint32Array(y);
    walk(extents, xStrides, yStrides, (ix, iy) => {
      to[yOffset + iy] = from[xOffset + ix];
    });
  },

  dropout(x, y, length, p, seed) {
    const input = f32(x);
    const output = f32(y);
    const threshold = Math.floor(p * 2 ** 32);
    for (let i = 0; i < length; i++) output[i] = survives(i, seed, threshold) ? input[i] / (1 - p) : 0;
  },
};
