import {
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  loadModel,
  type Norm,
  noGrad,
  RmsNorm,
  type Shape,
  saveModel,
  scope,
  tensor,
  zeros,
} from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeEachBackend, onGpu } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { expectGradient, input } from "../../support/gradient.js";
import { type Rows, standardizeRows } from "../../support/rows.js";
import { normal, normalValues } from "../../support/seeded.js";

const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** A norm of rows with the shape it is given and the rows that x falls into. */
interface Layer {
  readonly norm: Norm;
  readonly shape: Shape;
  readonly rows: Rows;
}

function group(groups: number, shape: Shape, eps = 1e-5): Layer {
  const [n, c, ...rest] = shape;
  const s = sizeOf(rest);
  const rows = { rows: n * groups, inner: (c / groups) * s, repeat: s, period: c };
  return { norm: new GroupNorm(groups, c, { eps }), shape, rows };
}

function instance(shape: Shape, eps = 1e-5): Layer {
  const [n, c, ...rest] = shape;
  const s = sizeOf(rest);
  return { norm: new InstanceNorm(c, { eps }), shape, rows: { rows: n * c, inner: s, repeat: s, period: c } };
}

/** Rows over the last axes. */
function lastAxes(axes: number, shape: Shape): { normalizedShape: Shape; rows: Rows } {
  const normalizedShape = shape.slice(shape.length - axes);
  const inner = sizeOf(normalizedShape);
  return { normalizedShape, rows: { rows: sizeOf(shape) / inner, inner, repeat: 1, period: inner } };
}

function layer(axes: number, shape: Shape, eps = 1e-5): Layer {
  const { normalizedShape, rows } = lastAxes(axes, shape);
  return { norm: new LayerNorm(normalizedShape, { eps }), shape, rows };
}

function rms(axes: number, shape: Shape, eps = 1e-6): Layer {
  const { normalizedShape, rows } = lastAxes(axes, shape);
  return { norm: new RmsNorm(normalizedShape, { eps }), shape, rows: { ...rows, centred: false } };
}

function rmsOfSamples(shape: Shape, eps = 1e-6): Layer {
  const { rows } = group(1, shape, eps);
  return { norm: new RmsNorm(shape[1], { eps, channelsFirst: true }), shape, rows: { ...rows, centred: false } };
}

/** Rows of a table of tests; each makes its layer anew, on the backend that is then set. */
function cases(list: () => Layer[]): [title: string, make: () => Layer][] {
  return list().map(({ norm, shape }, k) => [`${norm} of ${shape.join("×")}`, () => list()[k]]);
}

/**
 * Output and all gradients, from parameters and a cotangent that are random, beside those of the formulas in float64.
 */
function expectFormula({ norm, shape, rows }: Layer, x: Float32Array, tolerance: number): void {
  scope(() => {
    const weight = normalValues(rows.period, 2);
    const bias = normalValues(rows.period, 3);
    const dy = normalValues(x.length, 4);
    const leaf = { requiresGrad: true };
    norm.weight = tensor(weight, norm.weight?.shape, leaf);
    norm.bias = norm.bias && tensor(bias, norm.bias.shape, leaf);
    const input = tensor(x, shape, leaf);
    const y = norm.forward(input);
    y.backward(dy);
    const expected = standardizeRows(rows, {
      x,
      weight,
      bias: norm.bias === null ? bias.fill(0) : bias,
      dy,
      eps: norm.eps,
    });
    expectClose(y.dataSync(), expected.y, tolerance);
    expectClose(input.grad?.dataSync() ?? [], expected.dx, tolerance);
    expectClose(norm.weight.grad?.dataSync() ?? [], expected.dweight, tolerance);
    if (norm.bias !== null) expectClose(norm.bias.grad?.dataSync() ?? [], expected.dbias, tolerance);
  });
}

/** Odd lengths, primes, tails of every length, one group and as many as channels, more rows than a piece has. */
const layers = (): Layer[] => [
  ...[3, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 31, 32, 33, 35, 63, 127, 2049].map((length) => layer(1, [5, length])),
  layer(1, [3, 4097]),
  layer(1, [4097, 3]),
  layer(1, [701, 50]),
  layer(1, [2, 3, 2, 3, 5]),
  layer(2, [2, 3, 5, 7]),
  layer(3, [2, 3, 5, 7]),
  layer(4, [2, 3, 2, 3, 5]),
  layer(1, [13]),
  group(1, [3, 7, 11]),
  group(7, [3, 7, 11]),
  ...[1, 2, 3, 6].map((groups) => group(groups, [2, 6, 5, 5])),
  ...[1, 2, 4].map((groups) => group(groups, [5, 12])),
  group(17, [3, 4097]),
  group(1, [2, 2, 4097]),
  group(2, [2, 2, 4097]),
  group(13, [2, 13, 17]),
  group(2, [1, 8, 1, 1, 3]),
  group(1, [2, 3, 2, 3, 5]),
  group(4, [300, 12]),
  group(8, [40, 16, 9]),
  instance([3, 2, 3]),
  instance([3, 2, 13, 1]),
  instance([2, 3, 2, 3, 5]),
  instance([1, 1, 4097]),
  instance([150, 31, 7]),
  ...[2, 3, 4, 5, 7, 8, 13, 16, 31, 33, 127, 4097].map((length) => rms(1, [3, length])),
  rms(1, [4097, 3]),
  rms(1, [701, 50]),
  rms(2, [2, 3, 5, 7]),
  rms(1, [2, 3, 2, 3, 5]),
  rmsOfSamples([5, 12]),
  rmsOfSamples([3, 4, 37]),
  rmsOfSamples([2, 3, 5, 7]),
  rmsOfSamples([300, 6, 1, 13]),
];

describeEachBackend("A norm of rows", () => {
  test.each(cases(layers))("%s is the formula in float64", (_, make) => {
    const one = make();
    expectFormula(one, normalValues(sizeOf(one.shape), 1), 3e-6);
  });

  const few = (eps: number): Layer[] => [
    layer(1, [5, 37], eps),
    layer(2, [3, 4, 37], eps),
    group(2, [3, 6, 37], eps),
    group(3, [7, 15], eps),
    instance([3, 4, 37], eps),
  ];

  const fewRms = (eps: number): Layer[] => [rms(1, [5, 37], eps), rmsOfSamples([3, 6, 37], eps)];

  test.each(cases(() => few(1e-5)))("%s loses nothing at mean 10⁴ and deviation 1", (_, make) => {
    const one = make();
    expectFormula(one, normalValues(sizeOf(one.shape), 5, 1e4, 1), 3e-6);
  });

  for (const scale of onGpu ? [1e15, 1e-15] : [1e30, 1e15, 1e-15, 1e-25]) {
    test.each(cases(() => [...few(0), ...fewRms(0)]))(`%s takes values of about ${scale}`, (_, make) => {
      const one = make();
      expectFormula(one, normalValues(sizeOf(one.shape), 6, scale, scale), 3e-6);
    });
  }

  test.each(cases(() => few(1e-3)))("%s gives exactly the bias for constant rows", (_, make) => {
    const one = make();
    for (const value of [0, 0.1, -3.3e7, 1e-20, 123456.789]) {
      const x = new Float32Array(sizeOf(one.shape)).fill(value);
      expectFormula(one, x, 1e-6);
      if (one.norm.bias === null) throw new Error("no bias");
      const bias = one.norm.bias.dataSync();
      const { repeat, period } = one.rows;
      const y = scope(() => one.norm.forward(tensor(x, one.shape)).dataSync());
      expect(y).toEqual(x.map((_v, i) => bias[Math.floor(i / repeat) % period]));
    }
  });

  test.each(cases(() => few(1e-5)))("%s gives a sample the same bits whatever the rest of the batch", (_, make) => {
    const { norm, shape } = make();
    const [n, ...rest] = shape;
    const values = normalValues(sizeOf(shape), 7);
    const size = sizeOf(rest);
    const together = norm.forward(tensor(values, shape)).dataSync();
    for (let sample = 0; sample < n; sample++) {
      const own = values.slice(sample * size, (sample + 1) * size);
      const alone = norm.forward(tensor(own, [1, ...rest])).dataSync();
      expect(alone).toEqual(together.slice(sample * size, (sample + 1) * size));
    }
  });

  test("x̂ does not change under a shift (but with RMS) and a positive scale of a sample, up to eps", () => {
    const generator = fc.record({
      which: fc.integer({ min: 0, max: 6 }),
      shift: fc.integer({ min: -8, max: 8 }),
      power: fc.integer({ min: -3, max: 6 }),
      seed: fc.integer({ min: 0, max: 1e6 }),
    });
    const norms = [...few(1e-10), ...fewRms(1e-10)];
    fc.assert(
      fc.property(generator, ({ which, shift, power, seed }) =>
        scope(() => {
          const { norm, shape, rows } = norms[which];
          // Powers of two and values on a grid, so that the transformed input is exact.
          const values = normalValues(sizeOf(shape), seed).map((v) => Math.round(v * 256) / 256);
          const moved = values.map((v) => (v + (rows.centred === false ? 0 : shift)) * 2 ** power);
          const plain = norm.forward(tensor(values, shape)).dataSync();
          expectClose(norm.forward(tensor(moved, shape)).dataSync(), plain, 1e-5);
        }),
      ),
      { numRuns: 50 },
    );
  });

  test.each(cases(() => few(1e-3)))("gradients of %s match finite differences", (_, make) => {
    const one = make();
    const { norm, shape } = one;
    const small = [2, ...shape.slice(1)];
    const own = norm.weight?.shape ?? [];
    expectGradient(
      (x, weight, bias) => {
        norm.weight = weight;
        norm.bias = bias;
        return norm.forward(x);
      },
      [input(small, 1), input(own, 2), input(own, 3)],
    );
  });

  test.each(cases(() => fewRms(1e-3)))("gradients of %s match finite differences", (_, make) => {
    const { norm, shape } = make();
    expectGradient(
      (x, weight) => {
        norm.weight = weight;
        return norm.forward(x);
      },
      [input([2, ...shape.slice(1)], 1), input(norm.weight?.shape ?? [], 2)],
    );
  });

  test("RMS norm of a single value keeps its sign and does not subtract it", () => {
    for (const x of [tensor([[3]]), tensor([-2]), tensor([[[[5]]]])]) {
      const norm = new RmsNorm(1, { channelsFirst: x.rank === 4 });
      const [value] = x.dataSync();
      expectClose(norm.forward(x).dataSync(), [value / Math.sqrt(value ** 2 + 1e-6)], 1e-6);
    }
  });

  test.skipIf(onGpu)("RMS norm of single values keeps their signs, and its gradient is the formula's", () => {
    expectFormula(rms(1, [7, 1], 1e-6), Float32Array.of(1, -2, 3, -1e-3, 0, 1e15, -1e-20), 3e-6);
    const y = new RmsNorm(1, { eps: 0 }).forward(tensor([[2], [-1e30], [1e-30]])).dataSync();
    expect(y).toEqual(Float32Array.of(1, -1, 1));
  });

  test.skipIf(onGpu)("RMS norm of zeros is 0, also far from the other rows", () => {
    const x = Float32Array.of(0, 0, 0, 1e20, -1e20, 1e20);
    expectFormula(rms(1, [2, 3], 1e-6), x, 3e-6);
    expectFormula(rmsOfSamples([2, 3], 1e-6), x, 3e-6);
  });

  test("a norm without affine parameters trains what is before it", () => {
    for (const norm of [
      new LayerNorm([4, 5], { affine: false }),
      new RmsNorm([4, 5], { affine: false }),
      new RmsNorm(4, { affine: false, channelsFirst: true }),
      new GroupNorm(2, 4, { affine: false }),
      new InstanceNorm(4, { affine: false }),
    ]) {
      expect(norm.parameters()).toEqual([]);
      expectGradient((x) => norm.forward(x), [input([2, 4, 5], 4)]);
    }
  });

  test("a layer norm without bias is one whose bias is 0, as PyTorch's bias=False, and is saved so", () => {
    const x = normal([4, 6], 3);
    const layers = [{}, { bias: false }].map((options) => new LayerNorm(6, options));
    const weight = tensor(normalValues(6, 4));
    for (const one of layers) one.loadStateDict({ weight }, { strict: false });
    expect(Object.keys(layers[1].stateDict())).toEqual(["weight"]);
    const [full, without] = layers.map((one) => {
      const y = one.forward(x);
      y.backward(normalValues(24, 5));
      return [y.dataSync(), one.weight?.grad?.dataSync()];
    });
    expect(without).toEqual(full);
    const { model } = loadModel(saveModel(layers[1]));
    expect([Object.keys(model.stateDict()), model.forward(x).dataSync()]).toEqual([["weight"], full[0]]);
    expect(new LayerNorm(6, { affine: false, bias: true }).parameters()).toEqual([]);
  });

  test("an empty batch gives an empty output and gradients of 0", () => {
    for (const norm of [
      new LayerNorm(5),
      new RmsNorm(5),
      new GroupNorm(2, 4),
      new InstanceNorm(4, { trackRunningStats: true }),
    ]) {
      const x = zeros([0, 4, 5], { requiresGrad: true });
      const y = norm.forward(x);
      expect(y.shape).toEqual([0, 4, 5]);
      y.backward(new Float32Array(0));
      expect(norm.weight?.grad?.dataSync()).toEqual(new Float32Array(norm.weight?.size ?? 0));
    }
    expect(new GroupNorm(2, 4).forward(zeros([3, 4, 0])).shape).toEqual([3, 4, 0]);
  });

  test("evaluation is training, where there are no running statistics", () => {
    for (const norm of [new LayerNorm(5), new RmsNorm(5), new GroupNorm(2, 4), new InstanceNorm(4)]) {
      const x = normal([2, 4, 5], 8);
      expect(norm.train().forward(x).dataSync()).toEqual(norm.eval().forward(x).dataSync());
    }
  });
});

describeEachBackend("InstanceNorm with running statistics", () => {
  test("tracks the averages over samples of their means and variances", () => {
    for (const unbiased of [false, true]) {
      const norm = new InstanceNorm(2, { trackRunningStats: true, momentum: 0.75, warmUp: false, unbiased });
      const values = normalValues(3 * 2 * 5, 1, 2, 3);
      noGrad(() => norm.forward(tensor(values, [3, 2, 5])));
      const [mean, variance] = [
        [0, 0],
        [0, 0],
      ];
      for (let row = 0; row < 6; row++) {
        const own = Array.from(values.subarray(5 * row, 5 * row + 5));
        const m = own.reduce((a, b) => a + b, 0) / 5;
        mean[row % 2] += m / 3;
        variance[row % 2] += own.reduce((a, b) => a + (b - m) ** 2, 0) / (unbiased ? 4 : 5) / 3;
      }
      expectClose(
        norm.runningMean?.dataSync() ?? [],
        mean.map((v) => 0.25 * v),
        1e-6,
      );
      expectClose(
        norm.runningVar?.dataSync() ?? [],
        variance.map((v) => 0.75 + 0.25 * v),
        1e-6,
      );
      expect(norm.stateDict()["num_batches_tracked"].item()).toBe(1);
    }
  });

  test("evaluation is the affine map of the running statistics, of any size of plane", () => {
    const norm = new InstanceNorm(2, { trackRunningStats: true, momentum: 0.5 });
    noGrad(() => norm.forward(normal([4, 2, 5], 2)));
    norm.eval();
    const mean = norm.runningMean?.dataSync() ?? new Float32Array(2);
    const variance = norm.runningVar?.dataSync() ?? new Float32Array(2);
    const x = normalValues(2 * 2, 3);
    const expected = x.map((v, i) => (v - mean[i % 2]) / Math.sqrt(variance[i % 2] + 1e-5));
    expectClose(norm.forward(tensor(x, [2, 2, 1])).dataSync(), expected, 1e-6);
    expect(norm.runningMean?.dataSync()).toEqual(mean);
  });

  test("one sample that is not finite does not poison them", () => {
    const norm = new InstanceNorm(2, { trackRunningStats: true });
    const values = normalValues(3 * 2 * 5, 1);
    values[7] = Number.NaN;
    noGrad(() => norm.forward(tensor(values, [3, 2, 5])));
    expect(norm.runningMean?.dataSync()).toEqual(new Float32Array(2));
    expect(norm.skippedBatches).toBe(1);
  });

  test("freeze survives train(), and gradients then have no terms through the statistics", () => {
    const norm = new InstanceNorm(2, { trackRunningStats: true });
    noGrad(() => norm.forward(normal([4, 2, 5], 4)));
    norm.freeze().train();
    const before = norm.runningMean?.dataSync();
    expectGradient((x) => norm.forward(x), [input([3, 2, 5], 5)]);
    expect(norm.runningMean?.dataSync()).toEqual(before);
    norm.unfreeze().updateRunning = false;
    norm.normalizeWith = "running";
    norm.updateRunning = true;
    noGrad(() => norm.forward(normal([4, 2, 5], 6)));
    expect(norm.runningMean?.dataSync()).not.toEqual(before);
  });
});

describe("Norms of rows refuse", () => {
  const message = (body: () => unknown): string => {
    try {
      body();
      return "nothing was thrown";
    } catch (error) {
      return String(error);
    }
  };

  test("sizes out of range", () => {
    expect([
      message(() => new LayerNorm(0)),
      message(() => new LayerNorm([])),
      message(() => new LayerNorm("5" as never)),
      message(() => new LayerNorm(1)),
      message(() => new LayerNorm(5, { eps: -1 })),
      message(() => new GroupNorm(0, 4)),
      message(() => new GroupNorm(2, 0.5)),
      message(() => new GroupNorm(4, 6)),
      message(() => new GroupNorm(2, 4, { eps: Number.NaN })),
      message(() => new RmsNorm(0)),
      message(() => new RmsNorm([2, 3], { channelsFirst: true })),
      message(() => new RmsNorm(3, { eps: Number.POSITIVE_INFINITY })),
      message(() => new InstanceNorm(-1)),
      message(() => new InstanceNorm(2, { momentum: 1.5 })),
    ]).toMatchInlineSnapshot(`
      [
        "ArgumentError: new LayerNorm(normalizedShape): expected each size to be a whole number of at least 1, got 0. Correct each size.",
        "ArgumentError: new LayerNorm(normalizedShape): expected a size or a list of 1 to 5 sizes, got []. Pass the sizes of the last axes of x.",
        "ArgumentError: new LayerNorm(normalizedShape): expected a size or a list of 1 to 5 sizes, got "5". Pass the sizes of the last axes of x.",
        "ArgumentError: new LayerNorm(normalizedShape): expected at least 2 values to normalise, got 1 (shape 1). Normalise over more axes: of one value only the bias would be left.",
        "ArgumentError: LayerNorm(5).eps: expected a finite number of at least 0, got -1. Pass a small one such as 1e-5.",
        "ArgumentError: new GroupNorm(numGroups, numChannels): expected numGroups to be a whole number of at least 1, got 0. Correct numGroups.",
        "ArgumentError: new GroupNorm(numGroups, numChannels): expected numChannels to be a whole number of at least 1, got 0.5. Correct numChannels.",
        "ArgumentError: new GroupNorm(numGroups, numChannels): expected numChannels to be a multiple of numGroups, got 6 channels for 4 groups. Pass a number of groups that divides the channels.",
        "ArgumentError: GroupNorm(2, 4).eps: expected a finite number of at least 0, got NaN. Pass a small one such as 1e-5.",
        "ArgumentError: new RmsNorm(normalizedShape): expected each size to be a whole number of at least 1, got 0. Correct each size.",
        "ArgumentError: new RmsNorm(normalizedShape): expected the number of channels, since channelsFirst is true, got 2×3. Pass the size of axis 1 alone.",
        "ArgumentError: RmsNorm(3).eps: expected a finite number of at least 0, got Infinity. Pass a small one such as 1e-5.",
        "ArgumentError: new InstanceNorm(numFeatures): expected numFeatures to be a whole number of at least 1, got -1. Correct numFeatures.",
        "ArgumentError: InstanceNorm(2).momentum: expected a number from 0 up to, not including, 1, or "cumulative", got 1.5. It weighs the old running value: pass e.g. 0.99.",
      ]
    `);
  });

  test("inputs that do not fit", () => {
    expect([
      message(() => new LayerNorm([4, 5]).forward(zeros([2, 5]))),
      message(() => new LayerNorm([4, 5]).forward(zeros([5]))),
      message(() => new GroupNorm(2, 4).forward(zeros([2, 5, 3]))),
      message(() => new GroupNorm(2, 4).forward(zeros([4]))),
      message(() => new GroupNorm(4, 4).forward(zeros([2, 4]))),
      message(() => new RmsNorm([4, 5]).forward(zeros([4, 6]))),
      message(() => new RmsNorm(3, { channelsFirst: true }).forward(zeros([4, 2, 3]))),
      message(() => new InstanceNorm(3).forward(zeros([2, 3]))),
      message(() => new InstanceNorm(3, { trackRunningStats: true }).forward(zeros([2, 3, 1, 1]))),
      message(() => new InstanceNorm(3).freeze()),
    ]).toMatchInlineSnapshot(`
      [
        "ShapeError: LayerNorm(4×5).forward(x): expected last axes of 4×5, got 2×5. Build the layer with the sizes of the last axes of x, or reshape x.",
        "ShapeError: LayerNorm(4×5).forward(x): expected last axes of 4×5, got 5. Build the layer with the sizes of the last axes of x, or reshape x.",
        "ShapeError: GroupNorm(2, 4).forward(x): expected 4 channels in axis 1, got 5 (shape 2×5×3). Build the layer with 5 channels, or reshape x.",
        "ShapeError: GroupNorm(2, 4).forward(x): expected rank 2 to 5: (N, C, …), got rank 1 (shape 4). Reshape x so that channels are axis 1.",
        "ShapeError: GroupNorm(4, 4).forward(x): expected at least 2 values per group, got 1 (shape 2×4). Build the layer with fewer groups.",
        "ShapeError: RmsNorm(4×5).forward(x): expected last axes of 4×5, got 4×6. Build the layer with the sizes of the last axes of x, or reshape x.",
        "ShapeError: RmsNorm(3).forward(x): expected 3 channels in axis 1, got 2 (shape 4×2×3). Bring channels to the front: x.transpose([0, 2, 1]).",
        "ShapeError: InstanceNorm(3).forward(x): expected at least 2 positions per channel, got 1 (shape 2×3). Use larger images or signals, or normalise with LayerNorm or GroupNorm.",
        "ShapeError: InstanceNorm(3).forward(x): expected at least 2 positions per channel, got 1 (shape 2×3×1×1). Use larger images or signals, or normalise with LayerNorm or GroupNorm.",
        "ArgumentError: InstanceNorm(3).freeze(): expected a layer with running statistics, got one built with trackRunningStats: false. Build the layer with trackRunningStats: true.",
      ]
    `);
  });

  test("rows without variance at eps 0", () => {
    const x = tensor([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [5, 5],
      ],
    ]);
    const still = zeros([1, 2, 2]);
    expect([
      message(() => new LayerNorm(2, { eps: 0 }).forward(x)),
      message(() => new GroupNorm(2, 2, { eps: 0 }).forward(x)),
      message(() => new GroupNorm(1, 2, { eps: 0 }).forward(still)),
      message(() => new InstanceNorm(2, { eps: 0 }).forward(x)),
      message(() => new RmsNorm(2, { eps: 0 }).forward(still)),
    ]).toMatchInlineSnapshot(`
      [
        "ArgumentError: LayerNorm(2).forward(x): expected variance in every row, since eps is 0, got none in row 3. Set eps to a small positive number such as 1e-5.",
        "ArgumentError: GroupNorm(2, 2).forward(x): expected variance in every group of every sample, since eps is 0, got none in group 1 of sample 1. Set eps to a small positive number such as 1e-5.",
        "ArgumentError: GroupNorm(1, 2).forward(x): expected variance in every group of every sample, since eps is 0, got none in group 0 of sample 0. Set eps to a small positive number such as 1e-5.",
        "ArgumentError: InstanceNorm(2).forward(x): expected variance in every channel of every sample, since eps is 0, got none in channel 1 of sample 1. Set eps to a small positive number such as 1e-5.",
        "ArgumentError: RmsNorm(2).forward(x): expected a value other than 0 in every row, since eps is 0, got none in row 0. Set eps to a small positive number such as 1e-6.",
      ]
    `);
  });
});
