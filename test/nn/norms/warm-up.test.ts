import {
  BatchNorm,
  BatchRenorm,
  InstanceNorm,
  Linear,
  loadModel,
  noGrad,
  recalibrate,
  Sequential,
  saveModel,
  tensor,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { normal } from "../../support/seeded.js";

/** A norm of one channel after batches of these means; each has variance 1. */
function after(
  norm: BatchNorm | BatchRenorm | InstanceNorm,
  means: readonly number[],
): [mean: number, variance: number] {
  for (const mean of means) {
    noGrad(() => norm.train().forward(tensor(Array.from({ length: 8 }, () => [[mean - 1, mean + 1]]))));
  }
  return statistics(norm);
}

function statistics({ runningMean, runningVar }: BatchNorm | BatchRenorm | InstanceNorm): [number, number] {
  return [runningMean?.item() ?? Number.NaN, runningVar?.item() ?? Number.NaN];
}

function count(norm: BatchNorm): number {
  return norm.stateDict()["num_batches_tracked"].item();
}

describeEachBackend("running statistics", () => {
  test("of every norm that has them begin with the first batch, not with 0 and 1", () => {
    const options = { trackRunningStats: true };
    for (const norm of [
      new BatchNorm(1),
      new BatchRenorm(1),
      new InstanceNorm(1, options),
      new BatchNorm(1, { virtualBatchSize: 4 }),
    ]) {
      expect(after(norm, [5])).toEqual([5, 1]);
    }
  });

  test("give the n-th batch the weight 10/(n + 9) until that is below 1 − momentum", () => {
    const norm = new BatchNorm(1, { momentum: 0.75 });
    let expected = 0;
    for (let n = 1; n <= 60; n++) {
      const old = Math.min(0.75, (n - 1) / (n + 9));
      expected = old * expected + (1 - old) * n;
      expectClose([after(norm, [n])[0]], [expected], 1e-6);
    }
  });

  test("are the plain moving average without warm-up", () => {
    expect(after(new BatchNorm(1, { momentum: 0.75, warmUp: false }), [8])).toEqual([2, 1]);
  });

  test("recover from what is not finite with the first batch", () => {
    const norm = new BatchNorm(1);
    norm.runningMean?.backend.write(norm.runningMean.block, Float32Array.of(Number.NaN));
    expect(after(norm, [5])).toEqual([5, 1]);
  });

  test("that were loaded with their count warm up from there, and without it not at all", () => {
    const state = { weight: tensor([1]), bias: tensor([0]), running_mean: tensor([4]), running_var: tensor([1]) };
    const counted = new BatchNorm(1);
    counted.loadStateDict({ ...state, num_batches_tracked: tensor(10) });
    expect(after(counted, [6])[0]).toBe(5);
    for (const more of [{}, { num_batches_tracked: tensor(0) }]) {
      const uncounted = new BatchNorm(1);
      uncounted.loadStateDict({ ...state, ...more });
      expectClose([after(uncounted, [6])[0]], [0.99 * 4 + 0.01 * 6], 1e-6);
    }
  });

  test("that are initial all the same warm up after a state dict without count", () => {
    const norm = new BatchNorm(1);
    const { num_batches_tracked, ...state } = new BatchNorm(1).stateDict();
    norm.loadStateDict(state);
    expect(after(norm, [6])[0]).toBe(6);
  });

  test("that were recalibrated move by momentum alone, also in a copy that a file holds", async () => {
    const model = new Sequential(new Linear(1, 1), new BatchNorm(1));
    await recalibrate(model, [normal([32, 1], 1)]);
    const loaded = loadModel(saveModel(model)).model as Sequential;
    for (const norm of [model.layers[1], loaded.layers[1]]) {
      const [old] = statistics(norm as BatchNorm);
      expectClose([after(norm as BatchNorm, [6])[0]], [0.99 * old + 0.01 * 6], 1e-6);
    }
  });

  test("warm up again after resetRunningStats()", async () => {
    const norm = new BatchNorm(1);
    await recalibrate(norm, [normal([32, 1], 1)]);
    after(norm, [1, 2, 3]);
    norm.resetRunningStats();
    expect([...statistics(norm), count(norm), norm.skippedBatches]).toEqual([0, 1, 0, 0]);
    expect(after(norm, [6])[0]).toBe(6);
  });

  test("count batches beyond 2²⁴, as what a checkpoint remembers shows", () => {
    const norm = new BatchNorm(1);
    const far = 2 ** 24;
    norm.setExtraState({
      ...(norm.getExtraState() as NonNullable<ReturnType<BatchNorm["getExtraState"]>>),
      batches: far - 1,
    });
    after(norm, [1, 2, 3, 4]);
    expect(norm.getExtraState()?.batches).toBe(far + 3);
    const again = new BatchNorm(1);
    again.loadStateDict(norm.stateDict());
    again.setExtraState(norm.getExtraState() as NonNullable<ReturnType<BatchNorm["getExtraState"]>>);
    after(again, [5]);
    expect(again.getExtraState()?.batches).toBe(far + 4);
    expect(count(again)).toBe(far + 4);
  });

  test("go on from what 0.1.0 remembered without warm-up", () => {
    const norm = new BatchNorm(1);
    const old = {
      frozen: false,
      normalizeWith: "batch",
      updateRunning: true,
      momentum: 0.75,
      skippedBatches: 0,
    } as const;
    norm.setExtraState(old);
    expect(norm.warmUp).toBe(false);
    expect(after(norm, [8])[0]).toBe(2);
  });

  test("refuse a warm-up that is neither true nor false", () => {
    const given = { warmUp: 3 } as unknown as { warmUp: boolean };
    expect(() => new BatchNorm(1, given)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(1).warmUp: expected true or false, got 3. Pass false for the plain moving average of PyTorch and Keras.]`,
    );
    const state = { ...new BatchNorm(1).getExtraState(), isSettled: 1 } as unknown as never;
    expect(() => new BatchNorm(1).setExtraState(state)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(1).setExtraState(state): expected frozen, normalizeWith, updateRunning, momentum, skippedBatches, warmUp, isSettled and batches, got {"frozen":false,"normalizeWith":"batch","updateRunning":true…. Pass what getExtraState() gave.]`,
    );
  });
});
