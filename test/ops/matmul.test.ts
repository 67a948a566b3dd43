import { type Shape, type Tensor, tensor, zeros } from "evenkeel";
import { expect, test } from "vitest";
import { describeEachBackend } from "../support/backends.js";
import { expectClose } from "../support/close.js";
import { expectGradient, input } from "../support/gradient.js";
import { normal } from "../support/seeded.js";

/** The matrix of a batch, as a tensor of rank 2. */
function matrix(t: Tensor, k: number): Tensor {
  const [rows, columns] = t.shape.slice(-2);
  return tensor(t.dataSync().slice(k * rows * columns, (k + 1) * rows * columns), [rows, columns]);
}

describeEachBackend("matmul of batches", () => {
  test("has the bits of the products one by one, for sizes beyond the blocks of the kernel", () => {
    for (const [m, k, n] of [
      [1, 1, 1],
      [9, 17, 5],
      [3, 300, 18],
      [101, 20, 33],
    ]) {
      const [a, b] = [normal([3, m, k], 1), normal([3, k, n], 2)];
      const y = a.matmul(b);
      for (let batch = 0; batch < 3; batch++) {
        expect(matrix(y, batch).dataSync()).toEqual(matrix(a, batch).matmul(matrix(b, batch)).dataSync());
      }
    }
  });

  test("broadcasts as repeating would", () => {
    const [a, b] = [normal([2, 1, 3, 4], 1), normal([5, 4, 2], 2)];
    const repeated = a.add(zeros([2, 5, 3, 4])).matmul(b.add(zeros([2, 5, 4, 2])));
    expect(a.matmul(b).shape).toEqual([2, 5, 3, 2]);
    expectClose(a.matmul(b).dataSync(), repeated.dataSync(), 0);
  });

  test.each<[Shape, Shape]>([
    [
      [3, 2, 5],
      [3, 5, 4],
    ],
    [
      [2, 3, 2, 2],
      [2, 6],
    ],
    [
      [4, 5],
      [2, 5, 3],
    ],
    [
      [2, 1, 2, 3],
      [4, 3, 2],
    ],
    [
      [2, 2, 1, 3, 2],
      [1, 2, 2, 3],
    ],
  ])("gradients of %j by %j match finite differences", (left, right) => {
    expectGradient((a, b) => a.matmul(b), [input(left, 1), input(right, 2)]);
  });

  test("nothing times something is zeros, or nothing", () => {
    expect(
      zeros([2, 3, 0])
        .matmul(zeros([2, 0, 4]))
        .dataSync(),
    ).toEqual(new Float32Array(24));
    expect(zeros([0, 3, 2]).matmul(zeros([0, 2, 4])).shape).toEqual([0, 3, 4]);
    expect(zeros([2, 3, 2]).matmul(zeros([2, 0])).shape).toEqual([2, 3, 0]);
    expectGradient((a, b) => a.matmul(b), [input([2, 3, 0], 1), input([2, 0, 4], 2)]);
  });

  test("shapes that do not fit are refused", () => {
    expect(() => zeros([3]).matmul(zeros([3, 2]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Tensor(3).matmul(u): expected matrices in the last two axes, the first with as many columns as the second has rows, got 3 and 3×2. Transpose or reshape one of them.]`,
    );
    expect(() => zeros([2, 3, 4]).matmul(zeros([2, 3, 4]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Tensor(2×3×4).matmul(u): expected matrices in the last two axes, the first with as many columns as the second has rows, got 2×3×4 and 2×3×4. Transpose or reshape one of them.]`,
    );
    expect(() => zeros([2, 3, 4]).matmul(zeros([3, 4, 5]))).toThrowErrorMatchingInlineSnapshot(
      `[ShapeError: Tensor(2×3×4).matmul(Tensor(3×4×5)), axes before the matrices: expected shapes that broadcast (aligned at the last axis, sizes equal or 1), got 2 and 3. Reshape one of them.]`,
    );
  });
});
