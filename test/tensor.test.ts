import { concat, full, ones, relu, setBackend, tensor, zeros } from "evenkeel";
import { describe, expect, test } from "vitest";
import { describeEachBackend } from "./support/backends.js";
import { normalValues } from "./support/seeded.js";

describeEachBackend("a tensor", () => {
  test("is made from a number, nested arrays, and typed arrays, which are copied", async () => {
    expect(tensor(3).shape).toEqual([]);
    expect(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]).shape,
    ).toEqual([2, 3]);
    expect(tensor([]).shape).toEqual([0]);
    const source = Float32Array.of(1, 2, 3, 4);
    const t = tensor(source, [2, 2]);
    source[0] = 9;
    const read = await t.data();
    expect(read).toEqual(Float32Array.of(1, 2, 3, 4));
    read[0] = 9;
    expect(t.dataSync()).toEqual(Float32Array.of(1, 2, 3, 4));
    expect(tensor(Uint8Array.of(1, 255)).dataSync()).toEqual(Float32Array.of(1, 255));
    expect(tensor([1, 2], { requiresGrad: true }).requiresGrad).toBe(true);
    expect([zeros([2]), ones([2]), full([2], 7)].map((one) => one.dataSync()[1])).toEqual([0, 1, 7]);
  });

  test("does arithmetic with broadcasting", () => {
    const a = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(a.add(tensor([10, 20])).dataSync()).toEqual(Float32Array.of(11, 22, 13, 24));
    expect(a.sub(1).mul(2).div(4).dataSync()).toEqual(Float32Array.of(0, 0.5, 1, 1.5));
    expect(a.pow(2).dataSync()).toEqual(Float32Array.of(1, 4, 9, 16));
    expect(a.neg().dataSync()).toEqual(Float32Array.of(-1, -2, -3, -4));
    expect(a.matmul(a).dataSync()).toEqual(Float32Array.of(7, 10, 15, 22));
    expect(relu(tensor([-1, Number.NaN, 2])).dataSync()).toEqual(Float32Array.of(0, Number.NaN, 2));
    expect(zeros([0, 3]).add(ones([3])).shape).toEqual([0, 3]);
  });

  test("changes its shape", () => {
    const a = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(a.transpose().dataSync()).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
    expect(a.reshape([3, -1]).shape).toEqual([3, 2]);
    expect(a.flatten().shape).toEqual([6]);
    expect(a.slice(1).dataSync()).toEqual(Float32Array.of(4, 5, 6));
    expect(a.slice(0, 1, -1).dataSync()).toEqual(Float32Array.of(1, 4));
    expect(concat([a, a], 1).shape).toEqual([2, 6]);
  });

  test("is reduced over axes, in float64", () => {
    const a = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(a.sum().item()).toBe(21);
    expect(a.sum(0).dataSync()).toEqual(Float32Array.of(5, 7, 9));
    expect(a.mean(1, { keepDims: true }).shape).toEqual([2, 1]);
    expect(a.max(-1).dataSync()).toEqual(Float32Array.of(3, 6));
    const large = new Float32Array(1 << 20).fill(0.1);
    expect(tensor(large).sum().item()).toBe(Math.fround(Math.fround(0.1) * (1 << 20)));
    expect(tensor([1, Number.NaN, 3]).max().item()).toBeNaN();
    // Few columns of many rows are walked several rows at a time.
    for (const columns of [2, 3, 7, 15]) {
      const values = normalValues(2 * 2053 * columns, columns);
      values[2 * 2053 * columns - 1] = 9;
      values[0] = Number.NaN;
      const expected = Float32Array.from({ length: 2 * columns }, (_, k) => {
        const start = k < columns ? 0 : 2053;
        return Math.max(...Array.from({ length: 2053 }, (_, row) => values[(start + row) * columns + (k % columns)]));
      });
      expect(tensor(values, [2, 2053, columns]).max(1).dataSync()).toEqual(expected);
    }
  });

  test("refuses what does not fit", () => {
    const a = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const messages = [
      () => tensor([[1, 2], [3]]),
      () => tensor([1, 2, 3], [2, 2]),
      () => tensor(Float32Array.of(1), [1, 1, 1, 1, 1, 1]),
      () => a.add(tensor([1, 2])),
      () => a.matmul(a),
      () => a.reshape([4, -1]),
      () => a.transpose([0, 0]),
      () => a.slice(2, 1),
      () => a.sum(2),
      () => zeros([0]).max(),
      () => concat([a, tensor([1])]),
      () => a.item(),
    ].map((body) => {
      try {
        body();
        return "nothing was thrown";
      } catch (error) {
        return String(error);
      }
    });
    expect(messages).toMatchInlineSnapshot(`
      [
        "ShapeError: tensor(data): expected nested arrays of equal length 2 along axis 1, got an array of length 1. Make all rows equally long and fill them with numbers.",
        "ShapeError: tensor(data, shape): expected 4 values for shape 2×2, got 3. Correct the shape or the data.",
        "ShapeError: tensor(data, shape): expected an array of at most 5 sizes, each a whole number of at least 0, got [1, 1, 1, 1, 1, 1]. Correct the shape, an array such as [2, 3].",
        "ShapeError: add: expected shapes that broadcast (aligned at the last axis, sizes equal or 1), got 2×3 and 2. Reshape one of them.",
        "ShapeError: Tensor(2×3).matmul(u): expected matrices in the last two axes, the first with as many columns as the second has rows, got 2×3 and 2×3. Transpose or reshape one of them.",
        "ShapeError: Tensor(2×3).reshape(shape): expected a shape of 6 values, got [4, -1]. Choose sizes whose product is the number of values; one of them may be −1.",
        "ArgumentError: Tensor(2×3).transpose(order): expected each axis of 2×3 once, got [0, 0]. List the axes 0 to 1 in their new order.",
        "ArgumentError: Tensor(2×3).slice(start, end, axis): expected 0 ≤ start ≤ end ≤ 2 along axis 0, got start 2, end 1. Name a part that the axis has.",
        "ArgumentError: Tensor(2×3).sum(axis): expected an axis from -2 to 1, got 2. Name an axis that the tensor has.",
        "ShapeError: Tensor(0).max(axis): expected at least one value along axis 0, got none (shape 0). Reduce an axis that has values.",
        "ShapeError: concat(list, axis): expected shapes equal to 2×3 but along axis 0, got 1. Reshape or slice the tensors so that only that axis differs.",
        "ShapeError: Tensor(2×3).item(): expected one value, got 6. Reduce it first, or read data().",
      ]
    `);
  });
});

describe("setBackend", () => {
  test("keeps tensors of two backends apart", () => {
    setBackend("cpu");
    const a = tensor([1]);
    setBackend("wasm");
    expect(() => a.add(tensor([1]))).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: add: expected every tensor on the cpu backend, got one on wasm. Call setBackend() once, before the model and the data are made.]`,
    );
    expect(() => setBackend("webgpu")).toThrowErrorMatchingInlineSnapshot(
      `[BackendError: setBackend(name): expected a backend that has been started, got "webgpu" before its device was there. Import { webgpu } from "evenkeel/webgpu" and await webgpu() first.]`,
    );
    // @ts-expect-error: not a backend
    expect(() => setBackend("gpu")).toThrowErrorMatchingInlineSnapshot(
      `[ArgumentError: setBackend(name): expected "cpu", "wasm" or "webgpu", got "gpu". Pass one of the three.]`,
    );
  });
});
