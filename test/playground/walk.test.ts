import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type WalkInputs, walk } from "../../playground/src/views/step-by-step/walk.js";

/** The formula as the paper has it, in float64, with no help from the library. */
function byHand({ x, dy, weight, bias, eps, momentum, runningMean, runningVar }: WalkInputs) {
  const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const mean = average(x);
  const centred = x.map((value) => value - mean);
  const variance = average(centred.map((value) => value * value));
  const root = Math.sqrt(variance + eps);
  const xHat = centred.map((value) => value / root);
  const dxHat = dy.map((value) => weight * value);
  const meanDxHat = average(dxHat);
  const meanDxHatXHat = average(dxHat.map((value, k) => value * xHat[k]));
  return {
    mean,
    variance,
    root,
    centred,
    xHat,
    y: xHat.map((value) => weight * value + bias),
    runningMean: momentum * runningMean + (1 - momentum) * mean,
    runningVar: momentum * runningVar + (1 - momentum) * variance,
    dWeight: dy.reduce((sum, value, k) => sum + value * xHat[k], 0),
    dBias: dy.reduce((sum, value) => sum + value, 0),
    dxHat,
    meanDxHat,
    meanDxHatXHat,
    dx: dxHat.map((value, k) => (value - meanDxHat - xHat[k] * meanDxHatXHat) / root),
  };
}

const example: WalkInputs = {
  x: [2, 4, 4, 4, 5, 5, 7, 9],
  dy: [1, 0, 0, 0, 0, 0, 0, -1],
  weight: 2,
  bias: 1,
  eps: 0,
  momentum: 0.9,
  runningMean: 0,
  runningVar: 1,
};

const number = fc.integer({ min: -500, max: 500 }).map((value) => value / 10);
const inputs: fc.Arbitrary<WalkInputs> = fc.integer({ min: 4, max: 16 }).chain((size) =>
  fc.record({
    x: fc.array(number, { minLength: size, maxLength: size }),
    dy: fc.array(number, { minLength: size, maxLength: size }),
    weight: number,
    bias: number,
    eps: fc.constantFrom(1e-5, 1e-3, 1),
    momentum: fc.constantFrom(0, 0.5, 0.9, 0.99),
    runningMean: number,
    runningVar: number.map(Math.abs),
  }),
);

describe("a walk through the formula", () => {
  test("has the numbers that a hand would write down", () => {
    const { mean, variance, root, xHat, y, runningMean, runningVar, dWeight, dBias, warnings } = walk(example);
    expect({ mean, variance, root, xHat, y, dWeight, dBias, warnings }).toEqual({
      mean: 5,
      variance: 4,
      root: 2,
      xHat: [-1.5, -0.5, -0.5, -0.5, 0, 0, 1, 2],
      y: [-2, 0, 0, 0, 1, 1, 3, 5],
      dWeight: -3.5,
      dBias: 0,
      warnings: [],
    });
    expect([runningMean, runningVar]).toEqual([Math.fround(0.5), Math.fround(1.3)]);
  });

  test("agrees with the formula in float64, whatever the numbers", () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const walked = walk(given);
        const expected = byHand(given);
        // float32 rounds each number by 6e-8 of its size; what is divided by the root is blown up with it.
        const size = 1 + Math.max(...given.x.map(Math.abs)) / expected.root;
        const scale = {
          ...{ mean: 50, centred: 50, root: 50, runningMean: 50, variance: 2500, runningVar: 2500 },
          ...{ dBias: 800, dxHat: 2500, meanDxHat: 2500 },
          ...{
            xHat: size,
            y: 50 + size * (1 + Math.abs(given.weight)),
            dWeight: size * 800,
            meanDxHatXHat: size * 2500,
          },
          dx: (size * 2500 * (1 + Math.max(...expected.xHat.map(Math.abs)))) / expected.root,
        };
        for (const name of Object.keys(scale) as (keyof typeof scale)[]) {
          const actual = [walked[name]].flat();
          [expected[name]].flat().forEach((one, k) => {
            const what = `${name} ${k}: ${actual[k]} for ${one}`;
            expect(Math.abs(actual[k] - one), what).toBeLessThanOrEqual(1e-6 * scale[name]);
          });
        }
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  test("leaves no gradient along a shift or a scaling of the batch", () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const { dx, xHat, root } = walk({ ...given, eps: 0, x: given.x.map((value, k) => value + 100 * k) });
        const size = (2500 * given.x.length) / root;
        expect(Math.abs(dx.reduce((sum, value) => sum + value, 0))).toBeLessThan(1e-5 * size);
        expect(Math.abs(dx.reduce((sum, value, k) => sum + value * xHat[k], 0))).toBeLessThan(1e-5 * size);
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  test("tells what the library warned of: few samples, and a momentum that PyTorch would mean the other way round", () => {
    const few = { ...example, x: [1, 2, 3, 5], dy: [0, 0, 0, 1], momentum: 0.1 };
    expect(walk(few).warnings).toMatchInlineSnapshot(`
      [
        "BatchNorm(1).momentum: 0.1 gives the old running value less weight than the newest batch. Here momentum weighs the old value: PyTorch's 0.1 is 0.9.",
        "BatchNorm(1).forward(x): batch statistics over 4 samples are noisy (shape 4×1). Use batches of 8 or more, or GroupNorm, which does not depend on the batch.",
      ]
    `);
  });

  test("refuses what the library refuses, in its words", () => {
    expect(() => walk({ ...example, x: [3], dy: [1] })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: BatchNorm(1).forward(x): expected at least 2 values per channel for batch statistics, got 1 (shape 1×1). Use a batch of 2 or more, call eval() first, or normalise with GroupNorm or LayerNorm.]`,
    );
    expect(() => walk({ ...example, x: example.x.map(() => 3) })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(1).forward(x): expected variance in every channel, since eps is 0, got none in channel 0. Set eps to a small positive number such as 1e-5.]`,
    );
    expect(() => walk({ ...example, momentum: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(1).momentum: expected a number from 0 up to, not including, 1, or "cumulative", got 1. It weighs the old running value: pass e.g. 0.99.]`,
    );
    expect(() => walk({ ...example, eps: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(1).eps: expected a finite number of at least 0, got -1. Pass a small one such as 1e-5.]`,
    );
  });
});
