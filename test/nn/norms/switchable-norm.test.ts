import { onWarning, SwitchableNorm, type Tensor, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid, meanOf, varianceOf } from "../../support/norm-cases.js";

const shares = (t: Tensor): number[] => {
  const powers = Array.from(t.dataSync(), (value) => Math.exp(value));
  return powers.map((power) => power / powers.reduce((a, b) => a + b, 0));
};

describeNorm(
  "SwitchableNorm",
  {
    images: { make: () => new SwitchableNorm(3, { eps: 0.01 }), shapes: [[4, 3, 3, 4]] },
    "signals, without weight and bias": {
      make: () => new SwitchableNorm(2, { affine: false, momentum: 0.6, warmUp: false }),
      shapes: [[5, 2, 7]],
    },
    volumes: { make: () => new SwitchableNorm(2), shapes: [[2, 2, 2, 3, 2]] },
    "a large mean": {
      make: () => new SwitchableNorm(3),
      shapes: [[4, 3, 3, 4]],
      values: (v) => v + 100,
      differentiates: false,
    },
  },
  ({ eps, weight, bias, runningMean, runningVar, normalizeWith, mean_weight, var_weight }, x) => {
    const grid = new Grid(x);
    const [gamma, beta, mean, variance] = [weight, bias, runningMean, runningVar].map((t) => t?.dataSync());
    const [ofMeans, ofVariances] = [shares(mean_weight), shares(var_weight)];
    return grid.map((value, n, c) => {
      const sets = [
        grid.where((m, k) => m === n && k === c),
        grid.where((m) => m === n),
        grid.where((_, k) => k === c),
      ];
      const [means, variances] = [sets.map(meanOf), sets.map(varianceOf)];
      if (normalizeWith === "running") [means[2], variances[2]] = [mean?.[c] ?? 0, variance?.[c] ?? 0];
      const mixed = (weights: number[], parts: number[]): number =>
        weights.reduce((total, share, k) => total + share * parts[k], 0);
      const y = (value - mixed(ofMeans, means)) / Math.sqrt(mixed(ofVariances, variances) + eps);
      return (gamma?.[c] ?? 1) * y + (beta?.[c] ?? 0);
    });
  },
);

test("refuses what it cannot normalise", () => {
  onWarning(() => {});
  const refused = [
    () => new SwitchableNorm(0),
    () => new SwitchableNorm(4).forward(zeros([8, 4])),
    () => new SwitchableNorm(4).forward(zeros([8, 3, 5])),
    () => new SwitchableNorm(4, { eps: 0 }).forward(zeros([8, 4, 5])),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new SwitchableNorm(numFeatures): expected numFeatures to be a whole number of at least 1, got 0. Correct numFeatures.",
      "ShapeError: SwitchableNorm(4).forward(x): expected at least 2 positions per channel, got 1 (shape 8×4). Use larger images or signals, or normalise with LayerNorm or GroupNorm.",
      "ShapeError: SwitchableNorm(4).forward(x): expected 4 channels in axis 1, got 3 (shape 8×3×5). Build the layer with 3 channels, or reshape x.",
      "ArgumentError: SwitchableNorm(4).forward(x): expected eps above 0, got 0. Set eps to a small positive number such as 1e-5.",
    ]
  `);
});
