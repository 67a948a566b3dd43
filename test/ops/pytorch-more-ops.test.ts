import { readFileSync } from "node:fs";
import * as evenkeel from "evenkeel";
import { scope, type Tensor, tensor } from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { relativeError } from "../support/close.js";
import type { Stored } from "../support/stored.js";

/** Largest difference from PyTorch in float64, in units of the largest value of the same array. */
const tolerance = 1e-6;

interface OpCase {
  readonly op: string;
  readonly name: string;
  /** What follows the inputs in the call. */
  readonly args: readonly unknown[];
  readonly inputs: readonly Stored[];
  readonly cotangent: Stored;
  readonly output: Stored;
  /** None where the op passes no gradient. */
  readonly gradients: readonly Stored[];
}

const cases: readonly OpCase[] = ["ops", "windows"].flatMap((name) =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), "utf8")),
);

type Call = (inputs: readonly Tensor[], args: readonly never[]) => Tensor;

/** An argument as it is passed: stored tensors as tensors. */
function argumentOf(stored: unknown): unknown {
  if (typeof stored !== "object" || stored === null || Array.isArray(stored)) return stored ?? undefined;
  const { shape, values, ...options } = stored as Partial<Stored>;
  if (shape !== undefined && values !== undefined) return tensor(values, shape);
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, value === "Infinity" ? Infinity : value]),
  );
}

/** How to call what is neither a function of that name with the inputs first, nor a method. */
const special: Readonly<Record<string, Call>> = {
  where: ([a, b], [condition]) => evenkeel.where(condition, a, b),
  topK: ([x], [k, options]) => evenkeel.topK(x, k, options).values,
  split: ([x], [sizes, axis]) => evenkeel.split(x, sizes, axis)[1],
  chunk: ([x], [count, axis]) => evenkeel.chunk(x, count, axis).at(-1) as Tensor,
  stack: (list, [axis]) => evenkeel.stack(list, axis),
  upsample: ([x], [scale, options]) => evenkeel.upsample(x, scale ?? null, options),
  conv1d: ([x, weight, bias], [options]) => evenkeel.conv1d(x, weight, bias ?? null, options),
  conv2d: ([x, weight, bias], [options]) => evenkeel.conv2d(x, weight, bias ?? null, options),
  conv3d: ([x, weight, bias], [options]) => evenkeel.conv3d(x, weight, bias ?? null, options),
};

function call({ op, args }: OpCase, inputs: readonly Tensor[]): Tensor {
  const given = args.map(argumentOf) as never[];
  if (Object.hasOwn(special, op)) return special[op](inputs, given);
  const f: unknown = Reflect.get(evenkeel, op) ?? Reflect.get(inputs[0], op);
  const self = Reflect.has(evenkeel, op) ? [...inputs, ...given] : [...inputs.slice(1), ...given];
  return Reflect.apply(f as (...all: unknown[]) => Tensor, inputs[0], self);
}

describeEachBackend("PyTorch agrees", () => {
  test.each(cases)("with $op: $name", (one) => {
    scope(() => {
      const isLeaf = one.gradients.length > 0;
      const leaves = one.inputs.map(({ values, shape }) => tensor(values, shape, { requiresGrad: isLeaf }));
      const y = call(one, leaves);
      expect(y.shape).toEqual(one.output.shape);
      expect(relativeError(y.dataSync(), one.output.values)).toBeLessThanOrEqual(tolerance);
      expect(y.requiresGrad).toBe(isLeaf);
      if (!isLeaf) return;
      y.backward(Float32Array.from(one.cotangent.values));
      leaves.forEach(({ grad }, k) => {
        expect(grad?.shape).toEqual(one.gradients[k].shape);
        expect(relativeError(grad?.dataSync() ?? [], one.gradients[k].values), `gradient ${k}`).toBeLessThanOrEqual(
          tolerance,
        );
      });
    });
  });
});

describe("the fixtures", () => {
  test("have an op for each name", () => {
    const methods = Object.getOwnPropertyNames(evenkeel.Tensor.prototype);
    const known = (op: string): boolean => Object.hasOwn(evenkeel, op) || methods.includes(op);
    expect([...new Set(cases.map(({ op }) => op))].filter((op) => !known(op))).toEqual([]);
  });
});
