import { arrayDataset, batches, binaryCrossEntropy, evaluate, fit, Linear, Sequential, Sgd, tensor } from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { messageOf } from "../support/message-of.js";
import { onRanks } from "../support/ranks.js";
import { normalValues } from "../support/seeded.js";

const names = ["f1", "meanIou", "auc"] as const;
const unchanged = new Sequential();

/** The probability that one of the class has the higher score, by all pairs. */
function areaByPairs(scores: readonly number[], isRight: readonly boolean[]): number {
  let [won, pairs] = [0, 0];
  for (const [i, a] of scores.entries()) {
    for (const [j, b] of scores.entries()) {
      if (!isRight[i] || isRight[j]) continue;
      pairs++;
      won += a > b ? 1 : a === b ? 0.5 : 0;
    }
  }
  return won / pairs;
}

/** F1 and intersection over union of a class. */
function overlap(taken: readonly boolean[], isRight: readonly boolean[]): [f1: number, iou: number] {
  const count = (f: (a: boolean, b: boolean) => boolean): number => taken.filter((a, i) => f(a, isRight[i])).length;
  const [hit, either] = [count((a, b) => a && b), count((a, b) => a || b)];
  return [(2 * hit) / (hit + either), hit / either];
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

describeEachBackend("metrics", () => {
  test("of labels are the means over classes", async () => {
    const values = normalValues(120, 3);
    const labels = Int32Array.from({ length: 40 }, (_, k) => (k * k + (k >> 2)) % 3);
    const data = batches(arrayDataset({ inputs: values, shape: [3], labels }), { batchSize: 7 });
    const { metrics } = await evaluate(unchanged, data, { metrics: names });
    const rows = Array.from(labels, (_, k) => [...values.slice(3 * k, 3 * k + 3)]);
    const winners = rows.map((row) => row.indexOf(Math.max(...row)));
    const shares = rows.map((row) => row.map((v) => Math.exp(v) / row.reduce((sum, w) => sum + Math.exp(w), 0)));
    const expected = [0, 1, 2].map((c) => {
      const isRight = [...labels].map((label) => label === c);
      return [
        ...overlap(
          winners.map((w) => w === c),
          isRight,
        ),
        areaByPairs(
          shares.map((s) => s[c]),
          isRight,
        ),
      ];
    });
    for (const [k, name] of names.entries()) expect(metrics?.[name]).toBeCloseTo(mean(expected.map((e) => e[k])), 6);
  });

  test("of targets of 0 and 1 go by the sign of each output, of masks too", async () => {
    // Some scores are equal.
    const values = normalValues(48, 5).map((v) => Math.round(v * 4) / 4);
    const targets = { values: values.map((v, i) => Number(v + Math.sin(i) > 0.2)), shape: [3, 2, 4, 2] };
    const { metrics } = await evaluate(unchanged, [{ inputs: { values, shape: [3, 2, 4, 2] }, targets }], {
      loss: binaryCrossEntropy,
      metrics: names,
    });
    const expected = [0, 1].map((c) => {
      const own = [...values.keys()].filter((i) => Math.floor(i / 8) % 2 === c);
      const isRight = own.map((i) => targets.values[i] === 1);
      return [
        ...overlap(
          own.map((i) => values[i] > 0),
          isRight,
        ),
        areaByPairs(
          own.map((i) => values[i]),
          isRight,
        ),
      ];
    });
    for (const [k, name] of names.entries()) expect(metrics?.[name]).toBeCloseTo(mean(expected.map((e) => e[k])), 6);
  });

  test("of pixels leave out those without label, and classes that are nowhere", async () => {
    // Classes on axis 1: the first place is 0, the second 1; the third counts for nothing.
    const inputs = { values: Float32Array.of(2, 0, 5, 0, 2, 9, -9, -9, -9), shape: [1, 3, 3] };
    const data = [{ inputs, targets: Int32Array.of(0, 1, -100) }];
    expect((await evaluate(unchanged, data, { metrics: names })).metrics).toEqual({ f1: 1, meanIou: 1, auc: 1 });
    const one = [{ inputs, targets: Int32Array.of(0, 0, -100) }];
    // Class 0: one of two; class 1: taken once, never there.
    const { metrics } = await evaluate(unchanged, one, { metrics: names });
    expect(metrics).toEqual({ f1: 1 / 3, meanIou: 1 / 4, auc: null });
  });

  test("are in the reports of fit, and may be watched", async () => {
    const model = new Sequential(new Linear(2, 2));
    const data = batches(
      arrayDataset({
        inputs: normalValues(40, 1),
        shape: [2],
        labels: Int32Array.from({ length: 20 }, (_, k) => k % 2),
      }),
      { batchSize: 5 },
    );
    const { epochs, best } = await fit(model, data, {
      epochs: 3,
      optimizer: new Sgd(model.parameters(), { lr: 0.5 }),
      validation: data,
      metrics: ["auc"],
      earlyStopping: { monitor: "auc" },
    });
    const areas = epochs.map(({ validation }) => Number(validation?.metrics?.auc));
    expect(best?.value).toBe(Math.max(...areas));
  });
});

test("ranks find the metrics of one process", async () => {
  const program = `
    const { Sequential, batches, arrayDataset, evaluate, Generator } = evenkeel;
    const generator = new Generator(3);
    const inputs = Float32Array.from({ length: 66 }, () => Math.round(3 * generator.normal()) / 3);
    const data = arrayDataset({ inputs, shape: [3], labels: Int32Array.from({ length: 22 }, (_, k) => (k * k) % 3) });
    return evaluate(new Sequential(), batches(data, { batchSize: 4, communicator }), { communicator, metrics: ["f1", "meanIou", "auc"] });`;
  const [alone] = await onRanks(1, program);
  for (const size of [2, 5])
    for (const found of await onRanks(size, program))
      expect(found).toEqual({ ...(alone as object), loss: expect.closeTo((alone as { loss: number }).loss, 6) });
});

describe("metrics refuse", () => {
  const inputs = tensor([[1, 2]]);
  test("names that are none, and numbers to predict", async () => {
    const attempts = [
      () => evaluate(unchanged, [{ inputs, targets: [0] }], { metrics: ["F1" as never] }),
      () => evaluate(unchanged, [{ inputs, targets: tensor([[0.5, 2]]) }], { loss: (y) => y.sum(), metrics: ["f1"] }),
      () => evaluate(unchanged, [{ inputs, targets: "x" }], { loss: (y) => y.sum(), metrics: ["f1"] }),
    ];
    const messages: string[] = [];
    for (const attempt of attempts) {
      messages.push(
        await attempt().then(
          () => "nothing thrown",
          (error) =>
            messageOf(() => {
              throw error;
            }),
        ),
      );
    }
    expect(messages.join("\n")).toMatchInlineSnapshot(`
      "ArgumentError: evaluate(model, data, { metrics }): expected a list of some of f1, meanIou, auc, got "F1". Correct the name.
      DataError: evaluate(model, data, { metrics }): expected labels, or targets of 0 and 1 for each output, got 0.5. Leave the metrics out where numbers are predicted.
      TensorFreedError: Tensor(1×2), made by tensor: expected a tensor in use, got one whose memory has been freed. Return it from its scope(), pass it to keep(), or use it before dispose()."
    `);
  });
});
