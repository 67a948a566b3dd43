import { readFileSync } from "node:fs";
import * as evenkeel from "evenkeel";
import { crossEntropy, dice, focal, logSoftmax, type Tensor, tensor } from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { expectGradient, input } from "../support/gradient.js";
import { normal } from "../support/seeded.js";
import type { Stored } from "../support/stored.js";

interface LossCase {
  readonly loss: "crossEntropy" | "binaryCrossEntropy" | "l1" | "huber" | "smoothL1" | "klDiv" | "focal" | "dice";
  readonly name: string;
  readonly inputs: readonly Stored[];
  readonly labels: number[] | null;
  readonly options: Readonly<Record<string, unknown>>;
  readonly output: number;
  readonly gradients: readonly (Stored | null)[];
}

const cases: readonly LossCase[] = JSON.parse(
  readFileSync(new URL("../fixtures/losses.json", import.meta.url), "utf8"),
);

function call({ loss, labels, options }: LossCase, inputs: readonly Tensor[]): Tensor {
  const f: unknown = Reflect.get(evenkeel, loss);
  return Reflect.apply(f as (...given: unknown[]) => Tensor, null, [
    ...inputs,
    ...(labels === null ? [] : [labels]),
    options,
  ]);
}

describeEachBackend("losses", () => {
  test.each(cases)("$loss is PyTorch's: $name", (one) => {
    const inputs = one.inputs.map(({ values, shape }, k) =>
      tensor(values, shape, { requiresGrad: one.gradients[k] !== null }),
    );
    const y = call(one, inputs);
    expect(y.shape).toEqual([]);
    expectClose(y.dataSync(), [one.output], 1e-6);
    y.backward();
    for (const [k, gradient] of one.gradients.entries()) {
      if (gradient !== null) expectClose(inputs[k].grad?.dataSync() ?? [], gradient.values, 2e-6);
    }
  });

  test("focal of labels is −(1 − p)^γ·ln p, weighted by class, over those that count", () => {
    const values = [0.5, -1, 2, 1, 0, 0, -2, 3, 1, 4, 4, 4];
    const labels = [2, 0, -100, 1];
    const weights = [1, 0.5, 3];
    const [gamma, expected] = [1.5, [] as number[]];
    for (const [row, label] of labels.entries()) {
      if (label < 0) continue;
      const exps = values.slice(3 * row, 3 * row + 3).map(Math.exp);
      const p = exps[label] / (exps[0] + exps[1] + exps[2]);
      expected.push(-weights[label] * (1 - p) ** gamma * Math.log(p));
    }
    const loss = focal(tensor(values, [4, 3]), labels, { gamma, classWeights: weights });
    expectClose(loss.dataSync(), [expected.reduce((a, b) => a + b) / 3], 1e-6);
  });

  test("focal with γ = 0 is the cross-entropy, of pixels too", () => {
    const pixels = normal([2, 3, 2, 2], 4);
    const labels = [0, 1, 2, 0, 1, 1, 2, 2];
    expectClose(focal(pixels, labels, { gamma: 0 }).dataSync(), crossEntropy(pixels, labels).dataSync(), 1e-6);
  });

  test("gradients match finite differences", () => {
    const logits = input([3, 4], 1);
    expectGradient((x) => focal(x, [1, 0, 3], { gamma: 2.5, classWeights: [1, 2, 1, 0.5] }), [logits]);
    expectGradient((x) => focal(x, [1, -100, 3], { gamma: 1 }), [logits]);
    expectGradient((x) => dice(x, [0, 1, 2, 1, 0, 0, -100, 1]), [input([2, 3, 4], 2)]);
    expectGradient(
      (x, t) => crossEntropy(x, t, { labelSmoothing: 0.1 }),
      [logits, input([3, 4], 3, (v) => 1 / (2 + v * v))],
    );
  });

  test("sure and right costs nothing, without NaN in the gradient", () => {
    for (const gamma of [0, 0.5, 1, 2]) {
      const logits = tensor([[200, -200]], undefined, { requiresGrad: true });
      const loss = focal(logits, [0], { gamma });
      loss.backward();
      expect(loss.item()).toBeCloseTo(0, 6);
      expect([...(logits.grad?.dataSync() ?? [])].every((g) => Math.abs(g) < 1e-6)).toBe(true);
    }
  });

  test("infinite logits on the right side cost nothing, with a positive weight too", () => {
    const logits = tensor([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    const right = evenkeel.binaryCrossEntropy(logits, tensor([1, 0]), { positiveWeight: 4 });
    expect(right.item()).toBe(0);
    const wrong = evenkeel.binaryCrossEntropy(logits, tensor([0, 0]), { positiveWeight: 4 });
    expect(wrong.item()).toBe(Number.POSITIVE_INFINITY);
  });

  test("klDiv of a distribution with itself is 0", () => {
    const logs = logSoftmax(normal([4, 6], 5));
    expect(evenkeel.klDiv(logs, logs.exp()).item()).toBeCloseTo(0, 6);
    expect(evenkeel.klDiv(logs, logs, { logTarget: true }).item()).toBe(0);
  });

  test("what has probability 0 counts for nothing, also where its logarithm is −∞", () => {
    const none = Number.NEGATIVE_INFINITY;
    const half = Math.log(0.5);
    const logits = tensor([[0, 0, none]], undefined, { requiresGrad: true });
    const truth = tensor([[0.25, 0.75, 0]], undefined, { requiresGrad: true });
    const loss = crossEntropy(logits, truth);
    loss.backward();
    expect(loss.item()).toBeCloseTo(-half, 6);
    expect([...(logits.grad?.dataSync() ?? [])]).toEqual([0.25, -0.25, 0]);
    expect([...(truth.grad?.dataSync() ?? [])].slice(0, 2)).toEqual([-half, -half].map(Math.fround));
    expect(crossEntropy(logits, tensor([[0, 0.5, 0.5]])).item()).toBe(Number.POSITIVE_INFINITY);
    const targets = tensor([[Math.log(0.25), Math.log(0.75), none]]);
    const given = tensor([[half, half, -3]], undefined, { requiresGrad: true });
    const divergence = evenkeel.klDiv(given, targets, { logTarget: true });
    divergence.backward();
    expect(divergence.item()).toBeCloseTo(0.25 * Math.log(0.5) + 0.75 * Math.log(1.5), 6);
    expect([...(given.grad?.dataSync() ?? [])].map((g) => Number(g.toFixed(6)) + 0)).toEqual([-0.25, -0.75, 0]);
  });

  test("dice of a class that is nowhere is 0 without smoothing too", () => {
    const logits = tensor(
      [
        [
          [200, 200],
          [-200, -200],
        ],
      ],
      undefined,
      { requiresGrad: true },
    );
    const loss = dice(
      logits,
      tensor([
        [
          [1, 1],
          [0, 0],
        ],
      ]),
      { smooth: 0 },
    );
    loss.backward();
    expect(loss.item()).toBe(0);
    expect((logits.grad?.dataSync() ?? []).every((g) => g === 0)).toBe(true);
    const one = dice(
      tensor([
        [
          [0, 0],
          [0, 0],
        ],
        [
          [0, 0],
          [0, 0],
        ],
      ]),
      [0, 0, -100, -100],
      { smooth: 0 },
    );
    // Classes 0 and 1 of the first sample, and nothing of the second.
    expect(one.item()).toBeCloseTo((1 / 3 + 1) / 4, 6);
    expect(dice(tensor([[[Number.NaN]]]), tensor([[[0]]]), { smooth: 0 }).item()).toBeNaN();
  });

  test("smoothL1 takes any beta that float32 holds, and less as 0", () => {
    const [a, b] = [tensor([1e-5, 3]), tensor([0, 0])];
    for (const beta of [1e-50, 1e-40, 1e-30]) {
      expect(evenkeel.smoothL1(a, b, { beta }).item()).toBe(evenkeel.l1(a, b).item());
    }
    const far = evenkeel.smoothL1(tensor([1e25]), tensor([0]), { beta: 1e30 }).item();
    expect(far / 5e19).toBeCloseTo(1, 5);
    expect(() => evenkeel.smoothL1(a, b, { beta: 1e39 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: smoothL1(a, b): expected beta to be a finite number at least 0, got Infinity. Correct beta.]`,
    );
  });
});

describe("what losses refuse", () => {
  const logits = tensor([
    [1, 2],
    [3, 4],
  ]);
  const pixels = tensor(new Float32Array(16), [1, 2, 2, 4]);
  test("crossEntropy", () => {
    expect(() => crossEntropy(logits, [-100, -100])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: crossEntropy(logits, labels): expected a label that is not ignored, got 2 labels of -100. Leave out batches without a label that counts: a mean over none is not defined.]`,
    );
    expect(() => crossEntropy(logits, [0, 255])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: crossEntropy(logits, labels): expected labels from 0 to 1, got 255 in row 1. Number the classes from 0, and give the network one output for each. If 255 marks what has no label, pass { ignoreIndex: 255 }.]`,
    );
    expect(() => crossEntropy(logits, [0, 2])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: crossEntropy(logits, labels): expected labels from 0 to 1, got 2 in row 1. Number the classes from 0, and give the network one output for each.]`,
    );
    expect(() => crossEntropy(pixels, [1, 0])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: crossEntropy(logits, labels): expected logits (N, classes, …), and a label for each place, got 1×2×2×4 and 2 labels. Pass one label for each row of logits.]`,
    );
    expect(() => crossEntropy(pixels, [1, 0, 1, 0])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: crossEntropy(logits, labels): expected logits (N, classes, …), and a label for each place, got 1×2×2×4 and 4 labels. Move the classes to axis 1 with permute().]`,
    );
    expect(() => crossEntropy(logits, tensor([0, 1]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: crossEntropy(logits, labels): expected probabilities of the shape of logits (N, classes, …), or an array of labels, got a tensor of shape 2 for logits of shape 2×2. Pass a probability for each class, or labels as an array such as [2, 0, 1].]`,
    );
    expect(() => crossEntropy(logits, tensor([2, 0, 0, 1], [2, 2]))).toThrowErrorMatchingInlineSnapshot(
      `[DataError: crossEntropy(logits, labels): expected targets from 0 to 1, got 2 at place 0. Pass 0 and 1, or probabilities: divide a mask of 0 and 255 by 255.]`,
    );
    expect(() => crossEntropy(logits, null as never)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: crossEntropy(logits, labels): expected labels as an array of class numbers, got null. Pass a number from 0 for each sample, such as [2, 0, 1], or a tensor of probabilities of the logits' shape.]`,
    );
  });
  test("regression losses", () => {
    const [a, b] = [tensor([1, 2]), tensor([1, 2, 3])];
    expect(() => evenkeel.l1(a, b)).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: l1(a, b): expected two tensors of one shape, got 2 and 3. Reshape one of them; a loss does not broadcast.]`,
    );
    expect(() => evenkeel.huber(a, a, { delta: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: huber(a, b): expected delta to be a finite number above 0, got 0. Correct delta.]`,
    );
    expect(() => evenkeel.smoothL1(a, a, { beta: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: smoothL1(a, b): expected beta to be a finite number at least 0, got -1. Correct beta.]`,
    );
    expect(() => evenkeel.klDiv(a, a)).toThrowErrorMatchingInlineSnapshot(
      `[DataError: klDiv(logProbabilities, targets): expected targets from 0 to 1, got 2 at place 1. Pass 0 and 1, or probabilities: divide a mask of 0 and 255 by 255.]`,
    );
  });
  test("binary losses", () => {
    const truth = tensor([1, 0, 0, 1], [2, 2]);
    const weighted = (positiveWeight: number | number[]) => () =>
      evenkeel.binaryCrossEntropy(logits, truth, { positiveWeight });
    expect(weighted(0)).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: binaryCrossEntropy(logits, targets): expected positiveWeight to be a finite number above 0, got 0. Correct positiveWeight.]`,
    );
    expect(weighted([1, 2, 3])).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: binaryCrossEntropy(logits, targets): expected one positiveWeight for each of 2 outputs, got 3. Pass one number, or a list of one for each output.]`,
    );
    expect(() => focal(logits, truth, { alpha: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: focal(logits, targets): expected alpha to be a weight from 0 to 1, got 2. Correct it.]`,
    );
    expect(() => focal(logits, truth, { gamma: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: focal(logits, targets): expected gamma to be a finite number of at least 0, got -1. Correct it.]`,
    );
    expect(() => focal(logits, truth, { classWeights: [1, 1] })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: focal(logits, targets): expected classWeights only with labels, got classWeights with other targets. Use alpha with a tensor of targets, classWeights with labels.]`,
    );
    expect(() => focal(logits, [0, 1], { alpha: 0.25 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: focal(logits, targets): expected alpha only with a tensor of targets, got alpha with other targets. Use alpha with a tensor of targets, classWeights with labels.]`,
    );
    expect(() => dice(logits, [0, 1])).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: dice(logits, targets): expected logits (N, classes, …) with at least one axis of places, got 2×2. Use crossEntropy for one label a sample.]`,
    );
    expect(() => dice(pixels, [0, 1, 2, 0, 0, 0, 0, 0])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: dice(logits, targets): expected labels from 0 to 1, got 2 in row 2. Number the classes from 0, and give the network one output for each.]`,
    );
    expect(() => dice(pixels, [0, 1, 1, 0, 0, 0, 0, 0], { smooth: -1 })).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: dice(logits, targets): expected smooth to be a finite number of at least 0, got -1. Correct it.]`,
    );
  });
});
