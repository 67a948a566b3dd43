import { readFileSync } from "node:fs";
import {
  abs,
  avgPool2d,
  binaryCrossEntropy,
  ceil,
  cos,
  elu,
  equal,
  erf,
  expm1,
  floor,
  gelu,
  greater,
  greaterEqual,
  hardSigmoid,
  hardSwish,
  hardTanh,
  leakyRelu,
  less,
  lessEqual,
  log1p,
  maximum,
  maxPool2d,
  minimum,
  mish,
  notEqual,
  prelu,
  reciprocal,
  relu,
  relu6,
  round,
  rsqrt,
  setBackend,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  square,
  type Tensor,
  tanh,
  tensor,
  where,
} from "evenkeel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { describeEachBackend, onGpu } from "../support/backends.js";

type Bits = readonly number[];
const stored: {
  readonly points: Bits;
  readonly unary: Readonly<Record<string, Readonly<Record<"y" | "dx", Bits>>>>;
  readonly binary: Readonly<Record<string, Readonly<Record<"y" | "da" | "db", Bits>>>>;
  readonly comparisons: Readonly<Record<string, Bits>>;
  readonly planes: Bits;
  readonly pooling: Readonly<Record<string, Readonly<Record<"y" | "dx", Bits>>>>;
} = JSON.parse(readFileSync(new URL("../fixtures/special-values.json", import.meta.url), "utf8"));
const floats = (bits: Bits): Float32Array => new Float32Array(Uint32Array.from(bits).buffer);
const points = floats(stored.points);

const unary: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  neg: (x) => x.neg(),
  exp: (x) => x.exp(),
  log: (x) => x.log(),
  sqrt: (x) => x.sqrt(),
  ...{ abs, sign, floor, ceil, round, square, reciprocal, rsqrt, sin, cos, erf, log1p, expm1, relu, relu6 },
  leakyRelu: (x) => leakyRelu(x, 0.1),
  elu: (x) => elu(x),
  ...{ gelu, silu, softplus, hardSwish, hardSigmoid },
  hardTanh: (x) => hardTanh(x),
  ...{ sigmoid, tanh, mish },
};
const steps = ["sign", "floor", "ceil", "round"];
const binary: Readonly<Record<string, (a: Tensor, b: Tensor) => Tensor>> = {
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  mul: (a, b) => a.mul(b),
  div: (a, b) => a.div(b),
  pow: (a, b) => a.pow(b),
  ...{ minimum, maximum },
};
const comparisons = { equal, notEqual, less, lessEqual, greater, greaterEqual };
const pools: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  "maxPool2d of 2": (x) => maxPool2d(x, 2),
  "maxPool2d of 3 by 1": (x) => maxPool2d(x, 3, { stride: 1 }),
  "maxPool2d of 3 by 1, padded": (x) => maxPool2d(x, 3, { stride: 1, padding: 1 }),
  "avgPool2d of 2": (x) => avgPool2d(x, 2),
  "avgPool2d of 3 by 1, padded": (x) => avgPool2d(x, 3, { stride: 1, padding: 1 }),
};

/** Values and gradients for dy = 1, 1, … or 1, 2, 3, … */
function results(op: (...x: Tensor[]) => Tensor, inputs: readonly Tensor[], counts = false): Float32Array[] {
  const y = op(...inputs);
  const values = y.dataSync();
  y.backward(Float32Array.from(values, (_, k) => (counts ? k + 1 : 1)));
  return [values, ...inputs.map((x) => x.grad?.dataSync() ?? new Float32Array(x.size))];
}

const leaf = (values: ArrayLike<number>, shape: number[] = [values.length]): Tensor =>
  tensor(Float32Array.from(values), shape, { requiresGrad: true });

const largest = 3.4028e38;

/**
 * Whether two numbers are alike: NaN, infinite or within a relative or absolute distance; what is next to the largest
 * may be infinite.
 */
function alike(a: number, b: number, relative: number, absolute: number): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  if (a === b) return true;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return a * Math.sign(b) > largest && b * Math.sign(a) > largest;
  return Math.abs(a - b) <= relative * Math.max(Math.abs(a), Math.abs(b)) + absolute;
}

/** Where numbers differ from others: what each is at; null: that is not promised. */
function differences(
  got: Float32Array,
  expected: Float32Array,
  at: (k: number) => string | null,
  [relative, absolute]: readonly [number, number],
): string[] {
  return [...got].flatMap((value, k) => {
    const place = at(k);
    const isGood = place === null || alike(value, expected[k], relative, absolute);
    return isGood ? [] : [`${place}: ${value} for ${expected[k]}`];
  });
}

const [left, right] = [points, points].map((_, side) =>
  Float32Array.from({ length: points.length ** 2 }, (_, k) =>
    side === 0 ? points[Math.floor(k / points.length)] : points[k % points.length],
  ),
);
const normal = 2 ** -126;
/** Whether a GPU may take a number for 0, and make anything of it. */
const mayBeZero = (x: number): boolean => onGpu && x !== 0 && Math.abs(x) < normal;
/** Values are right in their last places; slopes of what is saved rounded are within 10⁻⁶ of 1. */
const asValues = [3e-7, onGpu ? normal : 1.5e-45] as const;
const asSlopes = [1e-6, 1e-6] as const;
const pairAt = (k: number): string | null =>
  mayBeZero(left[k]) || mayBeZero(right[k]) ? null : `(${left[k]}, ${right[k]})`;

describeEachBackend("zeros, infinities, NaN, subnormal and large numbers", () => {
  test.each(Object.keys(unary))("%s and its slope are PyTorch's", (name) => {
    const { y, dx } = stored.unary[name];
    const [values, slopes] = steps.includes(name)
      ? [unary[name](tensor(points)).dataSync(), new Float32Array(points.length)]
      : results(unary[name], [leaf(points)]);
    const named = (what: string) => (k: number) => (mayBeZero(points[k]) ? null : `${what}${points[k]}`);
    const found = [
      ...differences(values, floats(y), named(""), asValues),
      ...(steps.includes(name) ? [] : differences(slopes, floats(dx), named("slope at "), asSlopes)),
    ];
    // Where NaN is not hidden, the limit is taken, or PyTorch cancels.
    const others: Record<string, string[]> = {
      sign: ["NaN: NaN for 0"],
      elu: [
        ...(onGpu ? [] : ["-9.99994610111476e-41: -9.99994610111476e-41 for 0"]),
        "-1.0000000031710769e-30: -1.0000000031710769e-30 for 0",
        "slope at NaN: NaN for 1",
      ],
      hardSwish: ["slope at -3: 0 for -0.5", "slope at NaN: NaN for 1"],
      hardSigmoid: ["slope at NaN: 0.1666666716337204 for 0"],
      mish: ["-Infinity: 0 for NaN", "slope at Infinity: 1 for NaN", "slope at -Infinity: 0 for NaN"],
    };
    expect(found.sort()).toEqual((others[name] ?? []).sort());
  });

  test.each(Object.keys(binary))("%s and its slopes are PyTorch's", (name) => {
    const { y, da, db } = stored.binary[name];
    const [values, first, second] = results(binary[name], [leaf(left), leaf(right)]);
    expect(differences(values, floats(y), pairAt, asValues)).toEqual([]);
    expect(differences(first, floats(da), pairAt, asSlopes)).toEqual([]);
    expect(differences(second, floats(db), pairAt, asSlopes)).toEqual([]);
  });

  test.each(Object.entries(comparisons))("%s is PyTorch's", (name, op) => {
    const values = op(tensor(left), tensor(right)).dataSync();
    expect(differences(values, floats(stored.comparisons[name]), pairAt, [0, 0])).toEqual([]);
  });

  test.each(Object.keys(pools))("%s and its gradient are PyTorch's", (name) => {
    const { y, dx } = stored.pooling[name];
    const planes = leaf(floats(stored.planes), [stored.planes.length / 16, 1, 4, 4]);
    const [values, gradient] = results(pools[name], [planes], true);
    const at = (k: number): string => `place ${k}`;
    expect(differences(values, floats(y), at, asValues)).toEqual([]);
    expect(differences(gradient, floats(dx), at, asSlopes)).toEqual([]);
  });
});

/** Any float32, the special ones often. */
const anyFloat = fc.oneof(fc.float(), fc.constantFrom(...points), fc.float({ min: -100, max: 100 }));
const bitsOf = (x: number): Float32Array => Float32Array.of(x);

describe("both backends agree at any number", () => {
  /** Where they do not. */
  function disagreements(op: (...x: Tensor[]) => Tensor, inputs: () => Tensor[], differentiable = true): string[] {
    const [cpu, wasm] = (["cpu", "wasm"] as const).map((backend) => {
      setBackend(backend);
      return differentiable ? results(op, inputs()) : [op(...inputs()).dataSync()];
    });
    const signs = [...wasm[0]].flatMap((y, k) =>
      y === 0 && cpu[0][k] === 0 && !Object.is(y, cpu[0][k]) ? [`${k}: ${y} has another sign`] : [],
    );
    return wasm.flatMap((got, part) =>
      differences(got, cpu[part], (k) => `${part}, ${k}`, part === 0 ? asValues : asSlopes).concat(
        part === 0 ? signs : [],
      ),
    );
  }

  test.each(Object.entries(unary))("%s", (name, op) => {
    fc.assert(
      fc.property(fc.array(anyFloat, { minLength: 1, maxLength: 9 }), (values) => {
        expect(disagreements(op, () => [leaf(values)], !steps.includes(name))).toEqual([]);
      }),
    );
  });

  const pairs: Readonly<Record<string, (a: Tensor, b: Tensor) => Tensor>> = {
    ...binary,
    prelu: (a, b) => prelu(a, b.slice(0, 1)),
    where: (a, b) => where(greater(a, b), a, b),
  };
  test.each(Object.entries(pairs))("%s", (_, op) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyFloat, anyFloat), { minLength: 1, maxLength: 9 }), (both) => {
        const inputs = (): Tensor[] => [0, 1].map((side) => leaf(both.map((pair) => pair[side])));
        expect(disagreements(op as (...x: Tensor[]) => Tensor, inputs)).toEqual([]);
      }),
    );
  });

  test.each(Object.entries(comparisons))("%s", (_, op) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyFloat, anyFloat), { minLength: 1, maxLength: 9 }), (both) => {
        const inputs = (): Tensor[] => [0, 1].map((side) => tensor(both.map((pair) => pair[side])));
        expect(disagreements(op as (...x: Tensor[]) => Tensor, inputs, false)).toEqual([]);
      }),
    );
  });

  test("binaryCrossEntropy", () => {
    fc.assert(
      fc.property(anyFloat, fc.float({ min: 0, max: 1 }), (logit, target) => {
        const op = (x: Tensor): Tensor => binaryCrossEntropy(x, tensor(bitsOf(target)));
        expect(disagreements(op as (...x: Tensor[]) => Tensor, () => [leaf([logit])])).toEqual([]);
      }),
    );
  });

  test.each(Object.entries(pools))("%s", (_, op) => {
    fc.assert(
      fc.property(fc.array(anyFloat, { minLength: 25, maxLength: 25 }), (values) => {
        const bounded = values.map((x) => (Math.abs(x) < 1e37 || !Number.isFinite(x) ? x : 1));
        expect(disagreements(op, () => [leaf(bounded, [1, 1, 5, 5])])).toEqual([]);
      }),
    );
  });
});
