import {
  arrayDataset,
  type Batch,
  BatchNorm,
  batches,
  fit,
  Linear,
  onWarning,
  recalibrate,
  Sequential,
  Sgd,
  seed,
  tensor,
} from "evenkeel";
import { afterEach, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { normalValues } from "../support/seeded.js";

const samples = 640;
const inputs = normalValues(2 * samples, 3, 5, 2);
const data = arrayDataset({ inputs, shape: [2], labels: new Int32Array(samples) });
const inBatches = () => batches(data, { batchSize: 64 });

/** A norm, in front of a layer whose rate of 0 keeps it as it is. */
function network(options = {}): Sequential {
  seed(4);
  return new Sequential(new BatchNorm(2, { eps: 0, ...options }), new Linear(2, 2));
}

const still = (model: Sequential) => ({ epochs: 2, optimizer: new Sgd(model.parameters(), { lr: 0 }) });

/** Mean and biased variance of a channel of the inputs from a sample on. */
function moments(channel: number, start: number, end: number): { mean: number; variance: number } {
  const own = Array.from(inputs.subarray(2 * start, 2 * end)).filter((_, k) => k % 2 === channel);
  const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
  return { mean, variance: own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length };
}

/** What r ← momentum · r + (1 − momentum) · batch makes of twenty batches, from 0 and 1. */
function moved(channel: number, momentum: number): { mean: number; variance: number } {
  let [mean, variance] = [0, 1];
  for (let k = 0; k < 20; k++) {
    const batch = moments(channel, (k % 10) * 64, ((k % 10) + 1) * 64);
    mean = momentum * mean + (1 - momentum) * batch.mean;
    variance = momentum * variance + (1 - momentum) * batch.variance;
  }
  return { mean, variance };
}

const warnings: string[] = [];
afterEach(() => {
  warnings.length = 0;
});

describeEachBackend("what fit says of running statistics", () => {
  test("is how far they lie from the latest batches, in deviations, and a warning where that is far", async () => {
    const model = network({ warmUp: false });
    const restore = onWarning((text) => warnings.push(text));
    const { lag } = await fit(model, inBatches(), still(model));
    onWarning(restore);
    const parts = [0, 1].map((c) => {
      const [running, recent] = [moved(c, 0.99), moved(c, 2 / 3)];
      const sigma = Math.sqrt(recent.variance);
      return [(recent.mean - running.mean) / sigma, (sigma - Math.sqrt(running.variance)) / sigma];
    });
    const rms = (k: number): number => Math.sqrt((parts[0][k] ** 2 + parts[1][k] ** 2) / 2);
    expect(lag).toHaveLength(1);
    expect(lag[0].norm).toBe("0");
    expectClose([lag[0].mean, lag[0].deviation], [rms(0), rms(1)], 1e-5);
    expect(warnings).toHaveLength(1);
    expect(warnings[0].replace(/[\d.]+ σ/, "… σ")).toMatchInlineSnapshot(
      `"fit(model, data): the running statistics of 0 lie … σ from those of the last batches, so evaluation differs from training. Pass { recalibrate: 1000 }, lower the norms' momentum, or let the learning rate fall."`,
    );
  });

  test("is little, and no warning, where they warm up", async () => {
    const model = network();
    const { lag } = await fit(model, inBatches(), still(model));
    expect(Math.max(lag[0].mean, lag[0].deviation)).toBeLessThan(0.1);
  });

  test("is nothing after fewer than ten batches, of frozen norms, and of networks without norms", async () => {
    const short = network({ warmUp: false });
    const few = batches(data, { batchSize: 128 });
    expect((await fit(short, few, { ...still(short), epochs: 1 })).lag).toEqual([]);
    const frozen = network();
    await recalibrate(frozen, inBatches());
    (frozen.layers[0] as BatchNorm).freeze();
    expect((await fit(frozen, inBatches(), still(frozen))).lag).toEqual([]);
    const plain = new Sequential(new Linear(2, 2));
    expect((await fit(plain, inBatches(), still(plain))).lag).toEqual([]);
  });

  test("is mended by recalibrate: statistics of the data", async () => {
    const model = network({ warmUp: false });
    await fit(model, inBatches(), { ...still(model), recalibrate: 320 });
    const norm = model.layers[0] as BatchNorm;
    const expected = [0, 1].map((c) => moments(c, 0, 320));
    expectClose(
      norm.runningMean?.dataSync() ?? [],
      expected.map(({ mean }) => mean),
      1e-6,
    );
    expectClose(
      norm.runningVar?.dataSync() ?? [],
      expected.map(({ variance }) => variance),
      1e-6,
    );
  });
});

test("recalibrate of fit is refused before a step is taken", async () => {
  const model = network();
  const before = model.stateDict();
  const spent = function* (): Generator<Batch<Int32Array>> {
    yield { inputs: tensor([[1, 2]]), targets: Int32Array.of(0) };
  };
  const run = (given: Parameters<typeof fit>[1], options: object) => fit(model, given, { ...still(model), ...options });
  await expect(run(spent(), { recalibrate: 10, epochs: 1 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ArgumentError: fit(model, data, { recalibrate }): expected data that can be gone through once more at the end, got an iterator, which is spent after one pass. Pass an array or batches().]`,
  );
  await expect(run(inBatches(), { recalibrate: 1.5 })).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ArgumentError: fit(model, data, { recalibrate }): expected recalibrate to be a whole number of at least 1, got 1.5. Correct recalibrate.]`,
  );
  for (const [name, t] of Object.entries(model.stateDict())) expect(t.dataSync()).toEqual(before[name].dataSync());
});
