import { readFileSync } from "node:fs";
import {
  Conv1d,
  ConvTranspose2d,
  type ConvTransposeOptions,
  conv1d,
  convTranspose2d,
  type EmbeddingOptions,
  embedding,
  type Indices,
  loadModel,
  logSoftmax,
  Sequential,
  type SignalConvOptions,
  saveModel,
  softmax,
  type Tensor,
  tensor,
  zeros,
} from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { expectGradient, input } from "../support/gradient.js";
import { messageOf } from "../support/message-of.js";
import { normal } from "../support/seeded.js";
import type { Stored } from "../support/stored.js";

interface OpCase {
  readonly op: string;
  readonly name: string;
  readonly options: ConvTransposeOptions & SignalConvOptions & EmbeddingOptions & { axis: number; indices: Indices };
  readonly inputs: Stored[];
  readonly cotangent: Stored;
  readonly output: Stored;
  readonly gradients: Stored[];
}

const fixtures: { ops: OpCase[] } = JSON.parse(
  readFileSync(new URL("../fixtures/layers.json", import.meta.url), "utf8"),
);

const ops: Record<string, (inputs: readonly Tensor[], options: OpCase["options"]) => Tensor> = {
  conv1d: ([x, weight, bias], options) => conv1d(x, weight, bias ?? null, options),
  convTranspose2d: ([x, weight, bias], options) => convTranspose2d(x, weight, bias ?? null, options),
  matmul: ([a, b]) => a.matmul(b),
  softmax: ([x], { axis }) => softmax(x, axis),
  logSoftmax: ([x], { axis }) => logSoftmax(x, axis),
  embedding: ([weight], { indices, ...options }) => embedding(indices, weight, options),
};

describeEachBackend("layers", () => {
  test.each(fixtures.ops)("PyTorch agrees with $op: $name", ({ op, options, inputs, cotangent, output, gradients }) => {
    const leaves = inputs.map(({ values, shape }) => tensor(values, shape, { requiresGrad: true }));
    const y = ops[op](leaves, options);
    expect(y.shape).toEqual(output.shape);
    expectClose(y.dataSync(), output.values, 1e-6);
    y.backward(Float32Array.from(cotangent.values));
    leaves.forEach((leaf, k) => {
      expectClose(leaf.grad?.dataSync() ?? [], gradients[k].values, 1e-6);
    });
  });

  test("gradients match finite differences", () => {
    expectGradient(
      (x, w, b) => conv1d(x, w, b, { stride: 2, padding: 1, groups: 2 }),
      [input([2, 4, 7], 1), input([6, 2, 3], 2), input([6], 3)],
    );
    expectGradient(
      (x, w, b) => convTranspose2d(x, w, b, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
      [input([2, 4, 3, 2], 4), input([4, 3, 3, 2], 5), input([6], 6)],
    );
  });

  test("an empty batch gives an empty result", () => {
    expect(new Conv1d(2, 3, 3).forward(zeros([0, 2, 5])).shape).toEqual([0, 3, 3]);
    expect(new ConvTranspose2d(2, 3, 3).forward(zeros([0, 2, 4, 5])).shape).toEqual([0, 3, 6, 7]);
  });

  test("layers come back from a file as they were", () => {
    const model = new Sequential(
      new ConvTranspose2d(4, 6, [3, 2], { stride: [2, 3], padding: 1, outputPadding: [1, 2], groups: 2, bias: false }),
    );
    const x = normal([2, 4, 3, 3], 1);
    const { model: loaded } = loadModel(saveModel(model));
    expect(loaded.forward(x).dataSync()).toEqual(model.forward(x).dataSync());
    const signals = new Sequential(new Conv1d(4, 6, 3, { stride: 2, padding: 1, dilation: 2, groups: 2 }));
    const s = normal([2, 4, 11], 1);
    const { model: again } = loadModel(saveModel(signals));
    expect(again.forward(s).dataSync()).toEqual(signals.forward(s).dataSync());
  });
});

test("initial values are PyTorch's: uniform within one over the root of the fan-in", () => {
  const within = (t: Tensor | null, bound: number): void => {
    const largest = Math.max(...(t?.dataSync() ?? [Number.NaN]).map(Math.abs));
    expect(largest).toBeLessThanOrEqual(bound);
    expect(largest).toBeGreaterThan(bound / 2);
  };
  const signal = new Conv1d(8, 32, 5, { groups: 2 });
  within(signal.weight, 1 / Math.sqrt(4 * 5));
  within(signal.bias, 1 / Math.sqrt(4 * 5));
  const up = new ConvTranspose2d(8, 32, 3, { groups: 2 });
  within(up.weight, 1 / Math.sqrt(16 * 9));
  within(up.bias, 1 / Math.sqrt(16 * 9));
});

test("refusals name the layer and the cure", () => {
  expect([
    messageOf(() => new Conv1d(3, 4, 3, { groups: 2 })),
    messageOf(() => new Conv1d(3, 4, 0)),
    messageOf(() => new Conv1d(3, 4, 3).forward(zeros([2, 3]))),
    messageOf(() => new Conv1d(3, 4, 3).forward(zeros([2, 5, 9]))),
    messageOf(() => new Conv1d(3, 4, 3).forward(zeros([2, 3, 2]))),
    messageOf(() => conv1d(zeros([2, 3, 9]), zeros([4, 2, 3]))),
    messageOf(() => new ConvTranspose2d(2, 2, 3, { stride: 2, outputPadding: 2 })),
    messageOf(() => new ConvTranspose2d(2, 2, 3).forward(zeros([1, 3, 4, 4]))),
    messageOf(() => new ConvTranspose2d(2, 2, 1, { padding: 2 }).forward(zeros([1, 2, 4, 4]))),
    messageOf(() => convTranspose2d(zeros([1, 3, 4, 4]), zeros([2, 3, 3, 3]))),
  ]).toMatchInlineSnapshot(`
    [
      "ArgumentError: new Conv1d(inChannels, outChannels, kernelSize): expected groups to divide both channel counts, got 2 groups for 3 and 4 channels. Choose a divisor of both.",
      "ArgumentError: new Conv1d(inChannels, outChannels, kernelSize): expected kernelSize to be a whole number of at least 1, got 0. Correct kernelSize.",
      "ShapeError: Conv1d(3, 4, 3).forward(x): expected signals (N, C, L), got rank 2 (shape 2×3). Reshape to three axes.",
      "ShapeError: Conv1d(3, 4, 3).forward(x): expected 3 channels in axis 1, got 5 (shape 2×5×9). Build the layer with 5 channels, or reshape x.",
      "ShapeError: conv1d(x, weight, bias): expected signals of at least 3 values, got 2 (shape 2×3×2). Use longer signals, a smaller kernel, or more padding.",
      "ShapeError: conv1d(x, weight, bias): expected a weight (out, 3, k) with out divisible by groups = 1, and a bias (out) or none, got 4×2×3 and none for x 2×3×9. Match the weight's channels to those of x.",
      "ArgumentError: new ConvTranspose2d(inChannels, outChannels, kernelSize): expected outputPadding smaller than the stride 2×2, got 2×2. Use a smaller outputPadding, or a larger stride.",
      "ShapeError: ConvTranspose2d(2, 2, 3).forward(x): expected 2 channels in axis 1, got 3 (shape 1×3×4×4). Build the layer with 3 channels, or reshape x.",
      "ShapeError: convTranspose2d(x, weight, bias): expected planes of which something is left, got 0×0 (x 1×2×4×4, weight 2×2×1×1, padding 2×2). Use larger images, a larger kernel, or less padding.",
      "ShapeError: convTranspose2d(x, weight, bias): expected channels divisible by groups = 1, a weight (3, out / 1, kh, kw), and a bias (out) or none, got 2×3×3×3 and none for x 1×3×4×4. Match the weight's channels to those of x.",
    ]
  `);
});
