import {
  abs,
  ceil,
  cos,
  elu,
  erf,
  expm1,
  floor,
  gelu,
  hardSigmoid,
  hardSwish,
  log1p,
  mish,
  reciprocal,
  round,
  rsqrt,
  setBackend,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  square,
  type Tensor,
  tanh,
  tensor,
} from "evenkeel";
import { beforeAll, describe, expect, test } from "vitest";
import { backends, onGpu } from "../support/backends.js";
import { normalValues } from "../support/seeded.js";

/** Values of every size and sign, and those at which a function may overflow or cancel. */
const points = Float32Array.from([
  ...normalValues(8001, 3).map((value, i) => value * 2 ** ((i % 81) / 4 - 10)),
  ...Float32Array.from({ length: 4001 }, (_, k) => (k - 2000) / 18),
  ...[0, 1e-30, -1e-30, 1e-8, -1e-8, 0.5, -0.5, 1, -1, 80, -80, 88, -88, 1e4, -1e4, 1e30, -1e30],
]);

/** The unit of the numbers below 2⁻¹²⁶, which a GPU may take for 0. */
const leastUnit = onGpu ? 2 ** -126 : 2 ** -149;

/** The distance of a float32 from a real number, in units of its last place. */
function ulps(actual: number, exact: number): number {
  if (Object.is(actual, exact) || actual === exact) return 0;
  const size = Math.abs(Math.fround(exact));
  if (size === Infinity) return actual === Math.sign(exact) * Infinity ? 0 : Infinity;
  const unit = size < 2 ** -126 ? leastUnit : 2 ** (Math.floor(Math.log2(size)) - 23);
  return Math.abs(actual - exact) / unit;
}

/** The largest distance, and where it is. */
function worst(actual: Float32Array, formula: (x: number) => number, at: Float32Array): { ulps: number; x: number } {
  let largest = { ulps: 0, x: 0 };
  for (const [i, x] of at.entries()) {
    const exact = formula(x);
    if (Number.isNaN(exact) && Number.isNaN(actual[i])) continue;
    const distance = ulps(actual[i], exact);
    if (!(distance <= largest.ulps)) largest = { ulps: distance, x };
  }
  return largest;
}

/**
 * Its series, whose terms cancel below 3 to no more than 10⁻¹², and beyond the continued fraction of its complement.
 */
function errorFunction(x: number): number {
  if (Math.abs(x) > 3) {
    let fraction = Math.abs(x);
    for (let n = 60; n >= 1; n--) fraction = Math.abs(x) + n / 2 / fraction;
    return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction);
  }
  let [power, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    power *= (-x * x) / n;
    sum += power / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** Φ(x): in the tail by the continued fraction of erfc, else by {@link errorFunction}. */
function normalDistribution(x: number): number {
  const a = Math.abs(x) / Math.SQRT2;
  if (a < 2) return 0.5 * (1 + errorFunction(x / Math.SQRT2));
  let fraction = a;
  for (let n = 200; n >= 1; n--) fraction = a + n / 2 / fraction;
  const tail = (0.5 * Math.exp(-a * a)) / Math.sqrt(Math.PI) / fraction;
  return x < 0 ? tail : 1 - tail;
}

const mishOf = (x: number): number => {
  const w = Math.exp(Math.min(x, 300));
  return (x * (w * (w + 2))) / (w * (w + 2) + 2);
};
const mishSlopeOf = (x: number): number => {
  const near = Math.min(x, 300);
  const w = Math.exp(near);
  const n = w * (w + 2);
  return n / (n + 2) + (4 * near * w * (w + 1)) / (n + 2) ** 2;
};
const roundOf = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

type Row = readonly [
  name: string,
  op: (x: Tensor) => Tensor,
  value: (x: number) => number,
  slope?: (x: number) => number,
];

const rows: readonly Row[] = [
  ["abs", abs, Math.abs, Math.sign],
  ["square", square, (x) => x * x, (x) => 2 * x],
  ["reciprocal", reciprocal, (x) => 1 / x],
  ["rsqrt", rsqrt, (x) => 1 / Math.sqrt(x)],
  ["sin", sin, Math.sin, Math.cos],
  ["cos", cos, Math.cos, (x) => -Math.sin(x)],
  ["erf", erf, errorFunction, (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x)],
  ["log1p", log1p, Math.log1p, (x) => 1 / (1 + x)],
  ["expm1", expm1, Math.expm1, Math.exp],
  ["exp", (x) => x.exp(), Math.exp, Math.exp],
  ["log", (x) => x.log(), Math.log, (x) => 1 / x],
  ["sqrt", (x) => x.sqrt(), Math.sqrt],
  ["tanh", tanh, Math.tanh],
  ["sigmoid", sigmoid, logistic],
  ["silu", silu, (x) => x * logistic(x)],
  ["gelu", gelu, (x) => x * normalDistribution(x)],
  ["softplus", softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), logistic],
  ["elu", (x) => elu(x), (x) => (x > 0 ? x : Math.expm1(x))],
  ["hardSwish", hardSwish, (x) => x * (Math.min(Math.max(Math.fround(x + 3), 0), 6) / 6)],
  ["x⁻²", (x) => x.pow(-2), (x) => x ** -2],
  ["1 / √x as a power", (x) => x.pow(-0.5), (x) => x ** -0.5],
  ["x^¾", (x) => x.pow(0.75), (x) => x ** 0.75, (x) => 0.75 * x ** -0.25],
  ["hardSigmoid", hardSigmoid, (x) => Math.min(Math.max(Math.fround(x + 3), 0), 6) / 6],
  ["mish", mish, mishOf],
  ["sign", sign, Math.sign],
  ["floor", floor, Math.floor],
  ["ceil", ceil, Math.ceil],
  ["round", round, roundOf],
];

describe.each(backends)("on %s", (backend) => {
  beforeAll(() => setBackend(backend));

  for (const [name, op, value, slope] of rows)
    test(`${name} is right to two units in the last place, and so is its slope`, () => {
      const within = name === "mish" ? points.filter((x) => x > -80) : points;
      const x = tensor(within, [within.length], { requiresGrad: true });
      const y = op(x);
      expect(worst(y.dataSync(), value, within)).toSatisfy(({ ulps }) => ulps <= 2);
      if (slope === undefined) return;
      y.backward(new Float32Array(within.length).fill(1));
      const slopes = x.grad?.dataSync() ?? new Float32Array();
      expect(worst(slopes, slope, within)).toSatisfy(({ ulps }) => ulps <= 2);
    });

  test("the slope of mish is right to 10⁻⁶ of 1", () => {
    const x = tensor(points, [points.length], { requiresGrad: true });
    mish(x).backward(new Float32Array(points.length).fill(1));
    const worstError = points.reduce((most, v, i) => {
      const exact = v < -200 ? 0 : mishSlopeOf(v);
      return Math.max(most, Math.abs((x.grad?.dataSync()[i] ?? Number.NaN) - exact));
    }, 0);
    expect(worstError).toBeLessThan(1e-6);
  }, 60_000);

  test("sin and cos are right for numbers of any size, also beside others in one vector", () => {
    const far = Float32Array.from(
      { length: 4000 },
      (_, k) => (k % 2 ? -1 : 1) * 1.37 ** (k % 280) * (1 + k / 4000) * 1e-3,
    );
    const hard = [1e5, 100001, 16367173 * 2 ** 72, 3.4028234663852886e38, 1e22, 2 ** 60, 5.9604644775390625e-8].map(
      Math.fround,
    );
    const at = Float32Array.from([...hard, ...far].filter(Number.isFinite));
    const most = onGpu ? 2 : 1;
    expect(worst(sin(tensor(at)).dataSync(), Math.sin, at)).toSatisfy(({ ulps }) => ulps <= most);
    expect(worst(cos(tensor(at)).dataSync(), Math.cos, at)).toSatisfy(({ ulps }) => ulps <= most);
    const mixed = Float32Array.from([0.3, 1e20, -2, 1]);
    expect([...sin(tensor(mixed)).dataSync()].filter((_, k) => k !== 1)).toEqual([
      ...sin(tensor([0.3, -2, 1])).dataSync(),
    ]);
  });

  test("what is not a number, zeros and infinities go through as IEEE 754 has it", () => {
    const ends = tensor([Number.NaN, Infinity, -Infinity, -0, 0]);
    const all = [abs, sign, floor, ceil, round, sin, cos, erf, log1p, expm1, mish, square, reciprocal, rsqrt];
    expect(Object.fromEntries(all.map((op, k) => [k, [...op(ends).dataSync()]]))).toEqual({
      0: [Number.NaN, Infinity, Infinity, 0, 0],
      1: [Number.NaN, 1, -1, -0, 0],
      2: [Number.NaN, Infinity, -Infinity, -0, 0],
      3: [Number.NaN, Infinity, -Infinity, -0, 0],
      4: [Number.NaN, Infinity, -Infinity, -0, 0],
      5: [Number.NaN, Number.NaN, Number.NaN, -0, 0],
      6: [Number.NaN, Number.NaN, Number.NaN, 1, 1],
      7: [Number.NaN, 1, -1, -0, 0],
      8: [Number.NaN, Infinity, Number.NaN, -0, 0],
      9: [Number.NaN, Infinity, -1, -0, 0],
      10: [Number.NaN, Infinity, -0, -0, 0],
      11: [Number.NaN, Infinity, Infinity, 0, 0],
      12: [Number.NaN, 0, -0, -Infinity, Infinity],
      13: [Number.NaN, 0, Number.NaN, -Infinity, Infinity],
    });
    expect([...log1p(tensor([-1, -2])).dataSync()]).toEqual([-Infinity, Number.NaN]);
  });
});
