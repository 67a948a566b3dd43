import {
  ArgumentError,
  BatchNorm,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  type Module,
  type NormForwardOptions,
  noGrad,
  onWarning,
  RmsNorm,
  type Tensor,
  tensor,
  zeros,
} from "evenkeel";
import { beforeEach, describe, expect, test } from "vitest";
import { describeEachBackend, onGpu } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { normalValues } from "../../support/seeded.js";

// Values at which float32 would overflow, underflow or cancel on the way to results that it holds, for every way in
// which a kernel walks.

/** A layout: its shape, the layer, how many values share a mean, and which mean and which parameter each value has. */
interface Layout {
  readonly shape: readonly number[];
  readonly layer: (eps: number) => Module & {
    weight: { shape: readonly number[] } | null;
    forward(x: Tensor, options?: NormForwardOptions): Tensor;
  };
  readonly meanOf: (i: number) => number;
  readonly parameterOf: (i: number) => number;
  readonly centred?: boolean;
}

const layouts: Record<string, Layout> = {
  "columns of batch norm": {
    shape: [96, 5],
    layer: (eps) => new BatchNorm(5, { eps }),
    meanOf: (i) => i % 5,
    parameterOf: (i) => i % 5,
  },
  "planes of batch norm": {
    shape: [8, 3, 7, 5],
    layer: (eps) => new BatchNorm(3, { eps }),
    meanOf: (i) => Math.floor(i / 35) % 3,
    parameterOf: (i) => Math.floor(i / 35) % 3,
  },
  "planes of instance norm": {
    shape: [3, 2, 9, 5],
    layer: (eps) => new InstanceNorm(2, { eps, affine: true }),
    meanOf: (i) => Math.floor(i / 45),
    parameterOf: (i) => Math.floor(i / 45) % 2,
  },
  "groups of group norm": {
    shape: [3, 4, 5, 5],
    layer: (eps) => new GroupNorm(2, 4, { eps }),
    meanOf: (i) => Math.floor(i / 50),
    parameterOf: (i) => Math.floor(i / 25) % 4,
  },
  "rows of layer norm": {
    shape: [6, 45],
    layer: (eps) => new LayerNorm(45, { eps }),
    meanOf: (i) => Math.floor(i / 45),
    parameterOf: (i) => i % 45,
  },
  "rows of RMS norm": {
    shape: [6, 45],
    layer: (eps) => new RmsNorm(45, { eps }),
    meanOf: (i) => Math.floor(i / 45),
    parameterOf: (i) => i % 45,
    centred: false,
  },
};

/** Sums of values by the index that each has. */
function sumsBy(indexOf: (i: number) => number, length: number, value: (i: number) => number): number[] {
  const sums: number[] = [];
  for (let i = 0; i < length; i++) sums[indexOf(i)] = (sums[indexOf(i)] ?? 0) + value(i);
  return sums;
}

/** The formulas, in float64: y, dx and dweight of a norm with one weight everywhere, no bias and eps 0. */
function oracle({ meanOf, parameterOf, centred = true }: Layout, x: Float32Array, dy: Float32Array, weight: number) {
  const n = x.length;
  const counts = sumsBy(meanOf, n, () => 1);
  const means = sumsBy(meanOf, n, (i) => (centred ? x[i] : 0)).map((sum, k) => sum / counts[k]);
  const squares = sumsBy(meanOf, n, (i) => (x[i] - means[meanOf(i)]) ** 2);
  const roots = squares.map((sum, k) => 1 / Math.sqrt(sum / counts[k]));
  const xHat = Array.from(x, (v, i) => (v - means[meanOf(i)]) * roots[meanOf(i)]);
  const sums = sumsBy(meanOf, n, (i) => weight * dy[i]);
  const products = sumsBy(meanOf, n, (i) => weight * dy[i] * xHat[i]);
  const dx = xHat.map((v, i) => {
    const k = meanOf(i);
    return roots[k] * (weight * dy[i] - (centred ? sums[k] / counts[k] : 0) - (v * products[k]) / counts[k]);
  });
  return { y: xHat.map((v) => weight * v), dx, dweight: sumsBy(parameterOf, n, (i) => dy[i] * xHat[i]) };
}

/**
 * Values of x, of dy and of the weight, in powers of ten; and whether dy has the signs of x, so that no sums of
 * products are ∞ − ∞.
 */
const scales: Record<string, readonly [number, number, number, "aligned"?]> = {
  "products with the gradient overflow": [10, 30, 0],
  "products with the gradient overflow to one side": [10, 30, 0, "aligned"],
  "products with the gradient underflow": [-10, -32, 0],
  "products with the gradient underflow to denormal numbers": [-10, -30, 0],
  "squares of values overflow": [25, 0, 0],
  "squares of values underflow": [-25, 0, 0],
  "the slope of the map underflows": [20, 20, -25],
  "the slope of the map overflows": [-20, -20, 25],
  "the slope of the gradient overflows": [-15, 10, 0],
  "the slope of the gradient underflows": [15, -10, 0],
};

/** Whether what a GPU cannot square is an error or not finite: never wrong and finite. */
function isRefused(forward: () => Tensor): boolean {
  try {
    return forward()
      .dataSync()
      .every((value) => !Number.isFinite(value));
  } catch (error) {
    return error instanceof ArgumentError;
  }
}

describe.each(Object.entries(layouts))("%s", (_, layout) => {
  describeEachBackend("are normalised by the formula", () => {
    beforeEach(() => {
      onWarning(() => {});
    });

    test.each(Object.entries(scales))("where %s", (_name, [ofX, ofDy, ofWeight, signs]) => {
      const size = layout.shape.reduce((product, extent) => product * extent, 1);
      const scaled = (power: number, seed: number): Float32Array =>
        normalValues(size, seed).map((value) => value * 10 ** power);
      const x = scaled(ofX, 1);
      const free = scaled(ofDy, 2);
      const dy = signs === undefined ? free : free.map((v, i) => Math.abs(v) * Math.sign(x[i]));
      const weight = Math.fround(10 ** ofWeight);
      const layer = layout.layer(0);
      const state = layer.stateDict();
      layer.loadStateDict({ ...state, weight: tensor(new Float32Array(state["weight"].size).fill(weight)) });
      const input = tensor(x, layout.shape, { requiresGrad: true });
      if (onGpu && Math.abs(ofX) >= 20) {
        expect(isRefused(() => layer.forward(input))).toBe(true);
        return;
      }
      const y = layer.forward(input);
      y.backward(dy);
      const expected = oracle(layout, x, dy, weight);
      expectClose(y.dataSync(), expected.y, 2e-6);
      expectClose(input.grad?.dataSync() ?? [], expected.dx, 1e-5);
      const dweight = layer.parameters()[0].grad;
      expectClose(dweight?.dataSync() ?? [], expected.dweight, 1e-5);
    });

    test("with a rectifier behind, without −0, as by relu() alone", () => {
      const size = layout.shape.reduce((product, extent) => product * extent, 1);
      const layer = layout.layer(1);
      const { weight, bias, ...rest } = layer.stateDict();
      const filled = (count: number, value: number) => tensor(new Float32Array(count).fill(value));
      layer.loadStateDict({
        ...rest,
        weight: filled(weight.size, -1),
        ...(bias === undefined ? {} : { bias: filled(bias.size, -0) }),
      });
      const y = layer.forward(zeros(layout.shape), { activation: "relu" }).dataSync();
      expect([...new Int32Array(y.buffer)]).toEqual(new Array(size).fill(0));
    });

    test("also where all values but the first are alike, and lie far from it", () => {
      const size = layout.shape.reduce((product, extent) => product * extent, 1);
      const seen = new Set<number>();
      const x = Float32Array.from({ length: size }, (_v, i) => {
        const k = layout.meanOf(i);
        if (seen.has(k)) return 0.3 + k / 7;
        seen.add(k);
        return 12345.678;
      });
      const dy = normalValues(size, 3);
      const y = noGrad(() => layout.layer(0).forward(tensor(x, layout.shape)));
      expectClose(y.dataSync(), oracle(layout, x, dy, 1).y, onGpu ? 1e-6 : 2e-7);
    });
  });
});

describeEachBackend("Running statistics", () => {
  beforeEach(() => {
    onWarning(() => {});
  });

  test.each([
    // On a GPU to 10⁻⁶ of a deviation, which is a hundred times the mean.
    ["columns", [65_536, 1], onGpu ? 5e-5 : 1e-7],
    // Sums of 256 equal values in float32.
    ["planes", [16, 1, 64, 64], 1e-5],
  ] as const)("of %s are exact where the first value lies far from all others", (_, shape, tolerance) => {
    const x = new Float32Array(65_536).fill(0.3);
    x[0] = 12345.678;
    const norm = new BatchNorm(1, { momentum: 0 });
    noGrad(() => norm.forward(tensor(x, shape)));
    const mean = x.reduce((sum, v) => sum + v / x.length, 0);
    const variance = x.reduce((sum, v) => sum + (v - mean) ** 2 / x.length, 0);
    expectClose(norm.runningMean?.dataSync() ?? [], [mean], tolerance);
    expectClose(norm.runningVar?.dataSync() ?? [], [variance], tolerance);
  });

  test("skip a batch whose variance float64 holds and float32 does not", () => {
    const norm = new BatchNorm(2, { momentum: 0 });
    const values = normalValues(64, 1).map((v, i) => (i % 2 === 0 ? v : v * 1e25));
    noGrad(() => norm.forward(tensor(values, [32, 2])));
    expect(norm.skippedBatches).toBe(1);
    expect(norm.runningMean?.dataSync()).toEqual(new Float32Array(2));
    expect(norm.runningVar?.dataSync()).toEqual(Float32Array.of(1, 1));
  });

  test("of instance norm average the samples that have values, and no others", () => {
    const norm = new InstanceNorm(1, { trackRunningStats: true, momentum: 0, unbiased: true });
    const mask = tensor([1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1], [3, 1, 4]);
    noGrad(() => norm.forward(tensor([1, 3, 1, 3, 9, 9, 9, 9, 2, 6, 2, 6], [3, 1, 4]), { mask }));
    expect(norm.runningMean?.dataSync()).toEqual(Float32Array.of(3));
    expect(norm.runningVar?.dataSync()).toEqual(Float32Array.of(10 / 3));
  });
});
