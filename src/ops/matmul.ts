import { record } from "../autograd.js";
import { ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import { commonBackend, empty, type Tensor } from "../tensor.js";

/** The matrix product of (m, k) and (k, n). */
export function matmul(a: Tensor, b: Tensor): Tensor {
  if (a.rank !== 2 || b.rank !== 2 || a.shape[1] !== b.shape[0]) {
    throw new ShapeError({
      where: `${a}.matmul(u)`,
      expected: "two matrices, the first with as many columns as the second has rows",
      received: `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      cure: "Transpose or reshape one of them.",
    });
  }
  const y = multiply(a, false, b, false);
  return record("matmul", y, [a, b], [a, b], (dy, [left, right], needs) => [
    needs[0] ? multiply(dy, false, right, true) : null,
    needs[1] ? multiply(left, true, dy, false) : null,
  ]);
}

/** The product of two matrices, each as it is stored or transposed, plus a bias for each row if given; without graph. */
export function multiply(
  a: Tensor,
  transposeA: boolean,
  b: Tensor,
  transposeB: boolean,
  bias: Tensor | null = null,
): Tensor {
  const backend = commonBackend("matmul", a, b, bias);
  const [m, k] = transposeA ? [a.shape[1], a.shape[0]] : a.shape;
  const n = b.shape[transposeB ? 0 : 1];
  const y = empty("matmul", backend, [m, n]);
  backend.gemm(a.block, b.block, bias?.block ?? null, y.block, { m, n, k, transposeA, transposeB });
  return y;
}
