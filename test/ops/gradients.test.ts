import {
  avgPool2d,
  binaryCrossEntropy,
  concat,
  conv2d,
  crossEntropy,
  elu,
  gelu,
  globalAvgPool2d,
  hardSwish,
  leakyRelu,
  linear,
  logSoftmax,
  maxPool2d,
  mse,
  prelu,
  relu,
  relu6,
  sigmoid,
  silu,
  softmax,
  softplus,
  type Tensor,
  tanh,
} from "evenkeel";
import { test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectGradient, input } from "../support/gradient.js";

/** Keeps values away from a kink at 0, which a finite difference would step over. */
const awayFromZero = (value: number): number => value + Math.sign(value) * 0.3;
const positive = (value: number): number => 0.7 + Math.abs(value);
/** All values different by more than a step: no ties for a maximum. */
const spread = (shape: readonly number[], seed: number) => {
  const { values } = input(shape, seed);
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const ranked = new Float32Array(values.length);
  order.forEach((at, rank) => {
    ranked[at] = rank * 0.37 - 2;
  });
  return { shape, values: ranked };
};

const lengths = [1, 2, 3, 5, 7, 15, 17, 33, 127, 129];

describeEachBackend("gradients", () => {
  test.each<[string, (x: Tensor) => Tensor, (value: number) => number]>([
    ["neg", (x) => x.neg(), (v) => v],
    ["exp", (x) => x.exp(), (v) => v],
    ["log", (x) => x.log(), positive],
    ["sqrt", (x) => x.sqrt(), positive],
    ["relu", relu, awayFromZero],
    ["relu6", relu6, (v) => (Math.abs(6 * v - 6) < 0.5 ? 3 : awayFromZero(6 * v))],
    ["leakyRelu", (x) => leakyRelu(x, 0.2), awayFromZero],
    ["elu", (x) => elu(x, 1.3), awayFromZero],
    ["gelu", gelu, (v) => 2 * v],
    ["silu", silu, (v) => 2 * v],
    ["softplus", softplus, (v) => 3 * v],
    ["hardSwish", hardSwish, (v) => (Math.abs(Math.abs(4 * v) - 3) < 0.3 ? 1 : 4 * v)],
    ["sigmoid", sigmoid, (v) => 2 * v],
    ["tanh", tanh, (v) => v],
  ])("%s of odd and even lengths", (_, f, map) => {
    for (const length of lengths) expectGradient(f, [input([length], length, map)]);
    expectGradient(f, [input([0, 3], 1, map)]);
  });

  test.each<[string, (a: Tensor, b: Tensor) => Tensor]>([
    ["add", (a, b) => a.add(b)],
    ["sub", (a, b) => a.sub(b)],
    ["mul", (a, b) => a.mul(b)],
    ["div", (a, b) => a.div(b)],
    ["pow", (a, b) => a.pow(b)],
  ])("%s over broadcast shapes", (_, f) => {
    const shapes: [number[], number[]][] = [
      [[5], [5]],
      [[2, 3], [3]],
      [[3], [2, 3]],
      [
        [2, 3, 4],
        [3, 1],
      ],
      [
        [2, 1, 4],
        [1, 3, 1],
      ],
      [
        [4, 1],
        [1, 5],
      ],
      [
        [2, 3, 2, 2, 3],
        [3, 1, 1, 3],
      ],
      [[], [2, 2]],
      [[7], [1]],
      [
        [0, 3],
        [1, 3],
      ],
    ];
    for (const [a, b] of shapes) expectGradient(f, [input(a, 1, positive), input(b, 2, positive)]);
  });

  test("a number as second operand, and one tensor used twice", () => {
    expectGradient((x) => x.mul(3).add(2).div(1.5).sub(1).pow(2), [input([7], 3)]);
    expectGradient((x) => x.mul(x).add(x), [input([5], 4)]);
  });

  test("sum, mean and max over every choice of axes", () => {
    for (const axis of [undefined, 0, 1, 2, -1, [0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
      expectGradient((x) => x.sum(axis), [input([3, 4, 5], 5)]);
      expectGradient((x) => x.mean(axis, { keepDims: true }), [input([3, 1, 7], 6)]);
      expectGradient((x) => x.max(axis), [spread([3, 4, 5], 7)]);
    }
    expectGradient((x) => x.sum(1), [input([2, 0, 3], 8)]);
    expectGradient((x) => x.sum([0, 2]), [input([129, 3, 33], 9)]);
  });

  test("reshape, flatten, transpose, slice and concat", () => {
    expectGradient((x) => x.reshape([4, -1]), [input([2, 6], 1)]);
    expectGradient((x) => x.flatten(1), [input([2, 3, 4], 1)]);
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [0, 2, 1],
      [2, 0, 1],
    ]) {
      expectGradient((x) => x.transpose(order), [input([3, 4, 5], 2)]);
    }
    expectGradient((x) => x.transpose(), [input([33, 17], 2)]);
    expectGradient((x) => x.slice(1, 3), [input([4, 3], 3)]);
    expectGradient((x) => x.slice(-2, undefined, 1), [input([4, 3, 2], 3)]);
    expectGradient((x) => x.slice(1, 1), [input([4, 3], 3)]);
    expectGradient((a, b) => concat([a, b, a], 1), [input([2, 3], 4), input([2, 1], 5)]);
    expectGradient((a, b) => concat([a, b], -1), [input([2, 3, 2], 4), input([2, 3, 5], 5)]);
  });

  test("matmul and linear over odd sizes", () => {
    for (const [m, k, n] of [
      [1, 1, 1],
      [3, 5, 7],
      [17, 9, 33],
      [2, 0, 3],
      [0, 4, 3],
      [1, 300, 2],
    ]) {
      expectGradient((a, b) => a.matmul(b), [input([m, k], 1), input([k, n], 2)]);
      expectGradient((x, w, b) => linear(x, w, b), [input([m, k], 1), input([n, k], 2), input([n], 3)]);
    }
    expectGradient((x, w) => linear(x, w), [input([2, 3, 5], 1), input([4, 5], 2)]);
  });

  test("conv2d over stride, padding, dilation, groups and non-square kernels", () => {
    for (const kernel of [
      [1, 1],
      [3, 3],
      [2, 3],
      [3, 1],
    ] as const) {
      for (const stride of [1, 2, [2, 1], [1, 3]] as const) {
        for (const padding of [0, 1, [2, 0]] as const) {
          for (const dilation of [1, 2, [1, 2]] as const) {
            const options = { stride, padding, dilation };
            const inputs = [input([2, 2, 7, 6], 1), input([3, 2, ...kernel], 2), input([3], 3)];
            expectGradient((x, w, b) => conv2d(x, w, b, options), inputs);
          }
        }
      }
    }
  });

  test("conv2d with groups down to depthwise, and an empty batch", () => {
    const cases: [number, number, number][] = [
      [4, 6, 2],
      [4, 4, 4],
      [3, 6, 3],
      [8, 16, 1],
    ];
    for (const [from, to, groups] of cases) {
      const inputs = [input([2, from, 5, 5], 1), input([to, from / groups, 3, 3], 2)];
      expectGradient((x, w) => conv2d(x, w, null, { groups, padding: 1, stride: 2 }), inputs);
      expectGradient((x, w) => conv2d(x, w, null, { groups, padding: 1 }), inputs);
    }
    expectGradient((x, w, b) => conv2d(x, w, b), [input([0, 2, 4, 4], 1), input([3, 2, 3, 3], 2), input([3], 3)]);
  });

  test("pooling, overlapping and padded", () => {
    const shapes = [
      { kernel: 2, options: {} },
      { kernel: 3, options: { stride: 2, padding: 1 } },
      { kernel: [2, 3] as const, options: { stride: [1, 2] as const, padding: [1, 1] as const } },
      { kernel: 1, options: { stride: 3 } },
    ];
    for (const { kernel, options } of shapes) {
      expectGradient((x) => maxPool2d(x, kernel, options), [spread([2, 3, 7, 6], 1)]);
      expectGradient((x) => avgPool2d(x, kernel, options), [input([2, 3, 7, 6], 2)]);
    }
    expectGradient(globalAvgPool2d, [input([2, 3, 5, 7], 3)]);
  });

  test("prelu with one slope for all, and one for each channel", () => {
    for (const length of lengths) expectGradient(prelu, [input([length], length, awayFromZero), input([1], 2)]);
    for (const shape of [
      [3, 17],
      [2, 5, 9],
      [2, 3, 4, 5],
      [0, 3, 2],
    ]) {
      expectGradient(prelu, [input(shape, 1, awayFromZero), input([shape[1]], 2)]);
      expectGradient(prelu, [input(shape, 1, awayFromZero), input([1], 2)]);
    }
  });

  test("softmax and logSoftmax along each axis", () => {
    for (const axis of [0, 1, 2]) {
      expectGradient((x) => softmax(x, axis), [input([3, 5, 4], 1)]);
      expectGradient((x) => logSoftmax(x, axis), [input([3, 17, 1], 2)]);
    }
  });

  test("losses", () => {
    const labels = [2, 0, 6, 1, 3];
    const classWeights = [0.5, 1, 2, 0, 1, 3, 1];
    for (const options of [{}, { labelSmoothing: 0.2 }, { classWeights }, { labelSmoothing: 0.1, classWeights }]) {
      expectGradient((x) => crossEntropy(x, labels, options), [input([5, 7], 1, (v) => 2 * v)]);
    }
    expectGradient(mse, [input([3, 5], 1), input([3, 5], 2)]);
    expectGradient((x, t) => binaryCrossEntropy(x, sigmoid(t)), [input([3, 5], 1), input([3, 5], 2)]);
  });
});
