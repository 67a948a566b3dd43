import { BatchNorm, memoryInUse, noGrad, onWarning, Sgd, type Shape, scope, tensor } from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { expectGradient, input } from "../../support/gradient.js";
import { normal, normalValues } from "../../support/seeded.js";

/** Count, mean and biased variance of each channel of (N, C, S), in float64. */
function channelStatistics(
  values: Float32Array,
  n: number,
  c: number,
  s: number,
): { mean: number[]; variance: number[] } {
  const mean: number[] = [];
  const variance: number[] = [];
  for (let channel = 0; channel < c; channel++) {
    const own: number[] = [];
    for (let i = 0; i < n; i++) for (let j = 0; j < s; j++) own.push(values[(i * c + channel) * s + j]);
    const m = own.reduce((a, b) => a + b, 0) / own.length;
    mean.push(m);
    variance.push(own.reduce((a, b) => a + (b - m) ** 2, 0) / own.length);
  }
  return { mean, variance };
}

/** x̂ in float64. */
function standardized(values: Float32Array, n: number, c: number, s: number, eps: number): Float64Array {
  const { mean, variance } = channelStatistics(values, n, c, s);
  return Float64Array.from(values, (value, i) => {
    const channel = Math.floor(i / s) % c;
    return (value - mean[channel]) / Math.sqrt(variance[channel] + eps);
  });
}

const shapes: Shape[] = [
  [8, 1],
  [9, 3],
  [127, 5],
  [128, 4],
  [129, 7],
  [4097, 2],
  [64, 33],
  [8, 3, 1],
  [8, 3, 2],
  [11, 1, 13],
  [8, 16, 7, 7],
  [16, 2, 65, 3],
  [8, 2, 2, 3, 5],
];

describeEachBackend("BatchNorm", () => {
  test.each(shapes.map((shape) => [shape.join("×"), shape] as const))(
    "normalises %s as the formula in float64 does",
    (_, shape) => {
      const [n, c, ...rest] = shape;
      const s = rest.reduce((a, b) => a * b, 1);
      const x = normal(shape, 1);
      const norm = new BatchNorm(c);
      expectClose(norm.forward(x).dataSync(), standardized(x.dataSync(), n, c, s, 1e-5), 3e-6);
    },
  );

  test("gradients flow through the statistics, to x, weight and bias", () => {
    for (const shape of [
      [9, 3],
      [33, 1],
      [8, 5, 3],
      [8, 2, 3, 3],
      [17, 2, 1, 2, 3],
    ]) {
      const norm = new BatchNorm(shape[1], { eps: 1e-3 });
      expectGradient(
        (x, weight, bias) => {
          norm.weight = weight;
          norm.bias = bias;
          return norm.forward(x);
        },
        [input(shape, 1), input([shape[1]], 2), input([shape[1]], 3)],
      );
      const plain = new BatchNorm(shape[1], { affine: false });
      expectGradient((x) => plain.forward(x), [input(shape, 4)]);
    }
  });

  test("gradients of a frozen layer have no terms through the statistics", () => {
    for (const shape of [
      [9, 3],
      [8, 2, 3, 3],
    ]) {
      const norm = new BatchNorm(shape[1]);
      for (let k = 0; k < 5; k++) noGrad(() => norm.forward(normal(shape, k)));
      norm.freeze();
      expectGradient(
        (x, weight, bias) => {
          norm.weight = weight;
          norm.bias = bias;
          return norm.forward(x);
        },
        [input(shape, 1), input([shape[1]], 2), input([shape[1]], 3)],
      );
    }
  });

  test("rows of a few channels are normalised, forward and backward, as the formulas in float64 say, whatever is left over", () => {
    for (let c = 1; c <= 17; c++) {
      for (const n of [8, 47, 128 + c, 401]) {
        for (const scale of [1, 1e15]) {
          const x = tensor(normalValues(n * c, c + n, 3 * scale, scale), [n, c], { requiresGrad: true });
          const dy = normalValues(n * c, c);
          const norm = new BatchNorm(c, { eps: 0 });
          const weight = normalValues(c, 3);
          norm.loadStateDict({ weight: tensor(weight) }, { strict: false });
          const y = norm.forward(x);
          y.backward(dy);
          const values = x.dataSync();
          const { variance } = channelStatistics(values, n, c, 1);
          const xHat = standardized(values, n, c, 1, 0);
          const sumOf = (valueAt: (i: number) => number): number[] => {
            const sums = new Array<number>(c).fill(0);
            for (let i = 0; i < n * c; i++) sums[i % c] += valueAt(i);
            return sums;
          };
          const dbias = sumOf((i) => dy[i]);
          const dweight = sumOf((i) => dy[i] * xHat[i]);
          const dx = xHat.map((v, i) => {
            const k = i % c;
            // In units of 1 / scale, so that float64 tells the same as float32 does.
            return ((dy[i] - dbias[k] / n - (v * dweight[k]) / n) * weight[k] * scale) / Math.sqrt(variance[k]);
          });
          expectClose(
            y.dataSync(),
            xHat.map((v, i) => v * weight[i % c]),
            3e-6,
          );
          expectClose(
            (x.grad?.dataSync() ?? []).map((v) => v * scale),
            dx,
            3e-6,
          );
          expectClose(norm.weight?.grad?.dataSync() ?? [], dweight, 3e-6);
          expectClose(norm.bias?.grad?.dataSync() ?? [], dbias, 3e-6);
        }
      }
    }
  });

  test("x̂ does not change under a shift and a positive scale of the input, up to eps", () => {
    const generator = fc.record({
      shift: fc.integer({ min: -8, max: 8 }),
      power: fc.integer({ min: -3, max: 6 }),
      seed: fc.integer({ min: 0, max: 1e6 }),
    });
    fc.assert(
      fc.property(generator, ({ shift, power, seed }) =>
        scope(() => {
          const norm = new BatchNorm(3, { eps: 1e-10 });
          // Powers of two and values on a grid, so that the transformed input is exact.
          const values = normalValues(8 * 3 * 5, seed).map((v) => Math.round(v * 256) / 256);
          const moved = values.map((v) => (v + shift) * 2 ** power);
          const plain = norm.forward(tensor(values, [8, 3, 5])).dataSync();
          expectClose(norm.forward(tensor(moved, [8, 3, 5])).dataSync(), plain, 1e-5);
        }),
      ),
      { numRuns: 50 },
    );
  });

  test("γ = σ and β = μ give the identity", () => {
    const x = normalValues(16 * 4, 3, 2, 3);
    const { mean, variance } = channelStatistics(x, 16, 4, 1);
    const norm = new BatchNorm(4, { eps: 1e-9 });
    norm.weight = tensor(variance.map(Math.sqrt), { requiresGrad: true });
    norm.bias = tensor(mean, { requiresGrad: true });
    expectClose(norm.forward(tensor(x, [16, 4])).dataSync(), x, 1e-6);
  });

  test("γ and β move when trained", () => {
    const norm = new BatchNorm(2);
    const optimizer = new Sgd(norm.parameters(), { lr: 0.1 });
    const x = normal([8, 2], 1);
    norm
      .forward(x)
      .mul(normal([8, 2], 2))
      .sum()
      .backward();
    optimizer.step();
    expect(norm.weight?.dataSync()).not.toEqual(Float32Array.of(1, 1));
    expect(norm.bias?.dataSync()).not.toEqual(Float32Array.of(0, 0));
  });

  test("running statistics follow a float64 replay of the update rule", () => {
    const generator = fc.record({
      momentum: fc.constantFrom<number | "cumulative">("cumulative", 0.5, 0.9, 0.99),
      unbiased: fc.boolean(),
      warmUp: fc.boolean(),
      batches: fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(generator, ({ momentum, unbiased, warmUp, batches }) =>
        scope(() => {
          const norm = new BatchNorm(3, { momentum, unbiased, warmUp });
          let mean = [0, 0, 0];
          let variance = [1, 1, 1];
          batches.forEach((seed, k) => {
            const n = 8 + (seed % 5);
            const values = normalValues(n * 3 * 2, seed, 1, 2);
            noGrad(() => norm.forward(tensor(values, [n, 3, 2])));
            const batch = channelStatistics(values, n, 3, 2);
            const keep = momentum === "cumulative" ? k / (k + 1) : warmUp ? Math.min(momentum, k / (k + 10)) : momentum;
            const factor = unbiased ? (n * 2) / (n * 2 - 1) : 1;
            mean = mean.map((old, c) => keep * old + (1 - keep) * batch.mean[c]);
            variance = variance.map((old, c) => keep * old + (1 - keep) * batch.variance[c] * factor);
          });
          expectClose(norm.runningMean?.dataSync() ?? [], mean, 1e-6);
          expectClose(norm.runningVar?.dataSync() ?? [], variance, 1e-6);
        }),
      ),
      { numRuns: 30 },
    );
  });

  test("evaluation is the affine map of the running statistics, and leaves them alone", () => {
    const norm = new BatchNorm(2, { momentum: 0.5 });
    noGrad(() => norm.forward(normal([8, 2, 3], 1)));
    norm.eval();
    const mean = norm.runningMean?.dataSync() ?? new Float32Array(2);
    const variance = norm.runningVar?.dataSync() ?? new Float32Array(2);
    const x = normalValues(1 * 2 * 3, 5);
    const y = norm.forward(tensor(x, [1, 2, 3])).dataSync();
    const expected = x.map((v, i) => (v - mean[i < 3 ? 0 : 1]) / Math.sqrt(variance[i < 3 ? 0 : 1] + 1e-5));
    expectClose(y, expected, 1e-6);
    expect(norm.runningMean?.dataSync()).toEqual(mean);
  });

  test("mean 10⁴ with deviation 1 loses nothing", () => {
    for (const [n, s] of [
      [4096, 1],
      [64, 64],
    ]) {
      const values = normalValues(n * 2 * s, 7, 1e4, 1);
      const y = new BatchNorm(2).forward(tensor(values, s === 1 ? [n, 2] : [n, 2, s])).dataSync();
      expectClose(y, standardized(values, n, 2, s, 1e-5), 2e-6);
    }
  });

  test("a scale of 10¹⁵ or of 10⁻¹⁵ is normalised like any other", () => {
    for (const scale of [1e15, 1e-15]) {
      const values = normalValues(16 * 3 * 5, 8, 0, scale);
      const y = new BatchNorm(3, { eps: 0 }).forward(tensor(values, [16, 3, 5])).dataSync();
      expectClose(y, standardized(values, 16, 3, 5, 0), 3e-6);
    }
  });

  test("a constant channel gives exactly the bias", () => {
    for (const value of [0, 0.1, -3.3e7, 1e-20, 123456.789]) {
      for (const shape of [
        [100, 1],
        [8, 1, 37],
        [9, 1, 5, 7],
      ]) {
        const size = shape.reduce((a, b) => a * b, 1);
        const norm = new BatchNorm(1);
        norm.bias = tensor([0.25], { requiresGrad: true });
        const y = norm.forward(tensor(new Float32Array(size).fill(value), shape)).dataSync();
        expect(y.every((v) => v === 0.25)).toBe(true);
      }
    }
  });

  test("one NaN batch does not poison the running statistics", () => {
    for (const shape of [
      [8, 3],
      [8, 3, 4],
    ]) {
      const norm = new BatchNorm(3);
      noGrad(() => norm.forward(normal(shape, 1)));
      const before = [norm.runningMean?.dataSync(), norm.runningVar?.dataSync()];
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const values = normal(shape, 2).dataSync();
        values[1] = bad;
        noGrad(() => norm.forward(tensor(values, shape)));
      }
      expect([norm.runningMean?.dataSync(), norm.runningVar?.dataSync()]).toEqual(before);
      expect(norm.skippedBatches).toBe(2);
      expect(norm.stateDict()["num_batches_tracked"].item()).toBe(1);
    }
  });

  test("train() and eval() set both switches, which may be set in between", () => {
    const norm = new BatchNorm(2);
    const switches = () => [norm.normalizeWith, norm.updateRunning];
    expect(switches()).toEqual(["batch", true]);
    norm.eval();
    expect(switches()).toEqual(["running", false]);
    norm.normalizeWith = "batch";
    const x = normal([8, 2], 3);
    expectClose(norm.forward(x).dataSync(), standardized(x.dataSync(), 8, 2, 1, 1e-5));
    expect(norm.runningMean?.dataSync()).toEqual(Float32Array.of(0, 0));
    norm.train();
    expect(switches()).toEqual(["batch", true]);
    norm.normalizeWith = "running";
    noGrad(() => norm.forward(x));
    expect(norm.runningMean?.dataSync()[0]).not.toBe(0);
  });

  test("freeze survives train(), and its weight and bias still train", () => {
    const norm = new BatchNorm(2).freeze();
    norm.train();
    expect([norm.normalizeWith, norm.updateRunning]).toEqual(["running", false]);
    const x = normal([8, 2], 4);
    norm.forward(x).sum().backward();
    expect(norm.weight?.grad).not.toBeNull();
    expect(norm.runningMean?.dataSync()).toEqual(Float32Array.of(0, 0));
    norm.unfreeze();
    expect([norm.normalizeWith, norm.updateRunning]).toEqual(["batch", true]);
  });

  test("without running statistics the batch's own serve in evaluation too", () => {
    const norm = new BatchNorm(2, { trackRunningStats: false }).eval();
    const y = norm.forward(normal([8, 2], 5)).dataSync();
    expectClose(y, standardized(normal([8, 2], 5).dataSync(), 8, 2, 1, 1e-5));
    expect(Object.keys(norm.stateDict())).toEqual(["weight", "bias"]);
  });

  test("a later update does not change the gradient of an earlier evaluation", () => {
    const gradient = (update: boolean): Float32Array => {
      const norm = new BatchNorm(2).eval();
      const x = normal([8, 2], 6, { requiresGrad: true });
      const y = norm.forward(x);
      if (update) noGrad(() => norm.train().forward(normal([8, 2], 7)));
      y.backward(normal([8, 2], 8));
      return x.grad?.dataSync() ?? new Float32Array(0);
    };
    expect(gradient(true)).toEqual(gradient(false));
  });

  test("an empty batch gives an empty output and leaves the statistics alone", () => {
    const norm = new BatchNorm(3);
    expect(norm.forward(tensor(new Float32Array(0), [0, 3, 2])).shape).toEqual([0, 3, 2]);
    expect(norm.runningMean?.dataSync()).toEqual(new Float32Array(3));
    expect(norm.skippedBatches).toBe(0);
  });

  test("batches below 8 samples warn once for each layer, naming GroupNorm", () => {
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message));
    const norm = new BatchNorm(3);
    norm.forward(normal([4, 3], 1));
    norm.forward(normal([2, 3], 1));
    norm.eval().forward(normal([1, 3], 1));
    expect(warnings).toEqual([
      "BatchNorm(3).forward(x): batch statistics over 4 samples are noisy (shape 4×3). Use batches of 8 or more, or GroupNorm, which does not depend on the batch.",
    ]);
  });

  test("a short batch after larger ones is told from batches that are all small", () => {
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message));
    const norm = new BatchNorm(3);
    norm.forward(normal([8, 3], 1));
    norm.forward(normal([2, 3], 1));
    expect(warnings).toEqual([
      'BatchNorm(3).forward(x): batch statistics over 2 samples are noisy (shape 2×3). Earlier batches were larger: leave a short last one out by batches(data, { last: "drop" }), or choose a batch size that leaves none.',
    ]);
  });

  test("a momentum that looks like PyTorch's warns", () => {
    const warnings: string[] = [];
    onWarning((message) => warnings.push(message));
    new BatchNorm(3, { momentum: 0.1 });
    expect(warnings).toEqual([
      "BatchNorm(3).momentum: 0.1 gives the old running value less weight than the newest batch. Here momentum weighs the old value: PyTorch's 0.1 is 0.9.",
    ]);
  });

  test("refuses what cannot be normalised", () => {
    const norm = new BatchNorm(3);
    expect(() => norm.forward(normal([1, 3], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: BatchNorm(3).forward(x): expected at least 2 values per channel for batch statistics, got 1 (shape 1×3). Use a batch of 2 or more, call eval() first, or normalise with GroupNorm or LayerNorm.]`,
    );
    expect(() => norm.forward(normal([8, 4, 2, 2], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: BatchNorm(3).forward(x): expected 3 channels in axis 1, got 4 (shape 8×4×2×2). Build the layer with 4 channels, or reshape x.]`,
    );
    expect(() => norm.forward(normal([8], 1))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: BatchNorm(3).forward(x): expected rank 2 to 5: (N, C, …), got rank 1 (shape 8). Reshape x so that channels are axis 1.]`,
    );
    const exact = new BatchNorm(2, { eps: 0 });
    const flat = tensor(Array.from({ length: 8 }, (_, k) => [k, 5]));
    expect(() => exact.forward(flat)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(2).forward(x): expected variance in every channel, since eps is 0, got none in channel 1. Set eps to a small positive number such as 1e-5.]`,
    );
    const untracked = new BatchNorm(2, { trackRunningStats: false });
    expect(() => untracked.freeze()).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(2).freeze(): expected a layer with running statistics, got one built with trackRunningStats: false. Build the layer with trackRunningStats: true.]`,
    );
  });
});

describeEachBackend("BatchNorm in evaluation", () => {
  test.each([[[6, 5]], [[6, 3]], [[1, 20]], [[4, 5, 3, 3]], [[1, 4, 7]]])(
    "gives what its state of now says, however often it was asked before: %j",
    (shape) => {
      const [, channels] = shape;
      const x = normal(shape, 1);
      const norm = new BatchNorm(channels);
      let seed = 2;
      const change = (): Float32Array => Float32Array.from(normalValues(channels, seed++), (value) => 2 + value);
      const ask = (): Float32Array => scope(() => noGrad(() => norm.forward(x).dataSync()));
      const changes: (() => void)[] = [
        () => {},
        () => norm.loadStateDict({ weight: tensor(change()) }, { strict: false }),
        () => norm.loadStateDict({ bias: tensor(change()) }, { strict: false }),
        () => norm.loadStateDict({ running_mean: tensor(change()) }, { strict: false }),
        () => norm.loadStateDict({ running_var: tensor(change().map(Math.abs)) }, { strict: false }),
        () => {
          norm.eps = 0.5;
        },
        () => {
          norm.weight = tensor(change(), { requiresGrad: true });
        },
        () => void norm.train().forward(normal([9, ...shape.slice(1)], seed++)),
        () => {
          norm.forward(x).sum().backward();
          new Sgd(norm.parameters(), { lr: 0.1 }).step();
        },
        () => {
          norm.bias = null;
        },
      ];
      for (const turn of changes) {
        turn();
        norm.eval();
        // A layer of the same state that has never been asked.
        const fresh = new BatchNorm(channels, { eps: norm.eps }).eval();
        fresh.loadStateDict(norm.stateDict(), { strict: false });
        const expected = noGrad(() => fresh.forward(x).dataSync());
        for (let k = 0; k < 4; k++) expect(ask()).toEqual(expected);
      }
    },
  );

  test("keeps nothing for later once it is trained on or freed", () => {
    const before = memoryInUse();
    const x = normal([8, 16], 1);
    const norm = new BatchNorm(16);
    const unasked = memoryInUse();
    norm.eval();
    for (let k = 0; k < 3; k++) scope(() => void noGrad(() => norm.forward(x)));
    norm.train();
    scope(() => void noGrad(() => norm.forward(x)));
    expect(memoryInUse()).toBe(unasked);
    norm.eval();
    for (let k = 0; k < 3; k++) scope(() => void noGrad(() => norm.forward(x)));
    norm.dispose();
    x.dispose();
    expect(memoryInUse()).toBe(before);
  });
});

describe("BatchNorm's options", () => {
  test("are refused out of range", () => {
    expect(() => new BatchNorm(0)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new BatchNorm(numFeatures): expected numFeatures to be a whole number of at least 1, got 0. Correct numFeatures.]`,
    );
    expect(() => new BatchNorm(2, { momentum: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(2).momentum: expected a number from 0 up to, not including, 1, or "cumulative", got 1. It weighs the old running value: pass e.g. 0.99.]`,
    );
    expect(() => new BatchNorm(2, { eps: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(2).eps: expected a finite number of at least 0, got -1. Pass a small one such as 1e-5.]`,
    );
  });

  test("may be changed after construction", () => {
    const norm = new BatchNorm(1, { momentum: 0.9 });
    norm.momentum = "cumulative";
    norm.eps = 1;
    const x = tensor([[0], [2], [0], [2], [0], [2], [0], [2]]);
    expectClose(norm.forward(x).dataSync().slice(0, 2), [-Math.SQRT1_2, Math.SQRT1_2]);
    expect(norm.runningMean?.dataSync()).toEqual(Float32Array.of(1));
    expect(norm.runningVar?.dataSync()).toEqual(Float32Array.of(1));
  });
});
