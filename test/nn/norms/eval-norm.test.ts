import { BatchNorm, Conv2d, EvalNorm, evalNorm, onWarning, ReLU, Sequential, seed, type Tensor } from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { messageOf } from "../../support/message-of.js";
import { describeNorm, Grid, meanOf, varianceOf } from "../../support/norm-cases.js";
import { normal } from "../../support/seeded.js";

describeNorm(
  "EvalNorm",
  {
    images: { make: () => new EvalNorm(new BatchNorm(3), { alpha: 0.4, beta: 0.3 }), shapes: [[8, 3, 2, 3]] },
    rows: {
      make: () => new EvalNorm(new BatchNorm(4, { affine: false, eps: 0.1 }), { alpha: 0.2, beta: 0.5 }),
      shapes: [[9, 4]],
    },
  },
  ({ norm, alpha, beta }, x) => {
    const grid = new Grid(x);
    const { weight, bias, runningMean, runningVar, eps, normalizeWith } = norm;
    const [gamma, shift, mean, variance] = [weight, bias, runningMean, runningVar].map((t) => t?.dataSync());
    return grid.map((value, n, c) => {
      const channel = grid.where((_, k) => k === c);
      const own = grid.where((m, k) => m === n && k === c);
      const [running, spread] = [mean?.[c] ?? 0, variance?.[c] ?? 1];
      const d = meanOf(own) - running;
      const [centre, square] =
        normalizeWith === "batch"
          ? [meanOf(channel), varianceOf(channel)]
          : [running + alpha * d, beta * (varianceOf(own) + d ** 2) + (1 - beta) * spread - (alpha * d) ** 2];
      return ((gamma?.[c] ?? 1) * (value - centre)) / Math.sqrt(square + eps) + (shift?.[c] ?? 0);
    });
  },
);

describeEachBackend("evalNorm", () => {
  /** Samples of two channels that differ in mean and scale from one another. */
  const batchOf = (samples: number, from: number): Tensor => {
    const shift = normal([samples, 2, 1, 1], from).mul(2).add(1);
    const scale = normal([samples, 2, 1, 1], from + 1).exp();
    return normal([samples, 2, 3, 3], from + 2)
      .mul(scale)
      .add(shift);
  };

  test("finds shares of 1 / N in batches of N independent samples, and evaluates more as training does", async () => {
    seed(1);
    onWarning(() => {});
    for (const samples of [2, 4]) {
      const model = new Sequential(new BatchNorm(2, { momentum: "cumulative", affine: false }));
      for (let k = 0; k < 400; k++) model.forward(batchOf(samples, 10 * k));
      // Running means and the mean square about them, as of the population.
      const batches = Array.from({ length: 300 }, (_, k) => batchOf(samples, 10_000 + 10 * k));
      const difference = (): number => {
        const parts = batches.slice(0, 60).map((x) => {
          const trained = model.train().forward(x).dataSync();
          const evaluated = model.eval().forward(x).dataSync();
          return meanOf(Array.from(trained, (value, i) => (value - evaluated[i]) ** 2));
        });
        return meanOf(parts);
      };
      const [norm] = model.layers;
      (norm as BatchNorm).updateRunning = false;
      const before = difference();
      const [corrected, ...rest] = await evalNorm(model.eval(), batches);
      expect(rest).toEqual([]);
      expect(corrected.norm).toBe("0");
      expect(Math.abs(corrected.alpha - 1 / samples)).toBeLessThan(0.1);
      expect(corrected.beta).toBeGreaterThanOrEqual(corrected.alpha ** 2);
      expect(model.layers[0]).toBeInstanceOf(EvalNorm);
      expect(difference()).toBeLessThan(before);
    }
  });

  test("replaces norms wherever they stand, once, and leaves mode and statistics as they were", async () => {
    onWarning(() => {});
    const model = new Sequential(new Conv2d(1, 2, 3), new BatchNorm(2), new ReLU(), new Sequential(new BatchNorm(2)));
    model.forward(normal([8, 1, 5, 5], 1));
    const { "1.running_mean": mean } = model.stateDict();
    const data = [normal([4, 1, 5, 5], 2), { inputs: normal([4, 1, 5, 5], 3), targets: new Int32Array(4) }];
    const names = (await evalNorm(model, data)).map(({ norm }) => norm);
    expect(names).toEqual(["1", "3.0"]);
    expect(model.training).toBe(true);
    expectClose(model.stateDict()["1.norm.running_mean"].dataSync(), mean.dataSync(), 0);
    expect(await evalNorm(model, data)).toEqual([]);
  });
});

test("refuses what it cannot correct", async () => {
  const norm = new BatchNorm(2);
  const refused = [
    () => new EvalNorm(new ReLU() as unknown as BatchNorm, { alpha: 0, beta: 0 }),
    () => new EvalNorm(new BatchNorm(2, { trackRunningStats: false }), { alpha: 0, beta: 0 }),
    () => new EvalNorm(norm, { alpha: 0.5, beta: 0.1 }),
    () => new EvalNorm(norm, { alpha: 0.5, beta: 0.5 }).eval().forward(normal([2, 3], 1)),
  ];
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "ArgumentError: new EvalNorm(norm): expected a BatchNorm with running statistics and eps above 0, got ReLU(). Build the norm with trackRunningStats.",
      "ArgumentError: new EvalNorm(norm): expected a BatchNorm with running statistics and eps above 0, got BatchNorm(2). Build the norm with trackRunningStats.",
      "ArgumentError: new EvalNorm(norm): expected alpha from 0 to 1, and beta from alpha² to 1, got alpha 0.5, beta 0.1. Let evalNorm(model, data) estimate both.",
      "ShapeError: EvalNorm(BatchNorm(2)).forward(x): expected 2 channels in axis 1, got 3 (shape 2×3). Build the layer with 3 channels, or reshape x.",
    ]
  `);
  await expect(evalNorm(new Sequential(norm), {} as Tensor[])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ArgumentError: evalNorm(model, data): expected batches, one after another, got object. Pass batches(dataset, { batchSize: 64 }), or an array of batches.]`,
  );
  await expect(evalNorm(new Sequential(norm), [])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ArgumentError: evalNorm(model, data): expected batches of the size of training, got none. Pass some, and an iterator that is not spent.]`,
  );
});
