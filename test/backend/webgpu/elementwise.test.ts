import { expect, test } from "vitest";
import type { BinaryOp, UnaryGradientOp, UnaryOp } from "../../../src/backend/backend.js";
import { describeWebgpu } from "../../support/gpu.js";
import { normalValues } from "../../support/seeded.js";

const unaryOps = [
  ...([
    "neg",
    "exp",
    "log",
    "sqrt",
    "relu",
    "leakyRelu",
    "elu",
    "gelu",
    "silu",
    "softplus",
    "hardSwish",
    "sigmoid",
  ] as const),
  ...(["tanh", "abs", "sign", "floor", "ceil", "round", "sin", "cos", "erf", "log1p", "expm1", "mish"] as const),
] satisfies UnaryOp[];

const gradientOps = unaryOps.filter(
  (op): op is UnaryGradientOp => !["neg", "sign", "floor", "ceil", "round"].includes(op),
);

/** Ops whose slope is given what cannot lie below 0. */
const positive = new Set<UnaryOp>(["log", "sqrt", "log1p", "relu", "sigmoid", "exp"]);

const binaryOps = [
  ...(["add", "sub", "mul", "div", "pow", "powBase", "powExponent", "logisticLoss", "logisticSlope", "pass"] as const),
  ...([
    "prelu",
    "preluSlope",
    "timesNegative",
    "minimum",
    "maximum",
    "equal",
    "notEqual",
    "maximumShare",
    "less",
    "lessEqual",
  ] as const),
  "either",
] satisfies BinaryOp[];

/** Pairs of values: all of a few, where the op is defined, and random ones. */
function pairs(op: BinaryOp): [Float32Array, Float32Array] {
  const few = [
    0,
    -0,
    1,
    -1,
    2,
    -2,
    0.5,
    3,
    -3,
    0.3,
    1e20,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ];
  const exponents = normalValues(600, 11, 0, 3);
  const isPower = op.startsWith("pow");
  const all = few.flatMap((a) => few.map((b) => [a, b]));
  const random = Array.from(normalValues(600, 8, 0, 2), (a, i) => [isPower ? Math.exp(a) : a, exponents[i]]);
  // The slopes of pow lie where it is smooth.
  const chosen = op === "powBase" || op === "powExponent" ? random : [...all, ...random];
  return [Float32Array.from(chosen, ([a]) => a), Float32Array.from(chosen, ([, b]) => b)];
}

/** Units of the last place of f32 between a value and the nearest f32 of another. */
function ulps(actual: number, expected: number): number {
  if (Object.is(actual, expected) || (Number.isNaN(actual) && Number.isNaN(expected))) return 0;
  const size = Math.max(Math.abs(expected), 2 ** -126);
  return Math.abs(actual - expected) / 2 ** (Math.floor(Math.log2(size)) - 23);
}

const special = [
  0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-10, -1e-10, 1e-3, 3, -3, 9.5, -20, 88, -88, 100, -104, 1e4, 1e20,
];

describeWebgpu("elementwise", (twins) => {
  test.each(unaryOps)("unary %s", async (op) => {
    const t = twins();
    const values = Float32Array.from([
      ...special,
      ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      ...normalValues(1000, 3, 0, 4),
      ...normalValues(1001, 4, 1, 0.01),
    ]);
    const [x, y] = [t.of(values), t.output(values.length)];
    t.call((backend, block) => backend.unary(op, block(x), block(y), values.length, 0.25));
    const { actual, expected } = await t.results(y);
    for (let i = 0; i < values.length; i++) {
      // Numbers below the smallest normal one may be 0.
      if (Math.abs(actual[i] - expected[i]) <= 2 ** -126) continue;
      expect(ulps(actual[i], expected[i]), `${op}(${values[i]})`).toBeLessThanOrEqual(2);
    }
  });

  test.each(gradientOps)("unaryGradient %s", async (op) => {
    const t = twins();
    const values = Float32Array.from([...special, ...normalValues(1000, 3, 0, 3)], (v) =>
      positive.has(op) ? Math.abs(v) + 1e-3 : v,
    );
    const n = values.length;
    const [dy, saved, dx] = [t.of(normalValues(n, 9)), t.of(values), t.output(n)];
    t.call((backend, block) => backend.unaryGradient(op, block(dy), block(saved), block(dx), n, 0.25));
    const { actual, expected } = await t.results(dx);
    for (let i = 0; i < n; i++) {
      const error = Math.abs(actual[i] - expected[i]) / Math.max(1, Math.abs(expected[i]));
      expect(
        Number.isFinite(error) ? error : Object.is(actual[i], expected[i]) ? 0 : 9,
        `${op}(${values[i]})`,
      ).toBeLessThanOrEqual(2e-6);
    }
  });

  test.each(binaryOps)("binary %s", async (op) => {
    const t = twins();
    const [left, right] = pairs(op);
    const n = left.length;
    const [a, b, flat, repeated] = [t.of(left), t.of(right), t.output(n), t.output(6)];
    t.call((backend, block) => {
      backend.binary(op, block(a), block(b), block(flat), { extents: [n], aStrides: [1], bStrides: [1] });
      backend.binary(op, block(a), block(b), block(repeated), { extents: [2, 3], aStrides: [0, 1], bStrides: [1, 0] });
    });
    for (const y of [flat, repeated]) {
      const { actual, expected } = await t.results(y);
      for (let i = 0; i < actual.length; i++) {
        // Differences of logits lose what their terms have lost.
        const size = op.startsWith("logistic") ? 1 + Math.abs(left[i] * right[i]) : 0;
        if (Math.abs(actual[i] - expected[i]) <= 1e-36 + 3e-7 * size) continue;
        expect(ulps(actual[i], expected[i]), `${op}(${left[i]}, ${right[i]})`).toBeLessThanOrEqual(
          op === "powBase" ? 6 : 4,
        );
      }
    }
  });

  test("writes over its input", async () => {
    const t = twins();
    const [x, y] = [t.of(normalValues(9, 1)), t.of(normalValues(9, 2))];
    t.call((backend, block) => {
      backend.unary("relu", block(x), block(x), 9, 0);
      backend.binary("add", block(x), block(y), block(x), { extents: [9], aStrides: [1], bStrides: [1] });
      backend.binary("sub", block(y), block(x), block(x), { extents: [9], aStrides: [1], bStrides: [1] });
      backend.binary("mul", block(x), block(x), block(x), { extents: [9], aStrides: [1], bStrides: [1] });
      backend.dropout(block(x), block(x), 9, 0.5, 77);
    });
    await t.expectClose(x, 1e-7);
  });

  test("fill, copy, dropout", async () => {
    const t = twins();
    const bits = new Int32Array(new Uint32Array([0x7fc12345, 0xffc00001, 1, 0x80000000, 5, 6]).buffer);
    const [x, turned, filled, dropped] = [t.of(bits), t.output(6), t.output(7), t.output(5000)];
    const [masked, long] = [t.of(bits), t.of(normalValues(5000, 1))];
    t.call((backend, block) => {
      const turn = { extents: [3, 2], xStrides: [1, 3], xOffset: 0, yStrides: [2, 1], yOffset: 0 };
      backend.copy(block(x), block(turned), turn);
      backend.copy(block(x), block(masked), { extents: [], xStrides: [], xOffset: 5, yStrides: [], yOffset: 2 });
      backend.fill(block(filled), 7, -0);
      backend.fill(block(filled), 0, 5);
      backend.dropout(block(long), block(dropped), 5000, 0.3, 0xffffffff);
    });
    // Copies keep the payloads of NaN.
    for (const twin of [turned, masked]) {
      const { actual, expected } = await t.results(twin);
      expect(new Int32Array(actual.buffer)).toEqual(new Int32Array(expected.slice().buffer));
    }
    await t.expectEqual(filled);
    await t.expectClose(dropped, 1e-7);
  });
});
