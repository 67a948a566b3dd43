import {
  BatchNorm,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  type Norm,
  onWarning,
  RmsNorm,
  type Shape,
  scope,
  type Tensor,
  tensor,
} from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { expectGradient, input } from "../../support/gradient.js";
import { normal, normalValues } from "../../support/seeded.js";

const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** A norm, what it normalises, and which share and which parameter the value at a flat place belongs to. */
interface Case {
  readonly name: string;
  readonly norm: () => Norm;
  readonly shape: Shape;
  readonly maskShape: Shape;
  readonly shareOf: (i: number) => number;
  readonly parameterOf: (i: number) => number;
  readonly centred?: boolean;
}

/** Of x (N, C, …): share and parameter as the layer has them. */
function images(name: string, norm: () => Norm, shape: Shape, groups: "batch" | number, maskShape?: Shape): Case {
  const [n, c, ...rest] = shape;
  const s = sizeOf(rest);
  const channel = (i: number): number => Math.floor(i / s) % c;
  const sample = (i: number): number => Math.floor(i / (s * c));
  const shareOf = (i: number): number =>
    groups === "batch" ? channel(i) : sample(i) * groups + Math.floor(channel(i) / (c / groups));
  return { name, norm, shape, maskShape: maskShape ?? [n, 1, ...rest], shareOf, parameterOf: channel };
}

/** Of x (…, D). */
function rows(name: string, norm: () => Norm, shape: Shape, maskShape: Shape): Case {
  const d = shape[shape.length - 1];
  return { name, norm, shape, maskShape, shareOf: (i) => Math.floor(i / d), parameterOf: (i) => i % d };
}

const cases: Case[] = [
  images("BatchNorm of N×C", () => new BatchNorm(3), [11, 3], "batch"),
  images("BatchNorm of N×C×L", () => new BatchNorm(5), [8, 5, 9], "batch"),
  images("BatchNorm of N×C×H×W", () => new BatchNorm(2), [9, 2, 4, 5], "batch"),
  images("BatchNorm with a mask for each channel", () => new BatchNorm(4), [8, 4, 6], "batch", [8, 4, 6]),
  images("BatchNorm with a mask of positions alone", () => new BatchNorm(4), [8, 4, 6], "batch", [1, 1, 6]),
  images("InstanceNorm", () => new InstanceNorm(3), [4, 3, 17], 3),
  images("GroupNorm", () => new GroupNorm(2, 6), [4, 6, 7], 2),
  rows("LayerNorm with a mask of rows", () => new LayerNorm(7), [3, 5, 7], [3, 5, 1]),
  rows("LayerNorm with a mask of values", () => new LayerNorm(9), [4, 3, 9], [4, 3, 9]),
  { ...rows("RmsNorm with a mask of values", () => new RmsNorm(9), [4, 3, 9], [4, 3, 9]), centred: false },
  {
    ...images("RmsNorm of N×C×L", () => new RmsNorm(3, { channelsFirst: true }), [4, 3, 8], 1),
    centred: false,
  },
];

/**
 * The mask of a case from a seed, with about two in three ones, at least three to a share of the layer unless it is all
 * zeros.
 */
function maskOf({ shape, maskShape, shareOf }: Case, seed: number): Tensor {
  for (let attempt = seed; ; attempt += 1000) {
    const mask = tensor(
      normalValues(sizeOf(maskShape), attempt).map((value) => (value < 0.4 ? 1 : 0)),
      maskShape,
    );
    const counts = new Map<number, number>();
    wholeMask(mask, shape).forEach((one, i) => {
      counts.set(shareOf(i), (counts.get(shareOf(i)) ?? 0) + one);
    });
    if ([...counts.values()].every((count) => count === 0 || count > 2)) return mask;
  }
}

/** A mask repeated to a shape. */
function wholeMask(mask: Tensor, shape: Shape): Float32Array {
  return tensor(new Float32Array(sizeOf(shape)), shape)
    .add(mask)
    .dataSync();
}

/** Normalisation of the values that a mask leaves, and its gradients, as the formulas stand, in float64. */
function reference(
  { shareOf, parameterOf, centred = true }: Case,
  inputs: { x: Float32Array; mask: Float32Array; weight: Float32Array; bias: Float32Array; dy: Float32Array },
  eps: number,
): { y: Float64Array; dx: Float64Array; dweight: Float64Array; dbias: Float64Array } {
  const { x, mask, weight, bias, dy } = inputs;
  const shares = new Map<number, number[]>();
  x.forEach((_, i) => {
    if (mask[i] === 1) shares.set(shareOf(i), [...(shares.get(shareOf(i)) ?? []), i]);
  });
  const y = new Float64Array(x.length);
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(weight.length);
  const dbias = new Float64Array(weight.length);
  for (const own of shares.values()) {
    const mean = (term: (i: number) => number): number => own.reduce((sum, i) => sum + term(i), 0) / own.length;
    const centre = centred ? mean((i) => x[i]) : 0;
    const scale = 1 / Math.sqrt(mean((i) => (x[i] - centre) ** 2) + eps);
    const xHat = (i: number): number => (x[i] - centre) * scale;
    const g = (i: number): number => dy[i] * weight[parameterOf(i)];
    const meanG = centred ? mean(g) : 0;
    const meanGxHat = mean((i) => g(i) * xHat(i));
    for (const i of own) {
      const p = parameterOf(i);
      y[i] = weight[p] * xHat(i) + bias[p];
      dx[i] = scale * (g(i) - meanG - xHat(i) * meanGxHat);
      dweight[p] += dy[i] * xHat(i);
      dbias[p] += dy[i];
    }
  }
  return { y, dx, dweight, dbias };
}

/** Output and gradients of a layer with given parameters and a mask. */
function run(norm: Norm, x: Tensor, mask: Tensor | null, dy: Float32Array, parameters?: [Float32Array, Float32Array]) {
  x.requiresGrad = true;
  if (parameters !== undefined && norm.weight !== null) {
    norm.weight = tensor(parameters[0], norm.weight.shape, { requiresGrad: true });
    if (norm.bias !== null) norm.bias = tensor(parameters[1], norm.bias.shape, { requiresGrad: true });
  }
  const y = norm.forward(x, { mask });
  y.backward(dy);
  const gradients = [x.grad, norm.weight?.grad, norm.bias?.grad].map((grad) => grad?.dataSync() ?? null);
  return { y: y.dataSync(), dx: gradients[0], dweight: gradients[1], dbias: gradients[2] };
}

describeEachBackend("masks", () => {
  describe.each(cases.map((one) => [one.name, one] as const))("%s", (_, one) => {
    const { shape } = one;
    const size = sizeOf(shape);

    test.each([
      ["at mean 0", 0],
      ["at mean 10⁴", 1e4],
    ])("is the formula over the real values in float64, %s", (_, shift) => {
      const norm = one.norm();
      const x = normalValues(size, 1, shift);
      const mask = maskOf(one, 2);
      const [weight, bias, dy] = [
        normalValues(norm.weight?.size ?? 0, 3),
        normalValues(norm.weight?.size ?? 0, 4),
        normalValues(size, 5),
      ];
      const withBias = norm.bias === null ? bias.fill(0) : bias;
      const inputs = { x, mask: wholeMask(mask, shape), weight, bias: withBias, dy };
      const expected = reference(one, inputs, norm.eps);
      const actual = run(norm, tensor(x, shape), mask, dy, [weight, bias]);
      expectClose(actual.y, expected.y, 3e-6);
      expectClose(actual.dx ?? [], expected.dx, 3e-6);
      expectClose(actual.dweight ?? [], expected.dweight, 3e-6);
      if (norm.bias !== null) expectClose(actual.dbias ?? [], expected.dbias, 3e-6);
    });

    test("gradients match finite differences", () => {
      const mask = maskOf(one, 6);
      const norm = one.norm();
      norm.eps = 1e-3;
      const parameters = [norm.weight, norm.bias].filter((t) => t !== null);
      expectGradient(
        (x, weight, bias) => {
          norm.weight = weight;
          norm.bias = bias ?? null;
          return norm.forward(x, { mask, maskedOutput: "input" });
        },
        [input(shape, 7), ...parameters.map((t, k) => input(t.shape, 8 + k))],
      );
    });

    test("masked values, whatever they are, change nothing", () => {
      const mask = maskOf(one, 9);
      const whole = wholeMask(mask, shape);
      const dy = normalValues(size, 10);
      const x = normalValues(size, 11);
      const plain = run(one.norm(), tensor(x, shape), mask, dy);
      for (const padding of [Number.NaN, Number.POSITIVE_INFINITY, -1e30]) {
        const padded = x.map((value, i) => (whole[i] === 1 ? value : padding));
        const cotangent = dy.map((value, i) => (whole[i] === 1 ? value : padding));
        expect(run(one.norm(), tensor(padded, shape), mask, cotangent)).toEqual(plain);
      }
      whole.forEach((real, i) => {
        if (real === 0) expect([plain.y[i], plain.dx?.[i]]).toEqual([0, 0]);
      });
    });

    test("a mask of ones is none", () => {
      const x = normal(shape, 12);
      const ones = tensor(new Float32Array(sizeOf(one.maskShape)).fill(1), one.maskShape);
      expectClose(one.norm().forward(x, { mask: ones }).dataSync(), one.norm().forward(x).dataSync(), 1e-6);
    });
  });

  test("masked batch norm is batch norm of the values without the padding, running statistics included", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 8, maxLength: 12 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 0, max: 1e6 }), fc.boolean(), (given, seed, unbiased) =>
        scope(() => {
          const real = given.reduce((a, b) => a + b, 0);
          fc.pre(real > 1);
          const [n, c, l] = [given.length, 3, 7];
          const x = normalValues(n * c * l, seed);
          const isReal = (sample: number, at: number): boolean => at < given[sample];
          const mask = Float32Array.from({ length: n * l }, (_, i) => (isReal(Math.floor(i / l), i % l) ? 1 : 0));
          // The real positions as samples of their own: (positions, C).
          const positions = [...mask.keys()].filter((i) => mask[i] === 1);
          const flat = (position: number, channel: number): number =>
            (Math.floor(position / l) * c + channel) * l + (position % l);
          const unpadded = positions.flatMap((position) => Array.from({ length: c }, (_, k) => x[flat(position, k)]));
          const before = onWarning(() => {});
          const options = { momentum: 0.7, unbiased };
          const [masked, plain] = [new BatchNorm(c, options), new BatchNorm(c, options)];
          const y = masked.forward(tensor(x, [n, c, l]), { mask: tensor(mask, [n, 1, l]) }).dataSync();
          const expected = plain.forward(tensor(unpadded.flat(), [real, c])).dataSync();
          onWarning(before);
          const actual = positions.flatMap((position) => Array.from({ length: c }, (_, k) => y[flat(position, k)]));
          expectClose(actual, expected, 1e-5);
          expectClose(masked.runningMean?.dataSync() ?? [], plain.runningMean?.dataSync() ?? [], 1e-5);
          expectClose(masked.runningVar?.dataSync() ?? [], plain.runningVar?.dataSync() ?? [], 1e-5);
        }),
      ),
      { numRuns: 30 },
    );
  });

  test("running statistics of instance norm weigh each sample by its real values", () => {
    const norm = new InstanceNorm(1, { trackRunningStats: true, momentum: 0.5, warmUp: false });
    const x = tensor([[[1, 3, 9, 9]], [[10, 20, 30, 40]], [[7, 7, 7, 7]]]);
    const mask = tensor([[[1, 1, 0, 0]], [[1, 1, 1, 1]], [[0, 0, 0, 0]]]);
    norm.forward(x, { mask });
    // Means 2 and 25, variances 1 and 125, of 2 and 4 values.
    expectClose(norm.runningMean?.dataSync() ?? [], [0.5 * ((2 * 2 + 4 * 25) / 6)], 1e-6);
    expectClose(norm.runningVar?.dataSync() ?? [], [0.5 + 0.5 * ((2 * 1 + 4 * 125) / 6)], 1e-6);
  });

  test("masked outputs are x as it is, where asked, with its gradient", () => {
    const norm = new LayerNorm(2, { eps: 0 });
    const x = tensor(
      [
        [1, 3],
        [5, Number.NaN],
      ],
      [2, 2],
      { requiresGrad: true },
    );
    const y = norm.forward(x, { mask: tensor([[1], [0]]), maskedOutput: "input" });
    expect(y.dataSync()).toEqual(Float32Array.of(-1, 1, 5, Number.NaN));
    y.backward(Float32Array.of(0, 0, 2, 3));
    expect(x.grad?.dataSync().slice(2)).toEqual(Float32Array.of(2, 3));
  });

  test("where statistics are fixed a mask only blanks the output", () => {
    const norm = new BatchNorm(2);
    norm.forward(normal([8, 2, 5], 1));
    for (const fixed of [norm.eval(), norm.train().freeze()]) {
      const x = normal([3, 2, 5], 2);
      const mask = tensor([[[1, 1, 0, 0, 0]], [[1, 0, 0, 0, 0]], [[0, 0, 0, 0, 0]]]);
      const running = norm.runningMean?.dataSync();
      const plain = fixed.forward(x).dataSync();
      const whole = wholeMask(mask, [3, 2, 5]);
      expect(fixed.forward(x, { mask }).dataSync()).toEqual(plain.map((value, i) => (whole[i] === 1 ? value : 0)));
      expect(fixed.forward(x, { mask, maskedOutput: "input" }).dataSync()).toEqual(
        plain.map((value, i) => (whole[i] === 1 ? value : x.dataSync()[i])),
      );
      expect(norm.runningMean?.dataSync()).toEqual(running);
    }
  });

  test("a frozen layer that updates all the same heeds the mask in its update", () => {
    const norm = new BatchNorm(1, { momentum: 0.5, warmUp: false });
    norm.normalizeWith = "running";
    norm.forward(tensor([[4], [6], [Number.NaN]]), { mask: tensor([[1], [1], [0]]) });
    expect([norm.runningMean?.item(), norm.runningVar?.item(), norm.skippedBatches]).toEqual([2.5, 1, 0]);
  });

  test("a channel without real values keeps its running statistics, says so once, and the others move", () => {
    const warnings: string[] = [];
    const before = onWarning((message) => warnings.push(message));
    try {
      const norm = new BatchNorm(2, { momentum: 0.5, warmUp: false });
      const x = tensor(
        new Float32Array(8 * 2).map((_, i) => i),
        [8, 2],
      );
      const mask = tensor(
        new Float32Array(8 * 2).map((_, i) => 1 - (i % 2)),
        [8, 2],
      );
      norm.forward(x, { mask });
      norm.forward(x, { mask });
      expect(norm.runningMean?.dataSync()).toEqual(Float32Array.of(5.25, 0));
      expect(norm.runningVar?.dataSync()).toEqual(Float32Array.of(16, 1));
      expect(norm.stateDict()["num_batches_tracked"].item()).toBe(2);
      const nothing = norm.forward(x, { mask: tensor(new Float32Array(8), [8, 1]) });
      expect(nothing.dataSync()).toEqual(new Float32Array(16));
      expect(norm.runningMean?.dataSync()).toEqual(Float32Array.of(5.25, 0));
      expect([norm.stateDict()["num_batches_tracked"].item(), norm.skippedBatches]).toEqual([2, 0]);
      expect(warnings).toMatchInlineSnapshot(`
        [
          "BatchNorm(2).forward(x, { mask }): no real value in 1 of 2 channels, whose running statistics stay as they are. Leave out batches that are all padding.",
        ]
      `);
    } finally {
      onWarning(before);
    }
  });

  test("a batch that is not finite among its real values leaves the running statistics alone", () => {
    const norm = new BatchNorm(1);
    const x = tensor([[1], [2], [Number.NaN], [3], [1], [2], [3], [4]]);
    norm.forward(x, { mask: tensor([[1], [1], [1], [1], [0], [0], [0], [0]]) });
    expect([norm.runningMean?.item(), norm.skippedBatches]).toEqual([0, 1]);
  });

  test("gradients of an all-masked batch are zeros", () => {
    for (const norm of [new BatchNorm(2, { eps: 0 }), new GroupNorm(1, 2, { eps: 0 }), new InstanceNorm(2)]) {
      const before = onWarning(() => {});
      const { y, dx, dweight, dbias } = run(norm, normal([8, 2, 3], 1), tensor([[[0]]]), normalValues(48, 2));
      onWarning(before);
      expect(y).toEqual(new Float32Array(48));
      expect([dx, dweight, dbias].map((values) => values?.every((value) => value === 0))).toEqual([true, true, true]);
    }
  });

  test("what does not fit is refused, and says how to mend it", () => {
    const x = normal([8, 3, 4], 1);
    const norm = new BatchNorm(3);
    const before = norm.runningMean?.dataSync();
    expect(() => norm.forward(x, { mask: normal([8, 4], 1) })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: BatchNorm(3).forward(x, { mask }): expected a mask of rank 3 that broadcasts to 8×3×4, got 8×4. Give it as many axes as x, each of the size of x or 1: N×1×L for sequences of N×C×L.]`,
    );
    expect(() => norm.forward(x, { mask: normal([8, 1, 5], 1) })).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: BatchNorm(3).forward(x, { mask }): expected a mask of rank 3 that broadcasts to 8×3×4, got 8×1×5. Give it as many axes as x, each of the size of x or 1: N×1×L for sequences of N×C×L.]`,
    );
    const half = new Float32Array(32).fill(1);
    half[9] = 0.5;
    expect(() => norm.forward(x, { mask: tensor(half, [8, 1, 4]) })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(3).forward(x, { mask }): expected a mask of ones (real values) and zeros (padding), got 0.5 at place 9. Mark each value by 1 or 0.]`,
    );
    half[9] = Number.NaN;
    expect(() => norm.forward(x, { mask: tensor(half, [8, 1, 4]) })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(3).forward(x, { mask }): expected a mask of ones (real values) and zeros (padding), got NaN at place 9. Mark each value by 1 or 0.]`,
    );
    const single = new Float32Array(32);
    single[5] = 1;
    const one = tensor(single, [8, 1, 4]);
    expect(() => norm.forward(x, { mask: one })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(3).forward(x, { mask }): expected at least 2 real values, or none, per channel, got 1 in channel 0. Leave out what has one value, or mask that one too.]`,
    );
    expect(() => new InstanceNorm(3).forward(x, { mask: one })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: InstanceNorm(3).forward(x, { mask }): expected at least 2 real values, or none, per channel of every sample, got 1 in channel 0 of sample 1. Leave out what has one value, or mask that one too.]`,
    );
    expect(() =>
      norm.forward(x, { mask: tensor([[[1]]]), maskedOutput: "ones" as "zero" }),
    ).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(3).forward(x, { maskedOutput }): expected "zero" or "input", got "ones". Pass one of the two.]`,
    );
    expect(norm.runningMean?.dataSync()).toEqual(before);
    const rms = new RmsNorm(4).forward(x, { mask: tensor([[[1, 0, 0, 0]]]) });
    expectClose(
      rms.dataSync(),
      x.dataSync().map((value, i) => (i % 4 === 0 ? Math.sign(value) : 0)),
      1e-2,
    );
  });
});
