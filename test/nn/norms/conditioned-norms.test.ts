import {
  AdaptiveInstanceNorm,
  AdaptiveLayerNorm,
  ConditionalBatchNorm,
  type Conditioned,
  Film,
  ones,
  onWarning,
  type Tensor,
  transferStyle,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { expectGradient, input } from "../../support/gradient.js";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid, meanOf, settle, varianceOf } from "../../support/norm-cases.js";
import { normal } from "../../support/seeded.js";

/** weight · c + bias in float64, for each sample. */
function projected({ weight, bias }: { weight: Tensor; bias: Tensor | null }, condition: Tensor): number[][] {
  const [outputs, inputs] = weight.shape;
  const [w, b, c] = [weight, bias, condition].map((t) => Array.from(t?.dataSync() ?? []));
  return Array.from({ length: condition.shape[0] }, (_, n) =>
    Array.from({ length: outputs }, (__, o) =>
      Array.from({ length: inputs }, (___, i) => w[o * inputs + i] * c[n * inputs + i]).reduce((x, y) => x + y, b[o]),
    ),
  );
}

/** (1 + Δγ) · what `normalized` gives + Δβ. */
function conditioned(
  layer: Conditioned,
  x: Tensor,
  condition: Tensor,
  normalized: (grid: Grid, value: number, n: number, c: number) => number,
): number[] {
  const [grid, factors] = [new Grid(x), projected(layer.projection, condition)];
  return grid.map(
    (value, n, c) => (1 + factors[n][c]) * normalized(grid, value, n, c) + factors[n][layer.numFeatures + c],
  );
}

const condition = [9, 2];

describeNorm(
  "Film",
  {
    images: { make: () => new Film(3, 2), shapes: [[9, 3, 2, 3], condition] },
    rows: { make: () => new Film(4, 2), shapes: [[9, 4], condition] },
  },
  (layer, x, c) => conditioned(layer, x, c, (_, value) => value),
);

describeNorm(
  "ConditionalBatchNorm",
  {
    images: { make: () => new ConditionalBatchNorm(3, 2, { eps: 0.01 }), shapes: [[9, 3, 2, 3], condition] },
    rows: {
      make: () => new ConditionalBatchNorm(4, 2, { momentum: 0.6, warmUp: false, unbiased: true }),
      shapes: [[9, 4], condition],
    },
  },
  (layer, x, given) => {
    const { eps, normalizeWith, runningMean, runningVar } = layer.norm;
    const [mean, variance] = [runningMean, runningVar].map((t) => t?.dataSync());
    return conditioned(layer, x, given, (grid, value, _, c) => {
      const channel = grid.where((__, k) => k === c);
      const [centre, spread] =
        normalizeWith === "running" ? [mean?.[c] ?? 0, variance?.[c] ?? 0] : [meanOf(channel), varianceOf(channel)];
      return (value - centre) / Math.sqrt(spread + eps);
    });
  },
);

describeNorm(
  "AdaptiveInstanceNorm",
  {
    images: { make: () => new AdaptiveInstanceNorm(3, 2, { eps: 0.01 }), shapes: [[9, 3, 2, 3], condition] },
    signals: { make: () => new AdaptiveInstanceNorm(2, 2), shapes: [[9, 2, 7], condition] },
  },
  (layer, x, given) =>
    conditioned(layer, x, given, (grid, value, n, c) => {
      const own = grid.where((m, k) => m === n && k === c);
      return (value - meanOf(own)) / Math.sqrt(varianceOf(own) + layer.norm.eps);
    }),
);

describeNorm(
  "AdaptiveLayerNorm",
  {
    tokens: { make: () => new AdaptiveLayerNorm(5, 2, { eps: 0.01 }), shapes: [[9, 3, 5], condition] },
    "tokens, from zeros": { make: () => new AdaptiveLayerNorm(5, 2, { zero: true }), shapes: [[9, 3, 5], condition] },
    rows: { make: () => new AdaptiveLayerNorm(6, 2, { eps: 0.1 }), shapes: [[9, 6], condition] },
  },
  ({ projection, dim, norm }, x, given) => {
    const activated = given.mul(given.neg().exp().add(1).pow(-1));
    const factors = projected(projection, activated);
    const rows = x.size / dim / x.shape[0];
    const values = Array.from(x.dataSync());
    return values.map((value, i) => {
      const row = values.slice(i - (i % dim), i - (i % dim) + dim);
      const sample = factors[Math.floor(i / dim / rows)];
      const y = (value - meanOf(row)) / Math.sqrt(varianceOf(row) + norm.eps);
      return (1 + sample[dim + (i % dim)]) * y + sample[i % dim];
    });
  },
);

describeEachBackend("conditioned norms", () => {
  test("begin as the norm alone", () => {
    onWarning(() => {});
    const [x, c] = [normal([9, 3, 5], 1), normal([9, 2], 2)];
    expect(new Film(3, 2).forward(x, c).dataSync()).toEqual(x.dataSync());
    const norm = new ConditionalBatchNorm(3, 2);
    expect(norm.forward(x, c).dataSync()).toEqual(norm.norm.forward(x).dataSync());
    const instance = new AdaptiveInstanceNorm(3, 2);
    expect(instance.forward(x, c).dataSync()).toEqual(instance.norm.forward(x).dataSync());
    const zero = new AdaptiveLayerNorm(5, 2, { zero: true });
    expect(zero.forward(x, c).dataSync()).toEqual(zero.norm.forward(x).dataSync());
    expect(zero.gate(c).dataSync()).toEqual(new Float32Array(45));
  });

  test("AdaLN-Zero's gate is the last third of the projection, with its gradient", () => {
    const layer = new AdaptiveLayerNorm(3, 2, { zero: true });
    settle(layer);
    const c = normal([4, 2], 3);
    const activated = c.mul(c.neg().exp().add(1).pow(-1));
    const gate = layer.gate(c);
    expect([gate.shape, layer.gate(c, 4).shape]).toEqual([
      [4, 1, 3],
      [4, 1, 1, 3],
    ]);
    expectClose(
      gate.dataSync(),
      projected(layer.projection, activated).flatMap((row) => row.slice(6)),
    );
    const { weight } = layer.projection;
    expectGradient(
      (given, w) => {
        layer.projection.weight = w;
        return layer.gate(given);
      },
      [input([4, 2], 3), { shape: weight.shape, values: weight.dataSync() }],
    );
  });

  test("transferStyle gives x mean and deviation of the style, with its gradients", () => {
    const [x, style] = [normal([2, 3, 4, 2], 1).mul(3).add(1), normal([2, 3, 5, 1], 2).add(2)];
    const [content, other] = [new Grid(x), new Grid(style)];
    const expected = content.map((value, n, c) => {
      const [own, its] = [content, other].map((grid) => grid.where((m, k) => m === n && k === c));
      const deviation = (values: number[]): number => Math.sqrt(varianceOf(values) + 0.1);
      return (deviation(its) * (value - meanOf(own))) / deviation(own) + meanOf(its);
    });
    expectClose(transferStyle(x, style, { eps: 0.1 }).dataSync(), expected);
    expectGradient((a, b) => transferStyle(a, b), [input([2, 3, 4], 3), input([2, 3, 6], 4)]);
  });
});

test("conditioned norms refuse what does not fit", () => {
  onWarning(() => {});
  const x = zeros([9, 3, 5]);
  const refused = [
    () => new Film(0, 2),
    () => new ConditionalBatchNorm(3, 0.5),
    () => new AdaptiveLayerNorm(3, 0),
    () => new Film(4, 2).forward(x, zeros([9, 2])),
    () => new Film(3, 2).forward(x, zeros([8, 2])),
    () => new AdaptiveInstanceNorm(3, 2).forward(x, zeros([9, 2, 1])),
    () => new AdaptiveLayerNorm(5, 2).forward(x, [1, 2] as unknown as Tensor),
    () => new AdaptiveLayerNorm(5, 2).gate(ones([9, 2])),
    () => new AdaptiveLayerNorm(5, 2, { zero: true }).gate(ones([9, 3])),
    () => transferStyle(x, zeros([9, 2, 5])),
    () => transferStyle(x, x, { eps: 0 }),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new Film(numFeatures, conditionFeatures): expected numFeatures to be a whole number of at least 1, got 0. Correct numFeatures.",
      "ArgumentError: new ConditionalBatchNorm(numFeatures, conditionFeatures): expected conditionFeatures to be a whole number of at least 1, got 0.5. Correct conditionFeatures.",
      "ArgumentError: new AdaptiveLayerNorm(dim, conditionFeatures): expected conditionFeatures to be a whole number of at least 1, got 0. Correct conditionFeatures.",
      "ShapeError: Film(4, 2).forward(x): expected 4 channels in axis 1, got 3 (shape 9×3×5). Build the layer with 3 channels, or reshape x.",
      "ShapeError: Film(3, 2).forward(x, condition): expected a condition of 9×2, a row for each sample, got 8×2. Reshape it to two axes, or build the layer with as many conditionFeatures.",
      "ShapeError: AdaptiveInstanceNorm(3, 2).forward(x, condition): expected a condition of 9×2, a row for each sample, got 9×2×1. Reshape it to two axes, or build the layer with as many conditionFeatures.",
      "ArgumentError: AdaptiveLayerNorm(5, 2).forward(x, condition): expected a tensor, got Array. Make one with tensor(values, shape).",
      "ArgumentError: AdaptiveLayerNorm(5, 2).gate(condition): expected a layer with a gate, got one built with zero: false. Build it with { zero: true }.",
      "ShapeError: AdaptiveLayerNorm(5, 2).forward(x, condition): expected a condition of 9×2, a row for each sample, got 9×3. Reshape it to two axes, or build the layer with as many conditionFeatures.",
      "ShapeError: transferStyle(x, style): expected x and style (N, C, …) of one rank, N and C, got 9×3×5 and 9×2×5. Pass features of one layer, of as many images each.",
      "ArgumentError: transferStyle(x, style, { eps }): expected a finite number above 0, got 0. Pass a small one such as 1e-5.",
    ]
  `);
});
