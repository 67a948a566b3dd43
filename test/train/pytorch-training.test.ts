import { readFileSync } from "node:fs";
import {
  Adam,
  type AdamOptions,
  AdamW,
  BatchNorm,
  Conv2d,
  crossEntropy,
  Flatten,
  Linear,
  MaxPool2d,
  noGrad,
  type Optimizer,
  ReLU,
  Sequential,
  Sgd,
  type SgdOptions,
  scope,
  setBackend,
  type Tensor,
  tensor,
} from "evenkeel";
import { beforeAll, describe, expect, test } from "vitest";
import { expectClose, relativeError } from "../support/close.js";
import type { Stored } from "../support/stored.js";

/**
 * Largest difference of a parameter from PyTorch's in float64 after any of ten steps, in units of the largest
 * parameter.
 */
const optimizerTolerance = 5e-7;
/** Likewise for losses, running statistics, parameters and predictions of a network over 25 steps. */
const trainingTolerance = 5e-6;

interface OptimizerCase {
  readonly kind: "Sgd" | "Adam" | "AdamW";
  readonly name: string;
  readonly options: SgdOptions & AdamOptions;
  readonly start: Stored[];
  readonly targets: Stored[];
  readonly curvatures: Stored[];
  readonly steps: Stored[][];
}

interface Run {
  readonly name: "Sgd" | "Adam";
  readonly bias: boolean;
  readonly start: Record<string, Stored>;
  readonly losses: Stored;
  readonly end: Record<string, Stored>;
  readonly predictions: Stored;
}

interface Fixtures {
  readonly optimizers: OptimizerCase[];
  /** Images in 64ths. */
  readonly batches: { images: number[]; labels: number[] }[];
  readonly runs: Run[];
}

const fixtures: Fixtures = JSON.parse(
  readFileSync(new URL("../fixtures/pytorch-training.json", import.meta.url), "utf8"),
);

const kinds = { Sgd, Adam, AdamW };

const runOptimizers: Record<Run["name"], (parameters: readonly Tensor[]) => Optimizer> = {
  Sgd: (parameters) => new Sgd(parameters, { lr: 0.05, momentum: 0.9 }),
  Adam: (parameters) => new Adam(parameters, { lr: 0.01 }),
};

function network(bias: boolean): Sequential {
  // PyTorch's momentum 0.1, unbiased running variance and plain average.
  const norm = { momentum: 0.9, unbiased: true, warmUp: false };
  return new Sequential(
    new Conv2d(1, 4, 3, { padding: 1, bias: false }),
    new BatchNorm(4, norm),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(4, 8, 3, { padding: 1, bias }),
    new BatchNorm(8, norm),
    new ReLU(),
    new Flatten(),
    new Linear(128, 5),
  );
}

function images(step: number): Tensor {
  const batch = fixtures.batches[step % fixtures.batches.length];
  return tensor(
    Float32Array.from(batch.images, (value) => value / 64),
    [16, 1, 8, 8],
  );
}

describe.each(["cpu", "wasm"] as const)("PyTorch agrees on %s with", (backend) => {
  beforeAll(() => setBackend(backend));

  test.each(fixtures.optimizers)(
    "ten steps of $kind with $name",
    ({ kind, options, start, targets, curvatures, steps }) => {
      scope(() => {
        const constants = (list: readonly Stored[]): Tensor[] => list.map(({ values, shape }) => tensor(values, shape));
        const parameters = start.map(({ values, shape }) => tensor(values, shape, { requiresGrad: true }));
        const optimizer = new kinds[kind](parameters, options);
        const target = constants(targets);
        const curvature = constants(curvatures);
        for (const expected of steps) {
          optimizer.zeroGrad();
          parameters.forEach((p, k) => {
            p.sub(target[k]).pow(2).mul(curvature[k]).sum().mul(0.5).backward();
          });
          optimizer.step();
          parameters.forEach((p, k) => {
            expectClose(p.dataSync(), expected[k].values, optimizerTolerance);
          });
        }
      });
    },
  );

  test.each(fixtures.runs)("25 steps of a network by $name", ({ name, bias, start, losses, end, predictions }) => {
    scope(() => {
      const model = network(bias);
      model.loadStateDict(
        Object.fromEntries(Object.entries(start).map(([key, t]) => [key, tensor(t.values, t.shape)])),
      );
      const optimizer = runOptimizers[name](model.parameters());
      const trained = losses.values.map((_, step) =>
        scope(() => {
          const { labels } = fixtures.batches[step % fixtures.batches.length];
          optimizer.zeroGrad();
          const loss = crossEntropy(model.forward(images(step)), labels);
          loss.backward();
          optimizer.step();
          return loss.item();
        }),
      );
      // Each loss by itself: the last are far smaller than the first.
      const worstLoss = Math.max(...trained.map((loss, step) => relativeError([loss], [losses.values[step]])));
      expect(worstLoss).toBeLessThanOrEqual(trainingTolerance);
      const state = model.stateDict();
      expect(Object.keys(state)).toEqual(Object.keys(end));
      // A bias before a norm has gradient 0: what it becomes is rounding error, next to its initial values.
      const errors = Object.entries(end).map(
        ([key, { values }]) => [key, relativeError(state[key].dataSync(), values)] as const,
      );
      expect(Object.fromEntries(errors.filter(([, error]) => !(error <= trainingTolerance)))).toEqual({});
      const logits = noGrad(() => model.eval().forward(images(0)));
      expectClose(logits.dataSync(), predictions.values, trainingTolerance);
    });
  });
});
