import { readFileSync } from "node:fs";
import {
  avgPool2d,
  BatchNorm,
  type BatchNormOptions,
  binaryCrossEntropy,
  type ConvOptions,
  type CrossEntropyOptions,
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
  type Pair,
  type PoolOptions,
  prelu,
  type ReduceOptions,
  relu,
  scope,
  setBackend,
  sigmoid,
  silu,
  softmax,
  softplus,
  type Tensor,
  tanh,
  tensor,
} from "evenkeel";
import { beforeAll, describe, expect, test } from "vitest";
import { relativeError } from "../support/close.js";
import type { Stored } from "../support/stored.js";

/** Largest difference from PyTorch in float64, in units of the largest value of the same array. */
const tolerance = 1e-6;

/** What the ops of this file take beside tensors, all in one. */
interface Options extends ConvOptions, PoolOptions, CrossEntropyOptions, ReduceOptions {
  readonly kernel: Pair;
  readonly axis?: number;
  readonly parameter: number;
  readonly labels: number[];
}

interface OpCase {
  readonly op: string;
  readonly name: string;
  readonly options: Options;
  readonly inputs: Stored[];
  readonly cotangent: Stored;
  readonly output: Stored;
  readonly gradients: Stored[];
}

interface NormCase {
  readonly name: string;
  readonly training: boolean;
  readonly options: BatchNormOptions;
  readonly state: Record<string, Stored>;
  readonly x: Stored;
  readonly cotangent: Stored;
  readonly output: Stored;
  readonly gradients: Record<string, Stored>;
  readonly after: Record<string, Stored>;
}

const fixtures: { ops: OpCase[]; norms: NormCase[] } = JSON.parse(
  readFileSync(new URL("../fixtures/pytorch-ops.json", import.meta.url), "utf8"),
);

const ops: Record<string, (inputs: readonly Tensor[], options: Options) => Tensor> = {
  conv2d: ([x, weight, bias], options) => conv2d(x, weight, bias ?? null, options),
  maxPool2d: ([x], { kernel, ...options }) => maxPool2d(x, kernel, options),
  avgPool2d: ([x], { kernel, ...options }) => avgPool2d(x, kernel, options),
  globalAvgPool2d: ([x]) => globalAvgPool2d(x),
  linear: ([x, weight, bias]) => linear(x, weight, bias ?? null),
  matmul: ([a, b]) => a.matmul(b),
  relu: ([x]) => relu(x),
  leakyRelu: ([x], { parameter }) => leakyRelu(x, parameter),
  elu: ([x], { parameter }) => elu(x, parameter),
  gelu: ([x]) => gelu(x),
  silu: ([x]) => silu(x),
  softplus: ([x]) => softplus(x),
  hardSwish: ([x]) => hardSwish(x),
  prelu: ([x, weight]) => prelu(x, weight),
  sigmoid: ([x]) => sigmoid(x),
  tanh: ([x]) => tanh(x),
  exp: ([x]) => x.exp(),
  log: ([x]) => x.log(),
  sqrt: ([x]) => x.sqrt(),
  softmax: ([x], { axis }) => softmax(x, axis),
  logSoftmax: ([x], { axis }) => logSoftmax(x, axis),
  crossEntropy: ([logits], { labels, ...options }) => crossEntropy(logits, labels, options),
  mse: ([a, b]) => mse(a, b),
  binaryCrossEntropy: ([logits, targets]) => binaryCrossEntropy(logits, targets),
  add: ([a, b]) => a.add(b),
  sub: ([a, b]) => a.sub(b),
  mul: ([a, b]) => a.mul(b),
  div: ([a, b]) => a.div(b),
  pow: ([a, b]) => a.pow(b),
  powNumber: ([a], { parameter }) => a.pow(parameter),
  sum: ([x], { axis, ...options }) => x.sum(axis, options),
  mean: ([x], { axis, ...options }) => x.mean(axis, options),
  max: ([x], { axis, ...options }) => x.max(axis, options),
};

function leaf({ values, shape }: Stored): Tensor {
  return tensor(values, shape, { requiresGrad: true });
}

/** Expects the same shapes, and values that differ by no more than the tolerance. */
function expectMatch(actual: Record<string, Tensor | null>, expected: Record<string, Stored>): void {
  const shapes = (
    of: Record<string, { shape: readonly number[] } | null>,
  ): Record<string, readonly number[] | undefined> =>
    Object.fromEntries(Object.entries(of).map(([name, t]) => [name, t?.shape]));
  expect(shapes(actual)).toEqual(shapes(expected));
  const errors = Object.entries(expected).map(
    ([name, { values }]) => [name, relativeError(actual[name]?.dataSync() ?? [], values)] as const,
  );
  expect(Object.fromEntries(errors.filter(([, error]) => !(error <= tolerance)))).toEqual({});
}

describe.each(["cpu", "wasm"] as const)("PyTorch agrees on %s with", (backend) => {
  beforeAll(() => setBackend(backend));

  test.each(fixtures.ops)("$op: $name", ({ op, options, inputs, cotangent, output, gradients }) => {
    scope(() => {
      const leaves = inputs.map(leaf);
      const y = ops[op](leaves, options);
      y.backward(Float32Array.from(cotangent.values));
      const numbered = <T>(list: readonly T[]): Record<string, T> =>
        Object.fromEntries(list.map((member, k) => [`gradient of input ${k}`, member]));
      const actual = { output: y, ...numbered(leaves.map((t) => t.grad)) };
      expectMatch(actual, { output, ...numbered(gradients) });
    });
  });

  test.each(fixtures.norms)("BatchNorm: $name, training $training", (expected) => {
    scope(() => {
      const norm = new BatchNorm(expected.x.shape[1], { ...expected.options, warmUp: false }).train(expected.training);
      norm.loadStateDict(
        Object.fromEntries(Object.entries(expected.state).map(([name, t]) => [name, tensor(t.values, t.shape)])),
      );
      const x = leaf(expected.x);
      const y = norm.forward(x);
      y.backward(Float32Array.from(expected.cotangent.values));
      const affine = norm.namedParameters().map(([name, parameter]) => [name, parameter.grad]);
      expectMatch({ output: y }, { output: expected.output });
      expectMatch({ x: x.grad, ...Object.fromEntries(affine) }, expected.gradients);
      expectMatch(norm.stateDict(), expected.after);
    });
  });
});
