import { BatchInstanceNorm, onWarning, tensor, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid, meanOf, varianceOf } from "../../support/norm-cases.js";
import { normal } from "../../support/seeded.js";

const inside = (key: string, _: unknown, deviates: Float32Array): Float32Array =>
  deviates.map((v) => (key === "gate" ? 0.5 + 0.4 * Math.tanh(v) : 1 + v / 2));
const outside = (key: string, _: unknown, deviates: Float32Array): Float32Array =>
  deviates.map((v, c) => (key === "gate" ? [-0.5, 0, 1.5][c] : 1 + v / 2));

const formula = ({ batch, gate, weight, bias }: BatchInstanceNorm, x: ReturnType<typeof zeros>): number[] => {
  const grid = new Grid(x);
  const { eps, runningMean, runningVar, normalizeWith } = batch;
  const [rho, gamma, beta, mean, variance] = [gate, weight, bias, runningMean, runningVar].map((t) => t?.dataSync());
  const at = (values: Float32Array | undefined, c: number): number => values?.[c] ?? 0;
  return grid.map((value, n, c) => {
    const channel = grid.where((_, k) => k === c);
    const own = grid.where((m, k) => m === n && k === c);
    const [centre, spread] =
      normalizeWith === "running" ? [at(mean, c), at(variance, c)] : [meanOf(channel), varianceOf(channel)];
    const share = Math.min(Math.max(at(rho, c), 0), 1);
    const byBatch = (value - centre) / Math.sqrt(spread + eps);
    const bySample = (value - meanOf(own)) / Math.sqrt(varianceOf(own) + eps);
    return at(gamma, c) * (share * byBatch + (1 - share) * bySample) + at(beta, c);
  });
};

describeNorm(
  "BatchInstanceNorm",
  {
    images: {
      make: () => new BatchInstanceNorm(3, { eps: 0.01 }),
      shapes: [[8, 3, 3, 4]],
      parameter: inside,
    },
    signals: {
      make: () => new BatchInstanceNorm(2, { momentum: 0.6, warmUp: false, unbiased: true }),
      shapes: [[9, 2, 7]],
      parameter: inside,
    },
  },
  formula,
);

test("a share outside [0, 1] counts as 0 or 1, and still has a gradient that brings it back", () => {
  const norm = new BatchInstanceNorm(3);
  const values = outside("gate", [], new Float32Array(3));
  norm.loadStateDict({ ...norm.stateDict(), gate: tensor(values) });
  const x = normal([8, 3, 5], 1);
  const y = norm.forward(x);
  const expected = formula(norm, x);
  expect(y.dataSync().every((value, i) => Math.abs(value - expected[i]) < 1e-5)).toBe(true);
  y.backward(normal(y.shape, 2));
  expect(norm.gate.grad?.dataSync().every((slope) => slope !== 0)).toBe(true);
});

test("refuses what it cannot normalise", () => {
  onWarning(() => {});
  const refused = [
    () => new BatchInstanceNorm(0),
    () => new BatchInstanceNorm(4, { eps: -1 }),
    () => new BatchInstanceNorm(4).forward(zeros([8, 4])),
    () => new BatchInstanceNorm(4).forward(zeros([8, 3, 5])),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new BatchInstanceNorm(numFeatures): expected numFeatures to be a whole number of at least 1, got 0. Correct numFeatures.",
      "ArgumentError: BatchNorm(4).eps: expected a finite number of at least 0, got -1. Pass a small one such as 1e-5.",
      "ShapeError: InstanceNorm(4).forward(x): expected at least 2 positions per channel, got 1 (shape 8×4). Use larger images or signals, or normalise with LayerNorm or GroupNorm.",
      "ShapeError: BatchInstanceNorm(4).forward(x): expected 4 channels in axis 1, got 3 (shape 8×3×5). Build the layer with 3 channels, or reshape x.",
    ]
  `);
});
