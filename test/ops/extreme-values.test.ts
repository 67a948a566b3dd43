import { binaryCrossEntropy, crossEntropy, tensor } from "evenkeel";
import { expect, it } from "vitest";
import { describeEachBackend, onGpu } from "../support/backends.js";

describeEachBackend("values at the ends of float32", () => {
  it("sums in float64", () => {
    const values = new Float32Array(32);
    values.set([2 ** 24, 0, 0, 0, 1]);
    values.set([-(2 ** 24), 0, 0, 0, 1], 16);
    expect(tensor(values).sum().item()).toBe(2);
    expect(tensor(values, [32, 1]).sum(0).dataSync()).toEqual(Float32Array.of(2));
    const large = new Float32Array(32);
    large.set([3e38, 0, 0, 0, 3e38]);
    large.set([-3e38, 0, 0, 0, -3e38], 16);
    const sum = tensor(large).sum().item();
    // What float32 does not hold on the way is not finite on a GPU, never wrong and finite.
    if (onGpu) expect(sum).not.toSatisfy(Number.isFinite);
    else expect(sum).toBe(0);
  });

  it("takes the mean of ones to be 1, whatever their number", () => {
    for (let n = 1; n <= 300; n++) expect(tensor(new Float32Array(n).fill(1)).mean().item()).toBe(1);
  });

  it.skipIf(onGpu).each([
    [0, 1e-40, 1, 0],
    [1e-38, 1e-30, 1e10, -1e32],
  ])("has the gradient of %d / %d", (a, b, dy, expected) => {
    const divisor = tensor([b], { requiresGrad: true });
    tensor([a]).div(divisor).backward(Float32Array.of(dy));
    expect(Math.abs((divisor.grad?.item() ?? Number.NaN) - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected));
  });

  it.each([
    [Number.NEGATIVE_INFINITY, 0, 0],
    [Number.POSITIVE_INFINITY, 1, 0],
    [Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY, 1, Number.POSITIVE_INFINITY],
    [Number.NaN, 0, Number.NaN],
  ])("has the binary cross-entropy of %d and %d", (logit, target, expected) => {
    expect(binaryCrossEntropy(tensor([logit]), tensor([target])).item()).toBe(expected);
  });

  it("refuses targets that are no probabilities", () => {
    expect(() => binaryCrossEntropy(tensor([5, 5]), tensor([1, 255]))).toThrowErrorMatchingInlineSnapshot(
      `[DataError: binaryCrossEntropy(logits, targets): expected targets from 0 to 1, got 255 at place 1. Pass 0 and 1, or probabilities: divide a mask of 0 and 255 by 255.]`,
    );
  });

  it("refuses a batch without weight", () => {
    const logits = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(() => crossEntropy(logits, [0, 0], { classWeights: [0, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[DataError: crossEntropy(logits, labels): expected a label whose class weight is above 0, got 2 labels of weight 0. Give their classes a weight, or leave out batches of them alone: a mean over no weight is not defined.]`,
    );
  });
});
