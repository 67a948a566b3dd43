import {
  argmax,
  argmin,
  clamp,
  cumSum,
  equal,
  flip,
  gather,
  greater,
  indexSelect,
  less,
  lessEqual,
  logSumExp,
  maximum,
  minimum,
  notEqual,
  oneHot,
  takeAlongAxis,
  tensor,
  topK,
  upsample,
  where,
} from "evenkeel";
import fc from "fast-check";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { normal } from "../support/seeded.js";

const { NaN: nan } = Number;

describeEachBackend("values", () => {
  test("NaN compares as IEEE 754 has it, and −0 equals 0", () => {
    const a = tensor([nan, nan, -0, Infinity]);
    const b = tensor([nan, 1, 0, Infinity]);
    expect([equal, notEqual, less, lessEqual, greater].map((op) => [...op(a, b).dataSync()])).toEqual([
      [0, 0, 1, 1],
      [1, 1, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 1, 1],
      [0, 0, 0, 0],
    ]);
  });

  test("where takes the bits of what is chosen, whatever the other is", () => {
    const y = where(tensor([1, 0, 1, 0, nan]), tensor([-0, nan, nan, Infinity, 2]), tensor([nan, -0, 5, nan, 3]));
    expect([...y.dataSync()]).toEqual([-0, -0, nan, nan, 2]);
    const x = tensor([-1, 4], { requiresGrad: true });
    where(less(x, 0), 0, x.sqrt()).backward(Float32Array.of(1, 1));
    expect(x.grad?.dataSync()[1]).toBe(0.25);
    expect([...where(1, 2, 3).dataSync()]).toEqual([2]);
  });

  test("minimum, maximum and clamp keep NaN, and tell −0 from 0", () => {
    expect([...minimum(tensor([nan, 1, 0]), tensor([1, nan, -0])).dataSync()]).toEqual([nan, nan, -0]);
    expect([...maximum(tensor([nan, 1, -0]), tensor([1, nan, 0])).dataSync()]).toEqual([nan, nan, 0]);
    expect([...clamp(tensor([nan, -5, 5]), 2, 1).dataSync()]).toEqual([nan, 1, 1]);
    expect([...clamp(tensor([1, 2, 3]), null, tensor([5, 1, 1])).dataSync()]).toEqual([1, 1, 1]);
  });

  test("argmax and argmin give the first of equal ones, and NaN before all", () => {
    const x = tensor([[1, 3, 3], [nan, 9, nan]]); // biome-ignore format: rows
    expect([...argmax(x, 1).dataSync()]).toEqual([1, 0]);
    expect([...argmin(x, 1).dataSync()]).toEqual([0, 0]);
    expect(argmax(tensor([[1, 2], [5, 4]])).item()).toBe(2); // biome-ignore format: rows
    expect(argmax(x, 0, { keepDims: true }).shape).toEqual([1, 3]);
    expect(x.argmin(undefined, { keepDims: true }).shape).toEqual([1, 1]);
  });

  test("topK sorts NaN first among the largest and last among the smallest, and equal ones by place", () => {
    const x = tensor([2, nan, 5, 2, 5, -0, 0]);
    const largest = topK(x, 5);
    expect([...largest.values.dataSync()]).toEqual([nan, 5, 5, 2, 2]);
    expect([...largest.indices.dataSync()]).toEqual([1, 2, 4, 0, 3]);
    expect([...topK(x, 7, { largest: false }).indices.dataSync()]).toEqual([5, 6, 0, 3, 2, 4, 1]);
    expect(topK(x, 0).values.shape).toEqual([0]);
  });

  test("topK is what sorting gives, for any values", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 40 }), fc.nat(), (values, k) => {
        const count = k % (values.length + 1);
        const order = values.map((_, i) => i).sort((i, j) => values[j] - values[i] || i - j);
        expect([...topK(tensor(values), count).indices.dataSync()]).toEqual(order.slice(0, count));
      }),
    );
  });

  test("variance of large means loses nothing", () => {
    for (const mean of [1e4, 1e6, 8e6]) {
      const x = tensor([0, 1, 2, 3, 4, 5, 6].map((v) => v + mean));
      expect(x.variance().item()).toBe(4);
      expect(x.std().item()).toBe(2);
    }
    // Nor does its gradient, 2·(x − mean)/n.
    const x = tensor(
      [0, 1, 2, 3, 4, 5, 6].map((v) => v + 0.1 + 1e4),
      [7],
      { requiresGrad: true },
    );
    x.variance().backward();
    const values = Array.from(x.dataSync());
    const mean = values.reduce((a, b) => a + b) / 7;
    expectClose(
      x.grad?.dataSync() ?? [],
      values.map((v) => (2 * (v - mean)) / 7),
      1e-6,
    );
    expect(tensor([3]).variance(0, { unbiased: true }).item()).toBe(nan);
    expect(tensor([3]).variance().item()).toBe(0);
  });

  test("a variance beyond float32 is infinite, and one of equal values 0; no gradient is NaN", () => {
    const x = tensor([1e30, -1e30, 5, 5, nan, 1], [3, 2], { requiresGrad: true });
    const y = x.variance(1);
    expect([...y.dataSync()]).toEqual([Infinity, 0, nan]);
    y.backward(Float32Array.of(0, 1, 1));
    expect(Array.from(x.grad?.dataSync() ?? [], Math.abs)).toEqual([0, 0, 0, 0, nan, nan]);
  });

  test("logSumExp of infinities is their limit", () => {
    expect(logSumExp(tensor([-Infinity, -Infinity])).item()).toBe(-Infinity);
    expect(logSumExp(tensor([Infinity, 1])).item()).toBe(Infinity);
    expect(logSumExp(tensor([nan, 1])).item()).toBe(nan);
    expect(logSumExp(tensor([-Infinity, 2])).item()).toBe(2);
  });

  test("cumSum adds in float64", () => {
    const x = tensor([2 ** 24, ...new Array<number>(9).fill(1)]);
    expect([...cumSum(x).dataSync()].at(-1)).toBe(2 ** 24 + 9 - 1);
    expect([...cumSum(tensor([[1, 2], [3, 4]]), 0).dataSync()]).toEqual([1, 2, 4, 6]); // biome-ignore format: rows
  });

  test("prod of many factors is right to their roundings, and has the gradients of zeros", () => {
    const x = normal([301], 5)
      .dataSync()
      .map((value) => 1 + value / 10);
    const exact = x.reduce((product, value) => product * value, 1);
    expect(Math.abs(tensor(x).prod().item() / exact - 1)).toBeLessThan(5e-6);
    expect(tensor([]).prod().item()).toBe(1);
    const gradientOf = (values: number[]): number[] => {
      const leaf = tensor(values, { requiresGrad: true });
      leaf.prod().backward();
      return [...(leaf.grad?.dataSync() ?? [])];
    };
    expect(gradientOf([2, 0, 3])).toEqual([0, 6, 0]);
    expect(gradientOf([2, 0, 0])).toEqual([0, 0, 0]);
  });

  test("indices count from the end where they are negative, and come as arrays, typed arrays and tensors", () => {
    const x = tensor([[1, 2, 3], [4, 5, 6]]); // biome-ignore format: rows
    for (const indices of [[-1, 0], Int32Array.of(2, 0), Uint8Array.of(2, 0), tensor([2, -3])]) {
      expect([...gather(x, indices, 1).dataSync()]).toEqual([3, 1, 6, 4]);
      expect([...indexSelect(x, indices, -1).dataSync()]).toEqual([3, 1, 6, 4]);
    }
    expect([...takeAlongAxis(x, x.argmax(1, { keepDims: true }), 1).dataSync()]).toEqual([3, 6]);
    expect(gather(x, 1).shape).toEqual([3]);
    expect(oneHot(tensor([[1], [0]]), 2).shape).toEqual([2, 1, 2]);
  });

  test("flip twice is the identity, over any axes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
        fc.nat(31),
        (shape, mask) => {
          const axes = shape.map((_, k) => k).filter((k) => (mask >> k) & 1);
          const x = normal(shape, 1);
          expect(flip(flip(x, axes), axes).dataSync()).toEqual(x.dataSync());
        },
      ),
    );
  });

  test("upsampling keeps planes of one value as they are, and aligned corners", () => {
    for (const alignCorners of [false, true]) {
      const flat = upsample(tensor(new Array<number>(12).fill(0.1), [1, 1, 3, 4]), null, {
        ...{ size: [7, 5], mode: "bilinear", alignCorners },
      });
      expect(new Set(flat.dataSync())).toEqual(new Set([Math.fround(0.1)]));
    }
    const x = normal([1, 1, 3, 4], 1).dataSync();
    const y = upsample(tensor(x, [1, 1, 3, 4]), 3, { mode: "bilinear", alignCorners: true }).dataSync();
    expect([y[0], y[11], y[y.length - 12], y[y.length - 1]]).toEqual([x[0], x[3], x[8], x[11]]);
  });
});
