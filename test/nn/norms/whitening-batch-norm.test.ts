import { onWarning, recalibrate, Sequential, type Tensor, WhiteningBatchNorm, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid, meanOf } from "../../support/norm-cases.js";
import { normal } from "../../support/seeded.js";

type Matrix = number[][];

const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((total, value, k) => total + value * b[k][j], 0)));
const combined = (a: Matrix, p: number, b: Matrix, q: number): Matrix =>
  a.map((row, i) => row.map((value, j) => p * value + q * b[i][j]));
const identity = (n: number): Matrix =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => +(i === j)));

/** P of Newton's iteration over √(tr Σ) in float64. */
function newton(sigma: Matrix, steps: number): Matrix {
  const trace = sigma.reduce((total, row, i) => total + row[i], 0);
  let p = identity(sigma.length);
  for (let k = 0; k < steps; k++) {
    p = combined(p, 1.5, product(product(product(p, p), p), sigma), -0.5 / trace);
  }
  return p.map((row) => row.map((value) => value / Math.sqrt(trace)));
}

/** Σ^(−1/2) by the coupled iteration, which stays exact. */
function inverseRoot(sigma: Matrix): Matrix {
  const trace = sigma.reduce((total, row, i) => total + row[i], 0);
  let [y, z] = [sigma.map((row) => row.map((value) => value / trace)), identity(sigma.length)];
  for (let k = 0; k < 60; k++) {
    const step = combined(identity(sigma.length), 1.5, product(z, y), -0.5);
    [y, z] = [product(y, step), product(step, z)];
  }
  return z.map((row) => row.map((value) => value / Math.sqrt(trace)));
}

/** The channels of each group by their covariance in float64, or by the running matrix. */
function formula(norm: WhiteningBatchNorm, x: Tensor): number[] {
  const { groups, numFeatures, eps, iterations, weight, bias, runningMean, runningWhitening, normalizeWith } = norm;
  const grid = new Grid(x);
  const size = numFeatures / groups;
  const [gamma, beta, running, matrices] = [weight, bias, runningMean, runningWhitening].map((t) => t?.dataSync());
  const channels = Array.from({ length: numFeatures }, (_, c) => grid.where((__, k) => k === c));
  const means = channels.map((values, c) => (normalizeWith === "running" ? (running?.[c] ?? 0) : meanOf(values)));
  const whitening = Array.from({ length: groups }, (_, g): Matrix => {
    if (normalizeWith === "running") {
      return identity(size).map((row, i) => row.map((__, j) => matrices?.[(g * size + i) * size + j] ?? 0));
    }
    const own = channels.slice(g * size, (g + 1) * size).map((values, i) => values.map((v) => v - means[g * size + i]));
    const sigma = own.map((a, i) => own.map((b, j) => meanOf(a.map((value, k) => value * b[k])) + (i === j ? eps : 0)));
    return iterations === "exact" ? inverseRoot(sigma) : newton(sigma, iterations);
  });
  return grid.map((_, n, c, s) => {
    const g = Math.floor(c / size);
    const row = whitening[g][c % size];
    const y = row.reduce((total, w, i) => total + w * (grid.at(n, g * size + i, s) - means[g * size + i]), 0);
    return (gamma?.[c] ?? 1) * y + (beta?.[c] ?? 0);
  });
}

describeNorm(
  "WhiteningBatchNorm",
  {
    "five steps": { make: () => new WhiteningBatchNorm(4, { eps: 0.01 }), shapes: [[9, 4, 2, 3]], tolerance: 3e-5 },
    "two groups": {
      make: () => new WhiteningBatchNorm(4, { groups: 2, iterations: 3, affine: false, warmUp: false, momentum: 0.6 }),
      shapes: [[9, 4, 5]],
      tolerance: 3e-5,
    },
    "exact, of rows": {
      make: () => new WhiteningBatchNorm(3, { iterations: "exact", eps: 0.1 }),
      shapes: [[12, 3]],
      tolerance: 3e-5,
    },
    "exact, of two groups": {
      make: () => new WhiteningBatchNorm(4, { iterations: "exact", groups: 2, momentum: "cumulative" }),
      shapes: [[9, 4, 3]],
      tolerance: 3e-5,
    },
  },
  formula,
);

describeEachBackend("whitened channels", () => {
  test("have variance 1 and no correlation, also where they had much", () => {
    onWarning(() => {});
    const base = normal([400, 1], 1);
    const x = normal([400, 3], 2).mul(0.3).add(base);
    for (const iterations of ["exact", 20] as const) {
      const grid = new Grid(new WhiteningBatchNorm(3, { iterations, eps: 1e-6 }).forward(x));
      const channels = [0, 1, 2].map((c) => grid.where((_, k) => k === c));
      const covariance = channels.flatMap((a) => channels.map((b) => meanOf(a.map((value, k) => value * b[k]))));
      expectClose(covariance, [1, 0, 0, 0, 1, 0, 0, 0, 1], 1e-3);
    }
  });

  test("the running matrix moves with the weights of the running mean, and skips what it skips", () => {
    onWarning(() => {});
    const norm = new WhiteningBatchNorm(2, { momentum: 0.75, warmUp: false });
    const batches = [normal([9, 2], 1), normal([9, 2], 2).mul(3)];
    const matrices = batches.map((x) => {
      const alone = new WhiteningBatchNorm(2);
      alone.forward(x);
      return alone.runningWhitening.dataSync();
    });
    norm.forward(batches[0]);
    norm.forward(batches[1]);
    norm.forward(normal([9, 2], 3).mul(Number.NaN));
    const start = [1, 0, 0, 1];
    const expected = start.map((value, k) => 0.5625 * value + 0.1875 * matrices[0][k] + 0.25 * matrices[1][k]);
    expectClose(norm.runningWhitening.dataSync(), expected, 1e-6);
    expect(norm.skippedBatches).toBe(1);
    norm.resetRunningStats();
    expect([...norm.runningWhitening.dataSync()]).toEqual(start);
  });
});

describeEachBackend("recalibration", () => {
  test.each(["batch", "sequential"] as const)(
    "in mode %s renews the matrix: the mean of those of batches",
    async (mode) => {
      onWarning(() => {});
      const data = [normal([12, 2], 1), normal([12, 2], 2).mul(3)];
      const matrices = data.map((x) => {
        const alone = new WhiteningBatchNorm(2);
        alone.forward(x);
        return alone.runningWhitening.dataSync();
      });
      const model = new Sequential(new WhiteningBatchNorm(2));
      const [norm] = model.layers as [WhiteningBatchNorm];
      model.forward(normal([12, 2], 3));
      const before = [...norm.runningWhitening.dataSync()];
      const stopped = recalibrate(model, data, {
        mode,
        onProgress: () => {
          throw new Error("stop");
        },
      });
      await expect(stopped).rejects.toThrow("stop");
      expect([...norm.runningWhitening.dataSync()]).toEqual(before);
      await recalibrate(model, [...data, data[0].mul(Number.NaN)], { mode });
      const mean = before.map((_, k) => (matrices[0][k] + matrices[1][k]) / 2);
      expectClose(norm.runningWhitening.dataSync(), mean, 1e-6);
      await recalibrate(model, [normal([12, 2], 3)], { mode, blend: 36 });
      const blended = before.map((value, k) => 0.75 * mean[k] + 0.25 * value);
      expectClose(norm.runningWhitening.dataSync(), blended, 1e-6);
      expect(norm.training).toBe(true);
    },
  );
});

test("has the fewest groups of 64 channels or fewer, and refuses what does not fit", () => {
  onWarning(() => {});
  expect([3, 64, 96, 130].map((features) => new WhiteningBatchNorm(features).groups)).toEqual([1, 1, 2, 5]);
  const refused = [
    () => new WhiteningBatchNorm(0),
    () => new WhiteningBatchNorm(4, { groups: 3 }),
    () => new WhiteningBatchNorm(4, { iterations: 0 }),
    () => new WhiteningBatchNorm(4, { eps: 0 }).forward(zeros([9, 4])),
    () => new WhiteningBatchNorm(4).forward(zeros([1, 4])),
    () => new WhiteningBatchNorm(4).forward(zeros([9, 3])),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new WhiteningBatchNorm(numFeatures): expected numFeatures to be a whole number of at least 1, got 0. Correct numFeatures.",
      "ArgumentError: new WhiteningBatchNorm(numFeatures): expected groups to divide numFeatures, got 3 groups for 4 channels. Choose a divisor of numFeatures.",
      "ArgumentError: new WhiteningBatchNorm(numFeatures): expected iterations to be a whole number of at least 1, got 0. Correct iterations.",
      "ArgumentError: WhiteningBatchNorm(4).forward(x): expected eps above 0, got 0. Set eps to a small positive number such as 1e-5.",
      "ShapeError: WhiteningBatchNorm(4).forward(x): expected at least 2 values per channel for batch statistics, got 1 (shape 1×4). Use a batch of 2 or more, call eval() first, or normalise with GroupNorm or LayerNorm.",
      "ShapeError: WhiteningBatchNorm(4).forward(x): expected 4 channels in axis 1, got 3 (shape 9×3). Build the layer with 3 channels, or reshape x.",
    ]
  `);
});
