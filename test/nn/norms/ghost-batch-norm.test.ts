import { BatchNorm, loadModel, type Module, saveModel, type Tensor, tensor } from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../../support/backends.js";
import { expectClose } from "../../support/close.js";
import { allowFreshStatistics } from "../../support/fresh-statistics.js";
import { expectGradient, input } from "../../support/gradient.js";
import { normal, normalValues } from "../../support/seeded.js";

/** x̂ of N×C values whose stretches of samples start at `starts`, in float64. */
function reference(x: Float32Array, c: number, starts: readonly number[]): Float64Array {
  const n = x.length / c;
  const y = new Float64Array(x.length);
  starts.forEach((start, part) => {
    const end = starts[part + 1] ?? n;
    for (let k = 0; k < c; k++) {
      const own = Array.from({ length: end - start }, (_, i) => (start + i) * c + k);
      const mean = own.reduce((sum, i) => sum + x[i], 0) / own.length;
      const variance = own.reduce((sum, i) => sum + (x[i] - mean) ** 2, 0) / own.length;
      for (const i of own) y[i] = (x[i] - mean) / Math.sqrt(variance + 1e-5);
    }
  });
  return y;
}

describeEachBackend("ghost batch norm", () => {
  test.each([
    [12, [0, 4, 8]],
    [14, [0, 4, 8, 12]],
    // A last sample alone has no variance: it joins the stretch before it.
    [13, [0, 4, 8]],
    [9, [0, 4]],
  ])("normalises each stretch of %i samples by itself, as the formula in float64 does", (n, starts) => {
    const x = normalValues(n * 3, 1, 2, 3);
    const norm = new BatchNorm(3, { virtualBatchSize: 4 });
    expectClose(norm.forward(tensor(x, [n, 3])).dataSync(), reference(x, 3, starts), 3e-6);
  });

  test("gradients match finite differences, remainder included", () => {
    for (const shape of [
      [11, 3],
      [10, 2, 3],
    ]) {
      const norm = new BatchNorm(shape[1], { virtualBatchSize: 4, eps: 1e-3 });
      expectGradient(
        (x, weight, bias) => {
          norm.weight = weight;
          norm.bias = bias;
          return norm.forward(x);
        },
        [input(shape, 1), input([shape[1]], 2), input([shape[1]], 3)],
      );
    }
  });

  test("running statistics and evaluation are those of batch norm, for any batch (keras#15790)", () => {
    const [ghost, plain] = [
      new BatchNorm(3, { virtualBatchSize: 4, unbiased: true }),
      new BatchNorm(3, { unbiased: true }),
    ];
    for (const n of [8, 13, 22]) {
      const x = normal([n, 3, 2], n);
      ghost.forward(x);
      plain.forward(x);
    }
    const states = [ghost, plain].map((norm) => [norm.runningMean, norm.runningVar].map((t) => t?.dataSync()));
    expect(states[0]).toEqual(states[1]);
    expect(ghost.stateDict()["num_batches_tracked"].item()).toBe(3);
    for (const n of [1, 5, 9]) {
      const x = normal([n, 3], n);
      expect(ghost.eval().forward(x).dataSync()).toEqual(plain.eval().forward(x).dataSync());
    }
    ghost.normalizeWith = "batch";
    plain.normalizeWith = "batch";
    const x = normal([9, 3], 5);
    expect(ghost.forward(x).dataSync()).toEqual(plain.forward(x).dataSync());
  });

  test("takes a mask", () => {
    const x = normalValues(10 * 3, 1);
    const padded = Float32Array.from({ length: 12 * 3 }, (_, i) => x[i] ?? Number.NaN);
    const mask = tensor(
      new Float32Array(12).map((_, i) => (i < 10 ? 1 : 0)),
      [12, 1],
    );
    const y = new BatchNorm(3, { virtualBatchSize: 4 }).forward(tensor(padded, [12, 3]), { mask }).dataSync();
    expectClose(y.subarray(0, 30), reference(x, 3, [0, 4, 8]), 3e-6);
    expect(y.subarray(30)).toEqual(new Float32Array(6));
  });

  test("is saved and loaded (keras#16713)", () => {
    allowFreshStatistics();
    const norm = new BatchNorm(3, { virtualBatchSize: 4 });
    const copy: Module = loadModel(saveModel(norm)).model;
    const x = normal([10, 3], 1);
    const outputs = [norm, copy].map((layer): Tensor => layer.forward(x));
    expect(outputs[1].dataSync()).toEqual(outputs[0].dataSync());
  });

  test("stretches of one sample are refused", () => {
    expect(() => new BatchNorm(3, { virtualBatchSize: 1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: new BatchNorm(numFeatures): expected virtualBatchSize to be a whole number of at least 2, got 1. Correct virtualBatchSize.]`,
    );
  });
});
