import { EvoNorm, onWarning, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid, varianceOf } from "../../support/norm-cases.js";

/** v lies such that both sides of B0's maximum occur, and none is near the other. */
const parameter = (key: string, _: unknown, deviates: Float32Array): Float32Array =>
  key === "v" ? deviates.map((_, c) => (c % 2 === 0 ? 9 : -9)) : deviates.map((v) => 1 + v / 2);
const values = (v: number): number => 2 * v + (v > 0 ? 1 : -1);
const b0 = { parameter, values };

describeNorm(
  "EvoNorm B0",
  {
    images: { make: () => new EvoNorm(3, { warmUp: false, momentum: 0.6 }), shapes: [[4, 3, 3, 4]], ...b0 },
    signals: { make: () => new EvoNorm(2, { eps: 0.1, affine: false }), shapes: [[5, 2, 7]], ...b0 },
    rows: { make: () => new EvoNorm(5), shapes: [[6, 5]], ...b0 },
  },
  ({ eps, v, weight, bias, runningVar, normalizeWith }, x) => {
    const grid = new Grid(x);
    const [slopes, gamma, beta, running] = [v, weight, bias, runningVar].map((t) => t?.dataSync());
    return grid.map((value, n, c) => {
      const ofBatch =
        normalizeWith === "running" ? (running?.[c] ?? 0) : varianceOf(grid.where((_, channel) => channel === c));
      const ofSample = varianceOf(grid.where((m, channel) => m === n && channel === c));
      const bend = (slopes?.[c] ?? 0) * value + Math.sqrt(ofSample + eps);
      return ((gamma?.[c] ?? 1) * value) / Math.max(Math.sqrt(ofBatch + eps), bend) + (beta?.[c] ?? 0);
    });
  },
);

describeNorm(
  "EvoNorm S0",
  {
    images: { make: () => new EvoNorm(6, { variant: "S0", groups: 2 }), shapes: [[2, 6, 3, 4]] },
    "one group": { make: () => new EvoNorm(3, { variant: "S0", groups: 1, eps: 0.1 }), shapes: [[3, 3, 7]] },
    rows: { make: () => new EvoNorm(6, { variant: "S0", groups: 3, eps: 0.5, affine: false }), shapes: [[4, 6]] },
  },
  ({ eps, v, weight, bias, groups, numFeatures }, x) => {
    const grid = new Grid(x);
    const [slopes, gamma, beta] = [v, weight, bias].map((t) => t?.dataSync());
    const groupOf = (c: number): number => Math.floor((c * groups) / numFeatures);
    return grid.map((value, n, c) => {
      const group = grid.where((m, channel) => m === n && groupOf(channel) === groupOf(c));
      const activated = value / (1 + Math.exp(-(slopes?.[c] ?? 0) * value));
      return ((gamma?.[c] ?? 1) * activated) / Math.sqrt(varianceOf(group) + eps) + (beta?.[c] ?? 0);
    });
  },
);

test("S0 has the most groups up to 32 that divide the channels", () => {
  expect([16, 64, 70, 37].map((features) => new EvoNorm(features, { variant: "S0" }).groups)).toEqual([16, 32, 14, 1]);
});

test("refuses what it cannot normalise", () => {
  onWarning(() => {});
  const refused = [
    () => new EvoNorm(0),
    () => new EvoNorm(4, { variant: "B1" as "B0" }),
    () => new EvoNorm(4, { variant: "S0", groups: 3 }),
    () => new EvoNorm(4, { eps: 0 }).forward(zeros([2, 4])),
    () => new EvoNorm(4).forward(zeros([2, 3])),
    () => new EvoNorm(4).forward(zeros([1, 4])),
    () => new EvoNorm(4, { variant: "S0" }).freeze(),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new EvoNorm(numFeatures): expected numFeatures to be a whole number of at least 1, got 0. Correct numFeatures.",
      "ArgumentError: new EvoNorm(numFeatures): expected variant to be "B0" or "S0", got "B1". Choose one of them.",
      "ArgumentError: new EvoNorm(numFeatures): expected groups to divide numFeatures, got 3 groups for 4 channels. Choose a divisor of numFeatures.",
      "ArgumentError: EvoNorm(4, B0).forward(x): expected eps above 0, got 0. Set eps to a small positive number such as 1e-5.",
      "ShapeError: EvoNorm(4, B0).forward(x): expected 4 channels in axis 1, got 3 (shape 2×3). Build the layer with 3 channels, or reshape x.",
      "ShapeError: EvoNorm(4, B0).forward(x): expected at least 2 values per channel for batch statistics, got 1 (shape 1×4). Use a batch of 2 or more, call eval() first, or normalise with GroupNorm or LayerNorm.",
      "ArgumentError: EvoNorm(4, S0).freeze(): expected a layer with running statistics, got one built with trackRunningStats: false. Build the layer with trackRunningStats: true.",
    ]
  `);
});
