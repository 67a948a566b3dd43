import {
  Adam,
  arrayDataset,
  type Batch,
  BatchNorm,
  batches,
  confusionMatrix,
  evaluate,
  fit,
  GroupNorm,
  type HistogramsRecord,
  LayerNorm,
  Linear,
  memoryInUse,
  mse,
  type NormsRecord,
  PredictedValues,
  ReLU,
  RmsNorm,
  Sequential,
  seed,
  type TensorData,
  type TrainingRecord,
  TrainingRecorder,
  tensor,
  WorstMistakes,
} from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { normalValues } from "../support/seeded.js";

const samples = 96;
const features = 5;
const data = batches(
  arrayDataset({
    inputs: normalValues(samples * features, 1).map((value, i) => value * (1 + (i % features)) + (i % features)),
    shape: [features],
    labels: Array.from({ length: samples }, (_, k) => k % 2),
  }),
  { batchSize: 12 },
);

/** Trains a network of one norm between others, and what was recorded. */
async function recorded(norm = new BatchNorm(features), { epochs = 2, record = true, evaluating = false } = {}) {
  seed(1);
  const model = new Sequential(norm, new Linear(features, 6), new BatchNorm(6), new ReLU(), new Linear(6, 2));
  const history: TrainingRecord[] = [];
  const inUse: number[] = [];
  const steps = data.length * epochs;
  const recorder = record ? new TrainingRecorder(model, { steps, onRecord: (one) => history.push(one) }) : null;
  await fit(model, data, {
    epochs,
    optimizer: new Adam(model.parameters(), { lr: 0.01 }),
    onStep: async (report) => {
      await recorder?.step(report);
      if (evaluating) await evaluate(model, data);
      inUse.push(memoryInUse());
    },
  });
  recorder?.close();
  return { model, history, inUse };
}

const normsOf = (history: TrainingRecord[]): NormsRecord[] => history.filter((one) => one.kind === "norms");
const histogramsOf = (history: TrainingRecord[]): HistogramsRecord[] =>
  history.filter((one) => one.kind === "histograms");

describeEachBackend("TrainingRecorder", () => {
  test("records every step of a short run, and its first batch's statistics by hand", async () => {
    const { history } = await recorded();
    const steps = history.filter((one) => one.kind === "step");
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 16 }, (_, k) => k));
    const [first] = normsOf(history);
    expect(first.layers.map(({ layer }) => layer)).toEqual(["0: BatchNorm(5)", "2: BatchNorm(6)"]);
    const { batchMean, batchVariance, runningMean } = first.layers[0];
    const [batch]: Batch[] = [...data];
    const values = (batch.inputs as TensorData).values;
    const columns = Array.from({ length: features }, (_, c) => Array.from(values).filter((_, i) => i % features === c));
    const means = columns.map((column) => column.reduce((total, value) => total + value, 0) / column.length);
    const variances = columns.map(
      (column, c) => column.reduce((total, value) => total + (value - means[c]) ** 2, 0) / column.length,
    );
    // Of five channels the quartiles are the values themselves, in order.
    const inOrder = (list: number[]): number[] => [...list].sort((a, b) => a - b);
    for (const [spread, expected] of [
      [batchMean, inOrder(means)],
      [batchVariance, inOrder(variances)],
      [runningMean, inOrder(means)],
    ] as const) {
      for (const [k, value] of (spread ?? []).entries()) expect(value).toBeCloseTo(expected[k], 4);
    }
  });

  test("counts what went in and what came out, which batch norm brings to mean 0 and deviation 1", async () => {
    const records = histogramsOf((await recorded()).history);
    expect(records.map(({ step }) => step)).toEqual([0, 2, 5, 9, 15]);
    for (const { layers } of records) {
      const { before, after } = layers[0];
      expect(before?.counts.reduce((total, count) => total + count, 0)).toBeGreaterThanOrEqual(12 * features - 2);
      const [low, high] = after?.range ?? [];
      const middles =
        after?.counts.map((_, k) => (low ?? 0) + ((k + 0.5) * ((high ?? 0) - (low ?? 0))) / after.counts.length) ?? [];
      const total = after?.counts.reduce((sum, count) => sum + count, 0) ?? 0;
      const mean = middles.reduce((sum, middle, k) => sum + middle * (after?.counts[k] ?? 0), 0) / total;
      expect(Math.abs(mean)).toBeLessThan(0.15);
    }
  });

  test("changes nothing in training, frees what it holds, and is not disturbed by evaluations in between", async () => {
    const bare = await recorded(undefined, { record: false });
    const watched = await recorded();
    const disturbed = await recorded(undefined, { evaluating: true });
    for (const [name, expected] of Object.entries(bare.model.stateDict())) {
      expect(watched.model.stateDict()[name].dataSync()).toEqual(expected.dataSync());
    }
    expect(disturbed.history).toEqual(watched.history);
    expect(watched.model.namedModules().some(([, module]) => module.hooked)).toBe(false);
    // After the first step, which makes the optimiser's state, each leaves behind what the one before it did.
    expect(new Set(watched.inUse.slice(1)).size).toBe(1);
  });

  test("takes up where an interrupted run stopped, with the same history", async () => {
    const whole = (await recorded()).history;
    seed(1);
    const model = new Sequential(
      new BatchNorm(features),
      new Linear(features, 6),
      new BatchNorm(6),
      new ReLU(),
      new Linear(6, 2),
    );
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    const history: TrainingRecord[] = [];
    let step = 0;
    for (let epoch = 0; epoch < 2; epoch++) {
      const recorder = new TrainingRecorder(model, { steps: 16, start: step, onRecord: (one) => history.push(one) });
      const onStep = (report: Parameters<typeof recorder.step>[0]): Promise<void> =>
        recorder.step({ ...report, step: step++ });
      await fit(model, data, { epochs: 1, optimizer, onStep });
      recorder.close();
    }
    expect(history).toEqual(whole);
  });

  test.each([
    ["LayerNorm", () => new LayerNorm(features)],
    ["RmsNorm", () => new RmsNorm(features)],
    ["GroupNorm", () => new GroupNorm(1, features)],
  ])("follows %s, which has no running statistics", async (name, make) => {
    seed(1);
    const model = new Sequential(make(), new Linear(features, 2));
    const history: TrainingRecord[] = [];
    const recorder = new TrainingRecorder(model, { steps: 8, onRecord: (one) => history.push(one) });
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    await fit(model, data, { epochs: 1, optimizer, onStep: (report) => recorder.step(report) });
    const [{ layers }] = normsOf(history);
    expect(layers[0].layer).toContain(name);
    expect(layers[0]).toMatchObject({
      runningMean: null,
      runningVariance: null,
      bias: name === "RmsNorm" ? null : expect.anything(),
    });
    // The channels' own means, 0 to 4, whatever the layer shares them over.
    expect(layers[0].batchMean[4]).toBeGreaterThan(layers[0].batchMean[0] ?? 0);
  });
});

describe("a record", () => {
  test("survives JSON", async () => {
    const { history } = await recorded();
    expect(JSON.parse(JSON.stringify(history))).toEqual(history);
  });

  test("is made about a hundred times in a long run, and more often at first", () => {
    // Only the choice of steps is looked at: the model is never run.
    const model = new Sequential(new BatchNorm(2));
    const [[, norm]] = model.namedModules().slice(1);
    const looked: number[] = [];
    const steps = 100_000;
    const recorder = new TrainingRecorder(model, { steps, onRecord: () => {} });
    const report = { steps, epoch: 0, loss: 1, accuracy: null, samples: 1, lr: 1, gradientNorm: 1 };
    for (let step = 0; step < 3000; step++) {
      if (norm.hooked) looked.push(step);
      void recorder.step({ ...report, step });
    }
    expect(looked).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1024, 2000, 2048]);
    recorder.close();
  });

  test("needs a number of steps", () => {
    const make = (): TrainingRecorder => new TrainingRecorder(new Linear(1, 1), { steps: 0, onRecord: () => {} });
    expect(make).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new TrainingRecorder(model, { steps }): expected steps to be a whole number of at least 1, got 0. Correct steps.]`,
    );
  });
});

describeEachBackend("WorstMistakes", () => {
  test("keeps those with the least probability of the true class, over batches of any size", async () => {
    const model = new Sequential(new Linear(2, 2, { bias: false }));
    model.loadStateDict({
      "0.weight": tensor([
        [1, 0],
        [0, 1],
      ]),
    });
    const inputs = [
      [3, 0],
      [0, 3],
      [2, 0],
      [9, 0],
      [0, 1],
      [0, 5],
    ];
    const labels = [0, 0, 1, 1, 0, 1];
    const set = arrayDataset({ inputs: Float32Array.from(inputs.flat()), shape: [2], labels });
    for (const batchSize of [1, 4, 6]) {
      const mistakes = new WorstMistakes(3);
      await confusionMatrix(model, batches(set, { batchSize }), { onOutput: mistakes.add });
      expect(mistakes.list.map(({ index, label, predicted }) => [index, label, predicted])).toEqual([
        [3, 1, 0],
        [1, 0, 1],
        [2, 1, 0],
      ]);
      const [{ confidence, labelProbability, inputs: given }] = mistakes.list;
      expect(confidence).toBeCloseTo(1 / (1 + Math.exp(-9)), 6);
      expect(labelProbability).toBeCloseTo(1 / (1 + Math.exp(9)), 8);
      expect(given).toEqual(Float32Array.of(9, 0));
    }
  });
});

describeEachBackend("PredictedValues", () => {
  test("keeps samples in equal distances, and those that were missed furthest", async () => {
    const model = new Sequential(new Linear(1, 1, { bias: false }));
    model.loadStateDict({ "0.weight": tensor([[2]]) });
    const batch = (values: number[], targets: number[]): Batch<TensorData> => ({
      inputs: { values: Float32Array.from(values), shape: [values.length, 1] },
      targets: { values: Float32Array.from(targets), shape: [values.length, 1] },
    });
    const values = new PredictedValues({ samples: 5, count: 2, points: 3 });
    const parts = [batch([1, 2, 3], [2, 0, 6.5]), batch([4, 5], [80, 10])];
    await evaluate(model, parts, { loss: mse, onOutput: values.add });
    expect(values.some.map(({ index, target, predicted }) => [index, target, predicted])).toEqual([
      [0, 2, 2],
      [2, 6.5, 6],
      [4, 10, 10],
    ]);
    expect(values.worst.map(({ index, inputs }) => [index, inputs])).toEqual([
      [3, Float32Array.of(4)],
      [1, Float32Array.of(2)],
    ]);
  });
});
