import {
  arrayDataset,
  batches,
  confusionMatrix,
  evaluate,
  Linear,
  mse,
  regressionErrors,
  Sequential,
  type TensorData,
  tensor,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { normalValues } from "../support/seeded.js";

/** Three inputs as three logits. */
function identity(): Sequential {
  const model = new Sequential(new Linear(3, 3, { bias: false }));
  model.loadStateDict({
    "0.weight": tensor([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]),
  });
  return model;
}

describeEachBackend("confusionMatrix", () => {
  test("counts which class was taken for which, over batches of any size", async () => {
    const labels = [0, 0, 0, 1, 1, 0, 0];
    const taken = [0, 0, 1, 1, 0, 2, 0];
    const inputs = Float32Array.from(taken.flatMap((k) => [0, 1, 2].map((c) => (c === k ? 1 : 0))));
    const data = arrayDataset({ inputs, shape: [3], labels });
    for (const batchSize of [2, 3, 7]) {
      const { counts, recall, precision, accuracy, loss, samples } = await confusionMatrix(
        identity(),
        batches(data, { batchSize }),
      );
      expect(counts).toEqual([
        [3, 1, 1],
        [1, 1, 0],
        [0, 0, 0],
      ]);
      expect(recall).toEqual([0.6, 0.5, null]);
      expect(precision).toEqual([0.75, 0.5, 0]);
      expect({ loss, accuracy, samples }).toEqual(await evaluate(identity(), batches(data, { batchSize })));
      expect(accuracy).toBe(4 / 7);
    }
  });

  test("an output that is not a number is in no column, and its sample still counts", async () => {
    const inputs = tensor([
      [Number.NaN, 0, 0],
      [1, 0, 0],
    ]);
    const { counts, recall } = await confusionMatrix(identity(), [{ inputs, targets: [0, 0] }]);
    expect(counts[0]).toEqual([1, 0, 0]);
    expect(recall[0]).toBe(0.5);
  });

  test("refuses targets that are not labels", async () => {
    const targets = { values: new Float32Array(3), shape: [1, 3] };
    const data = [{ inputs: tensor([[1, 2, 3]]), targets }];
    await expect(confusionMatrix(identity(), data, { loss: mse })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: confusionMatrix(model, data): expected labels as targets, got something else. For a regression call regressionErrors(model, data).]`,
    );
    await expect(confusionMatrix(identity(), [])).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: evaluate(model, data): expected at least one sample, got none. Pass data that can be gone through again; a generator is spent after one pass.]`,
    );
  });
});

describeEachBackend("regressionErrors", () => {
  test("is the formulas, over several outputs and uneven batches", async () => {
    const values = normalValues(15, 1, 5);
    const outputs = normalValues(15, 2, 5);
    const data = [
      [0, 2],
      [2, 5],
    ].map(([from, to]) => ({
      inputs: tensor(outputs.slice(3 * from, 3 * to), [to - from, 3]),
      targets: { values: values.slice(3 * from, 3 * to), shape: [to - from, 3] },
    }));
    const result = await regressionErrors(identity(), data);
    const errors = Array.from(values, (value, i) => outputs[i] - value);
    const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
    const column = (list: ArrayLike<number>, k: number): number[] => [0, 1, 2, 3, 4].map((row) => list[3 * row + k]);
    const rSquared = [0, 1, 2].map((k) => {
      const targets = column(values, k);
      const spread = targets.map((t) => (t - mean(targets)) ** 2);
      return 1 - mean(column(errors, k).map((e) => e * e)) / mean(spread);
    });
    expect(result.samples).toBe(5);
    expect(result.mse).toBeCloseTo(mean(errors.map((e) => e * e)), 6);
    expect(result.mae).toBeCloseTo(mean(errors.map(Math.abs)), 6);
    expect(result.rSquared).toBeCloseTo(mean(rSquared), 6);
  });

  test("has no R² where targets do not vary, and refuses targets of another shape", async () => {
    const of = (targets: TensorData) => regressionErrors(identity(), [{ inputs: tensor([[1, 2, 3]]), targets }]);
    expect(await of({ values: Float32Array.of(1, 2, 5), shape: [1, 3] })).toEqual({
      mse: 4 / 3,
      mae: 2 / 3,
      rSquared: null,
      samples: 1,
    });
    await expect(of({ values: Float32Array.of(1, 2), shape: [1, 2] })).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: mse(a, b): expected two tensors of one shape, got 1×3 and 1×2. Reshape one of them; a loss does not broadcast.]`,
    );
  });
});
