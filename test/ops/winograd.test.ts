import { conv2d, scope, setBackend, tensor, threads } from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { relativeError } from "../support/close.js";
import { expectGradient, input } from "../support/gradient.js";
import { normalValues } from "../support/seeded.js";

interface Case {
  readonly x: readonly [batch: number, channels: number, height: number, width: number];
  readonly results: number;
  readonly padding: number | [number, number];
  readonly groups?: number;
}

/** Values of x, the weight, dy and the bias, and the options of a case. */
interface Values {
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly dy: Float32Array;
  readonly bias: Float32Array;
}

function outSize({ x: [, , height, width], padding }: Case): [number, number] {
  const [rows, columns] = typeof padding === "number" ? [padding, padding] : padding;
  return [height + 2 * rows - 2, width + 2 * columns - 2];
}

/** Normal deviates; weights are scaled so that results are, too. */
function normalCase(geometry: Case, seed = 1): Values {
  const { x, results, groups = 1 } = geometry;
  const [batch, channels, height, width] = x;
  const [rows, columns] = outSize(geometry);
  const depth = 9 * (channels / groups);
  return {
    x: normalValues(batch * channels * height * width, seed),
    weight: normalValues(results * depth, seed + 1, 0, 1 / Math.sqrt(depth)),
    dy: normalValues(batch * results * rows * columns, seed + 3),
    bias: normalValues(results, seed + 2),
  };
}

/** Results, dx and dweight of a 3 × 3 convolution with a bias. */
function run(geometry: Case, values = normalCase(geometry)): Float32Array[] {
  const { x: xShape, results, padding, groups = 1 } = geometry;
  return scope(() => {
    const x = tensor(values.x, [...xShape], { requiresGrad: true });
    const weight = tensor(values.weight, [results, xShape[1] / groups, 3, 3], { requiresGrad: true });
    const y = conv2d(x, weight, tensor(values.bias), { padding, groups });
    y.backward(values.dy);
    return [y, x.grad, weight.grad].map((t) => t?.dataSync() ?? new Float32Array(0));
  });
}

function runOn(backend: "cpu" | "wasm", geometry: Case, values: Values): Float32Array[] {
  setBackend(backend);
  return run(geometry, values);
}

/**
 * The same convolution by plain float32 sums: with zeros around x that Winograd's kernels do not take, whose results
 * are cut off and get no gradient.
 */
function runPlainly(geometry: Case, values: Values): Float32Array[] {
  const { x, padding, results } = geometry;
  const more = typeof padding === "number" ? 3 - padding : 0;
  const [rows, columns] = outSize(geometry);
  const wide = { ...geometry, padding: 3 };
  const [wideRows, wideColumns] = outSize(wide);
  const places = Array.from({ length: x[0] * results * rows * columns }, (_, i) => {
    const plane = Math.floor(i / (rows * columns));
    const row = Math.floor(i / columns) % rows;
    return (plane * wideRows + row + more) * wideColumns + (i % columns) + more;
  });
  const dy = new Float32Array(x[0] * results * wideRows * wideColumns);
  places.forEach((place, i) => {
    dy[place] = values.dy[i];
  });
  const [y, dx, dweight] = runOn("wasm", wide, { ...values, dy });
  return [Float32Array.from(places, (place) => y[place]), dx, dweight];
}

/**
 * What errors are measured by: Σ |products| of each result and gradient, bias left out. Of weights the largest of a
 * kernel's nine stands for all, unless it is about them: errors of Winograd's method are relative to it.
 */
function magnitudes(geometry: Case, values: Values, isOfWeights: boolean): Float32Array[] {
  const largest = (at: number): number => Math.max(...values.weight.subarray(at, at + 9).map(Math.abs));
  return runOn("cpu", geometry, {
    x: values.x.map(Math.abs),
    weight: values.weight.map((v, i) => (isOfWeights ? Math.abs(v) : largest(i - (i % 9)))),
    dy: values.dy.map(Math.abs),
    bias: values.bias.map(() => 0),
  });
}

/** The largest error of finite values in units of 2⁻²⁴ · Σ |products|, infinite where only one of two is finite. */
function worstError(actual: Float32Array, exact: Float32Array, magnitude: Float32Array): number {
  let worst = 0;
  actual.forEach((value, i) => {
    if (Object.is(value, exact[i]) || value === exact[i]) return;
    const error = (Math.abs(value - exact[i]) / magnitude[i]) * 2 ** 24;
    worst = Math.max(worst, Number.isFinite(value) && Number.isFinite(exact[i]) ? error : Number.POSITIVE_INFINITY);
  });
  return worst;
}

function rmsError(actual: Float32Array, exact: Float32Array): number {
  return Math.sqrt(actual.reduce((sum, value, i) => sum + (value - exact[i]) ** 2, 0));
}

const cases: Case[] = [
  { x: [1, 8, 3, 3], results: 8, padding: 1 },
  { x: [2, 8, 4, 4], results: 9, padding: 1 },
  { x: [3, 9, 5, 7], results: 8, padding: 0 },
  { x: [5, 11, 6, 5], results: 13, padding: 2 },
  { x: [9, 13, 14, 14], results: 17, padding: 1 },
  { x: [2, 16, 31, 9], results: 8, padding: [0, 2] },
  { x: [1, 13, 70, 66], results: 14, padding: 1 },
  { x: [2, 300, 5, 4], results: 8, padding: 1 },
  { x: [3, 34, 6, 7], results: 36, padding: 1, groups: 2 },
  { x: [3, 24, 5, 9], results: 30, padding: 0, groups: 3 },
  { x: [3, 24, 13, 14], results: 42, padding: 0, groups: 2 },
  // More zeros than its input's gradient can leave out: these are done directly.
  { x: [4, 16, 8, 8], results: 16, padding: 3 },
  { x: [2, 16, 7, 6], results: 16, padding: [1, 4] },
];

/** Those of few channels, whose columns alone are transformed. */
const columnCases: Case[] = [
  { x: [9, 3, 32, 32], results: 16, padding: 1 },
  { x: [2, 12, 14, 14], results: 8, padding: 1 },
  { x: [3, 2, 7, 5], results: 3, padding: 1 },
  { x: [2, 4, 9, 10], results: 5, padding: 0 },
  { x: [2, 3, 6, 3], results: 7, padding: [1, 2] },
  { x: [2, 5, 10, 3], results: 2, padding: [2, 0] },
  { x: [2, 4, 8, 1], results: 3, padding: [1, 2] },
  { x: [1, 3, 40, 333], results: 9, padding: 1 },
  { x: [2, 170, 12, 13], results: 3, padding: 1 },
  { x: [3, 20, 13, 15], results: 18, padding: 1, groups: 2 },
];

describe("3 × 3 convolutions by Winograd's method", () => {
  test.each([...cases, ...columnCases])("are those of plain sums in float64: %o", (geometry) => {
    setBackend("cpu");
    const plain = run(geometry);
    setBackend("wasm");
    run(geometry).forEach((values, k) => {
      expect(values.length).toBe(plain[k].length);
      expect(relativeError(values, plain[k])).toBeLessThan(5e-6);
    });
  });

  test("have the gradients that finite differences have", () => {
    setBackend("wasm");
    for (const channels of [8, 3]) {
      const sizes = [input([2, channels, 7, 6], 1), input([9, channels, 3, 3], 2), input([9], 3)];
      expectGradient((x, weight, bias) => conv2d(x, weight, bias, { padding: 1 }), sizes);
    }
  });

  test.each([
    [8, 10, 11],
    [3, 14, 13],
  ])("give a sample the same bits in any batch: %i×%i×%i", (channels, height, width) => {
    setBackend("wasm");
    const size = channels * height * width;
    const values = normalValues(7 * size, 1);
    const weight = tensor(normalValues(8 * channels * 9, 2), [8, channels, 3, 3]);
    const bitsOf = (x: Float32Array, batch: number): Buffer => {
      const y = conv2d(tensor(x, [batch, channels, height, width]), weight, null, { padding: 1 });
      return Buffer.from(y.dataSync().buffer);
    };
    const together = bitsOf(values, 7);
    for (let k = 0; k < 7; k++) {
      const alone = bitsOf(values.slice(k * size, (k + 1) * size), 1);
      expect(alone.equals(together.subarray(k * alone.length, (k + 1) * alone.length))).toBe(true);
    }
  });

  test("give the same bits on any number of threads, also of one image", async () => {
    setBackend("wasm");
    for (const x of [
      [1, 16, 45, 39],
      [20, 16, 14, 14],
      [20, 12, 14, 14],
      [1, 3, 150, 120],
    ] as const) {
      const bits: string[] = [];
      for (const count of [1, 2, 3]) {
        await threads(count);
        const values = run({ x, results: 20, padding: 1 });
        bits.push(values.map((one) => Buffer.from(one.buffer).toString("base64")).join());
      }
      expect(bits[1] === bits[0] && bits[2] === bits[0]).toBe(true);
    }
    await threads(1);
  });

  test.each<Case>([
    { x: [1, 64, 16, 16], results: 64, padding: 1 },
    { x: [2, 64, 7, 7], results: 32, padding: 1 },
    { x: [1, 128, 8, 8], results: 64, padding: 1 },
    { x: [1, 300, 6, 9], results: 16, padding: 0 },
    { x: [2, 16, 14, 14], results: 24, padding: 1 },
    { x: [2, 32, 12, 10], results: 32, padding: 2, groups: 2 },
    { x: [2, 3, 24, 21], results: 16, padding: 1 },
    { x: [2, 64, 14, 15], results: 4, padding: 1 },
  ])("have at most twice the error of plain float32 sums: %o", (geometry) => {
    for (const isRelu of [false, true]) {
      const normal = normalCase(geometry, 5);
      const values = isRelu ? { ...normal, x: normal.x.map((v) => Math.max(0, v)) } : normal;
      const exact = runOn("cpu", geometry, values);
      const plain = runPlainly(geometry, values);
      runOn("wasm", geometry, values).forEach((one, k) => {
        // Sums for the weight run over one plane at a time, then in float64: those of small planes are very exact.
        const limit = k === 2 && geometry.x[2] * geometry.x[3] < 100 ? 2.8 : 2;
        expect(rmsError(one, exact[k])).toBeLessThan(limit * rmsError(plain[k], exact[k]));
      });
    }
  });

  const masks: [name: string, isTap: (tap: number) => boolean][] = [
    ["a cross", (tap) => tap % 2 === 1 || tap === 4],
    ["the rows above and what is left", (tap) => tap < 4],
    ["a row", (tap) => tap >= 3 && tap < 6],
    ["one place", (tap) => tap === 4],
  ];

  test.each(masks)("have the error of plain sums where kernels are pruned to %s", (_, isTap) => {
    for (const [channels, results, share, groups = 1] of [
      [64, 32, 1],
      [64, 32, 0.5],
      [64, 32, 0.125],
      [16, 24, 1],
      [16, 24, 0.125],
      [3, 16, 1],
      [3, 16, 0.125],
      [32, 32, 1, 2],
      [32, 34, 0.125, 2],
      [20, 16, 1, 2],
    ]) {
      const geometry: Case = { x: [2, channels, 14, 13], results, padding: 1, groups };
      const whole = normalCase(geometry, 8);
      const size = (9 * channels) / groups;
      const weight = whole.weight.map((v, i) => (i >= share * results * size || isTap(i % 9) ? v : 0));
      const values = { ...whole, weight };
      const exact = runOn("cpu", geometry, values);
      const plain = runPlainly(geometry, values);
      const limit = share < 0.5 ? 2 : 1.1;
      runOn("wasm", geometry, values)
        .slice(0, share < 1 ? 1 : 2)
        .forEach((one, k) => {
          expect(rmsError(one, exact[k])).toBeLessThan(limit * rmsError(plain[k], exact[k]));
        });
    }
  });

  const shapes = fc.record({
    channels: fc.constantFrom(2, 3, 5, 8, 16, 17),
    results: fc.constantFrom(3, 8, 16, 19),
    height: fc.integer({ min: 3, max: 12 }),
    width: fc.integer({ min: 3, max: 12 }),
    padding: fc.integer({ min: 0, max: 2 }),
    seed: fc.nat(1000),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  });
  type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never;
  const caseOf = ({ channels, results, height, width, padding }: Shape): Case => ({
    x: [2, channels, Math.max(height, 5 - 2 * padding), Math.max(width, 5 - 2 * padding)],
    results,
    padding,
  });

  /** Puts a value at a place of x, dy or the weight, of normal deviates or of zeros. */
  function withOne(shape: Shape, where: "x" | "dy" | "weight", value: number, amongZeros = false): Values {
    const values = normalCase(caseOf(shape), shape.seed);
    const one = values[where].map((v) => (amongZeros ? 0 : v));
    one[Math.floor(shape.at * one.length)] = value;
    return { ...values, bias: values.bias.map(() => 0), [where]: one };
  }

  test("are not spoiled by values that they do not read, however large", () => {
    const sizes = fc.integer({ min: 1, max: 35 }).map((exponent) => 10 ** exponent);
    fc.assert(
      fc.property(
        shapes,
        fc.constantFrom("x", "dy", "weight"),
        sizes,
        fc.boolean(),
        (shape, where, size, amongZeros) => {
          const values = withOne(shape, where, size, amongZeros);
          const geometry = caseOf(shape);
          const exact = runOn("cpu", geometry, values);
          const magnitude = magnitudes(geometry, values, where === "weight");
          runOn("wasm", geometry, values).forEach((one, k) => {
            const error = worstError(one, exact[k], magnitude[k]);
            expect(error).toBeLessThan(100);
          });
        },
      ),
      { numRuns: 120 },
    );
  });

  test("stay finite where plain sums do", () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: -30, max: 37 }), (shape, exponent) => {
        const geometry = caseOf(shape);
        const values = normalCase(geometry, shape.seed);
        const scaled = {
          x: values.x.map((v) => v * 10 ** exponent),
          weight: values.weight.map((v) => v * 10 ** (-exponent / 2)),
          dy: values.dy.map((v) => v * 10 ** (-exponent / 2)),
          bias: values.bias.map(() => 0),
        };
        const exact = runOn("cpu", geometry, scaled);
        runOn("wasm", geometry, scaled).forEach((one, k) => {
          expect(relativeError(one, exact[k])).toBeLessThan(1e-5);
        });
      }),
      { numRuns: 80 },
    );
  });

  test.each([NaN, Infinity])("pass %d on to what reads it, and to nothing else", (value) => {
    fc.assert(
      fc.property(shapes, fc.constantFrom("x", "dy", "weight"), (shape, where) => {
        const values = withOne(shape, where, value);
        const exact = runOn("cpu", caseOf(shape), values);
        // With fewer channels the weight's gradient is summed plainly, where NaN times padding is NaN.
        const isWhole = Math.min(shape.channels, shape.results) >= 8;
        const all = runOn("wasm", caseOf(shape), values);
        all.slice(0, isWhole ? 3 : 2).forEach((one, k) => {
          const marks = (array: Float32Array) => array.map((v) => (Number.isFinite(v) ? 0 : v));
          expect(marks(one)).toEqual(marks(exact[k]));
        });
      }),
      { numRuns: 60 },
    );
  });

  test.each([false, true])(
    "give the same bits in any batch and on any number of threads where tiles are summed plainly",
    async (isPruned) => {
      setBackend("wasm");
      for (const [channels, height, width] of [
        [16, 13, 14],
        [40, 13, 14],
        [3, 14, 13],
      ]) {
        const geometry: Case = { x: [6, channels, height, width], results: 11, padding: 1 };
        const values = normalCase(geometry);
        const size = channels * height * width;
        for (let image = 0; image < 6; image++) values.x[image * size + 37 * image] = 10 ** (3 + image);
        values.weight[9 * channels * 3 + 4] = 1e9;
        if (isPruned) for (let i = 0; i < values.weight.length; i += 9) values.weight[i] = 0;
        const bits: string[] = [];
        for (const count of [1, 2, 3]) {
          await threads(count);
          bits.push(
            run(geometry, values)
              .map((one) => Buffer.from(one.buffer).toString("base64"))
              .join(),
          );
        }
        expect(bits[1] === bits[0] && bits[2] === bits[0]).toBe(true);
        const [together] = run(geometry, values);
        const resultSize = together.length / 6;
        for (let image = 0; image < 6; image++) {
          const x = values.x.slice(image * size, (image + 1) * size);
          const dy = values.dy.slice(image * resultSize, (image + 1) * resultSize);
          const [alone] = run({ ...geometry, x: [1, channels, height, width] }, { ...values, x, dy });
          const part = together.slice(image * resultSize, (image + 1) * resultSize);
          expect(Buffer.from(alone.buffer).equals(Buffer.from(part.buffer))).toBe(true);
        }
      }
      await threads(1);
    },
  );
});
