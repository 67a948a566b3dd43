import {
  arrayDataset,
  BatchNorm,
  batches,
  fit,
  freezeNorms,
  GroupNorm,
  InstanceNorm,
  LayerNorm,
  Linear,
  noGrad,
  onWarning,
  RmsNorm,
  Sequential,
  Sgd,
  type Shape,
  tensor,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { normal, normalValues } from "../../support/seeded.js";

// What users of other libraries have reported of running statistics, and what happens here; as symptoms.test.ts.

function running(norm: BatchNorm | InstanceNorm): Float32Array[] {
  return [norm.runningMean, norm.runningVar].map((t) => t?.dataSync() ?? new Float32Array(0));
}

describeEachBackend("Running statistics:", () => {
  test("the Bessel factor counts all values of a channel, not samples (tinygrad#807)", () => {
    onWarning(() => {});
    const values = normalValues(24, 1);
    const mean = values.reduce((sum, v) => sum + v, 0) / 24;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 23;
    for (const shape of [
      [24, 1],
      [12, 1, 2],
      [2, 1, 3, 4],
      [2, 1, 2, 2, 3],
    ]) {
      const norm = new BatchNorm(1, { momentum: 0, unbiased: true });
      noGrad(() => norm.forward(tensor(values, shape)));
      expectClose(running(norm)[1], [variance], 1e-6);
    }
  });

  test("are the same whichever kernel a shape takes (tensorflow#55545, keras#10443)", () => {
    onWarning(() => {});
    // The same values of each channel, as columns, and as planes.
    const columns = normalValues(64 * 3, 2);
    const planes = Float32Array.from({ length: 3 * 64 }, (_, i) => columns[(i % 64) * 3 + Math.floor(i / 64)]);
    const norms = [new BatchNorm(3, { momentum: 0 }), new BatchNorm(3, { momentum: 0 })];
    noGrad(() => norms[0].forward(tensor(columns, [64, 3])));
    noGrad(() => norms[1].forward(tensor(planes, [1, 3, 8, 8])));
    for (const k of [0, 1]) expectClose(running(norms[1])[k], running(norms[0])[k], 1e-6);
  });

  test("an empty batch passes through and moves nothing (pytorch#36530)", () => {
    const norms = [new BatchNorm(4), new InstanceNorm(4, { trackRunningStats: true })];
    for (const norm of norms) {
      expect(norm.forward(zeros([0, 4, 5])).shape).toEqual([0, 4, 5]);
      expect(running(norm)).toEqual([new Float32Array(4), new Float32Array(4).fill(1)]);
      expect([norm.skippedBatches, norm.stateDict()["num_batches_tracked"].item()]).toEqual([0, 0]);
    }
    for (const norm of [new GroupNorm(2, 4), new LayerNorm(5), new RmsNorm(5)]) {
      expect(norm.forward(zeros([0, 4, 5])).shape).toEqual([0, 4, 5]);
    }
  });

  test("averaged with another model's, no variance is below 0 (swa#8)", () => {
    const states = [1, 2].map((k) => {
      const norm = new BatchNorm(2, { momentum: 0.9 });
      noGrad(() => norm.forward(normal([16, 2], k).mul(k)));
      return norm.stateDict();
    });
    const average = Object.fromEntries(
      Object.keys(states[0]).map((name) => [name, states[0][name].add(states[1][name]).div(2)]),
    );
    const norm = new BatchNorm(2).eval();
    norm.loadStateDict(average);
    expect(running(norm)[1].every((variance) => variance > 0)).toBe(true);
    expect(
      norm
        .forward(normal([4, 2], 3))
        .dataSync()
        .every(Number.isFinite),
    ).toBe(true);
  });

  test("a running variance below eps is no cause for NaN: eps is not taken out of it (detectron2#3160)", () => {
    const norm = new BatchNorm(2, { eps: 1e-3 }).eval();
    norm.loadStateDict({ ...norm.stateDict(), running_var: tensor([0, 1e-6]) });
    const expected = [1 / Math.sqrt(1e-3), 1 / Math.sqrt(1e-3 + 1e-6)];
    expectClose(norm.forward(tensor([[1, 1]])).dataSync(), expected, 1e-6);
  });

  test("a frozen norm stays as it is through fit() (ultralytics#8753, chemprop#952, keras#9965)", async () => {
    const norm = new BatchNorm(4);
    const model = new Sequential(new Linear(2, 4), norm, new Linear(4, 2));
    noGrad(() => model.forward(normal([16, 2], 1)));
    freezeNorms(model);
    const before = running(norm);
    const data = batches(arrayDataset({ inputs: normalValues(64, 2), shape: [2], labels: new Int32Array(32) }), {
      batchSize: 8,
    });
    await fit(model, data, { epochs: 1, optimizer: new Sgd(model.parameters(), { lr: 0.1 }) });
    expect(running(norm)).toEqual(before);
  });

  test("may be used and moved at once, or neither: the two switches are apart (pytorch#66073)", () => {
    const shape: Shape = [16, 2];
    const norm = new BatchNorm(2, { momentum: 0.5 });
    norm.normalizeWith = "running";
    const x = normal(shape, 4).add(3);
    expectClose(noGrad(() => norm.forward(x)).dataSync(), x.dataSync(), 1e-5);
    expect(running(norm)[0].every((mean) => mean > 1)).toBe(true);
    const moved = running(norm);
    norm.normalizeWith = "batch";
    norm.updateRunning = false;
    noGrad(() => norm.forward(x));
    expect(running(norm)).toEqual(moved);
    expect(() => Object.assign(norm, { normalizeWith: "eval" })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: BatchNorm(2).normalizeWith: expected "batch" or "running", got "eval". Set one of the two.]`,
    );
  });
});
