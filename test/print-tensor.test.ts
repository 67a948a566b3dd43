import { inspect } from "node:util";
import { full, memoryInUse, ones, tensor, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "./support/backends.js";

describeEachBackend("String(tensor)", () => {
  test("shows the shape, and a line for each row", () => {
    expect(
      `${tensor([
        [1, 2],
        [3, 40],
      ])}`,
    ).toMatchInlineSnapshot(`
      "Tensor(2×2)
      [[ 1,  2],
       [ 3, 40]]"
    `);
  });

  test("shows scalars, vectors and tensors without values", () => {
    expect([tensor(3), tensor([1, 2, 3]), tensor([]), zeros([0, 3])].map(String)).toMatchInlineSnapshot(`
      [
        "Tensor(scalar)
      3",
        "Tensor(3)
      [1, 2, 3]",
        "Tensor(0)
      [] (0)",
        "Tensor(0×3)
      [] (0×3)",
      ]
    `);
  });

  test("parts matrices by an empty line", () => {
    expect(`${zeros([2, 2, 2])}`).toMatchInlineSnapshot(`
      "Tensor(2×2×2)
      [[[0, 0],
        [0, 0]],

       [[0, 0],
        [0, 0]]]"
    `);
  });

  test("aligns the decimals of a tensor", () => {
    expect(
      `${tensor([
        [1.5, -2.25],
        [100, 0.00049],
      ])}`,
    ).toMatchInlineSnapshot(`
      "Tensor(2×2)
      [[  1.5000,  -2.2500],
       [100.0000,   0.0005]]"
    `);
    expect(`${tensor([[1000.5, 1]])}`).toMatchInlineSnapshot(`
      "Tensor(1×2)
      [[1000.5000,    1.0000]]"
    `);
  });

  test("writes exponents where the largest value is below 0.01 or from 100,000 on", () => {
    expect([tensor([1e-6, 2e-7]), tensor([1e-3, 1000]), tensor([123456.7, 2])].map(String)).toMatchInlineSnapshot(`
      [
        "Tensor(2)
      [1.0000e-6, 2.0000e-7]",
        "Tensor(2)
      [   0.0010, 1000.0000]",
        "Tensor(2)
      [1.2346e+5, 2.0000e+0]",
      ]
    `);
  });

  test("shows what is not finite, and the sign of zero", () => {
    expect([tensor([Number.NaN, 1, 1 / 0, -1 / 0]), tensor([-0, 0])].map(String)).toMatchInlineSnapshot(`
      [
        "Tensor(4)
      [NaN,   1,   ∞,  -∞]",
        "Tensor(2)
      [-0,  0]",
      ]
    `);
  });

  test("shows three values at either end of each long axis of more than 1,000 values", () => {
    expect(`${full([2000], 0.5)}`).toMatchInlineSnapshot(`
      "Tensor(2000)
      [0.5000, 0.5000, 0.5000, …, 0.5000, 0.5000, 0.5000]"
    `);
    expect(`${ones([500, 3])}`).toMatchInlineSnapshot(`
      "Tensor(500×3)
      [[1, 1, 1],
       [1, 1, 1],
       [1, 1, 1],
       …,
       [1, 1, 1],
       [1, 1, 1],
       [1, 1, 1]]"
    `);
    expect(`${ones([1000])}`.split(",")).toHaveLength(1000);
  });

  test("tells that a tensor is freed, and takes no memory", () => {
    const t = tensor([1, 2]);
    const before = memoryInUse();
    expect(`${t}`).toContain("[1, 2]");
    expect(memoryInUse()).toBe(before);
    t.dispose();
    expect(`${t}`).toBe("Tensor(2), freed");
  });

  test("is what console.log shows, also inside of objects", () => {
    expect(inspect(tensor([1, 2]))).toBe("Tensor(2)\n[1, 2]");
    expect(inspect({ a: [tensor(1)] })).toContain("Tensor(scalar)");
  });
});
