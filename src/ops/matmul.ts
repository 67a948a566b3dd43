import { record, willRecord } from "../autograd.js";
import type { MatrixProduct } from "../backend/backend.js";
import { ShapeError } from "../errors.js";
import { scope } from "../scope.js";
import { broadcastShapes, broadcastStrides, collapse, formatShape, type Shape, sizeOf } from "../shape.js";
import { checkTensor, commonBackend, empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { reshape } from "./reshape.js";
import { sumTo } from "./sum.js";

/**
 * The matrix products of (…, m, k) and (…, k, n) over the last two axes; the axes before them broadcast.
 *
 * @returns (…, m, n)
 * @throws ShapeError if a rank is below 2, the inner sizes differ, or the other axes do not broadcast
 */
export const matmul = defineOp("matmul", (a: Tensor, b: Tensor): Tensor => {
  checkTensor("matmul(a, b)", a);
  checkTensor(`${a.title}.matmul(u)`, b);
  if (a.rank < 2 || b.rank < 2 || a.shape[a.rank - 1] !== b.shape[b.rank - 2]) {
    throw new ShapeError({
      where: `${a.title}.matmul(u)`,
      expected: "matrices in the last two axes, the first with as many columns as the second has rows",
      received: `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      cure: "Transpose or reshape one of them.",
    });
  }
  if (b.rank === 2 && a.rank > 2) {
    // All rows of a meet the same matrix: one product of many rows.
    const [k, n] = b.shape;
    const rows = a.shape.slice(0, -1);
    return scope(() => reshape(matmul(reshape(a, [sizeOf(rows), k]), b), [...rows, n]));
  }
  const batch = broadcastShapes(`${a.title}.matmul(${b.title}), axes before the matrices`, batchOf(a), batchOf(b));
  const y = multiplyBatches(a, false, b, false, batch);
  return record("matmul", y, [a, b], [a, b], (dy, [left, right], needs) => [
    needs[0] ? sumTo(multiplyBatches(dy, false, right, true, batch), left.shape) : null,
    needs[1] ? sumTo(multiplyBatches(left, true, dy, false, batch), right.shape) : null,
  ]);
});

/** The axes before those of the matrices. */
function batchOf(t: Tensor): Shape {
  return t.shape.slice(0, -2);
}

/** Rows and columns of the matrices in the last two axes, as they are stored or transposed. */
function matrixOf(t: Tensor, transposed: boolean): [rows: number, columns: number] {
  const [rows, columns] = t.shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

/**
 * The products of matrices, each as it is stored or transposed, whose other axes broadcast to `batch`; without graph.
 */
export function multiplyBatches(a: Tensor, transposeA: boolean, b: Tensor, transposeB: boolean, batch: Shape): Tensor {
  if (batch.length === 0) return multiply(a, transposeA, b, transposeB);
  const backend = commonBackend("matmul", a, b);
  const [m, k] = matrixOf(a, transposeA);
  const n = matrixOf(b, transposeB)[1];
  const y = empty("matmul", backend, [...batch, m, n]);
  const stridesOf = (t: Tensor, size: number): number[] =>
    broadcastStrides(batchOf(t), batch).map((step) => step * size);
  const { extents, strides } = collapse({ extents: batch, strides: [stridesOf(a, m * k), stridesOf(b, k * n)] });
  const walk = { extents, aStrides: strides[0], bStrides: strides[1] };
  backend.batchedGemm(a.block, b.block, y.block, { m, n, k, transposeA, transposeB }, walk);
  return y;
}

/** The product of two matrices, each as it is stored or transposed; without graph. */
export function multiply(a: Tensor, transposeA: boolean, b: Tensor, transposeB: boolean): Tensor {
  const [m, k] = matrixOf(a, transposeA);
  const n = matrixOf(b, transposeB)[1];
  return product("matmul", a, b, null, { m, n, k, transposeA, transposeB }, [m, n]);
}

/** A product of these sizes, plus a bias for each row if given, as a tensor of a shape; without graph. */
export function product(
  origin: string,
  a: Tensor,
  b: Tensor,
  bias: Tensor | null,
  sizes: MatrixProduct,
  shape: Shape,
): Tensor {
  const backend = commonBackend("matmul", a, b, bias);
  const y = empty(origin, backend, shape);
  backend.gemm(a.block, b.block, bias?.block ?? null, y.block, sizes);
  return y;
}

/** With more rows than this, laying a weight out takes a small share of the product. */
const mostRowsOfPacked = 64;

/**
 * x·weightᵀ + bias of x with m rows, as {@link product} gives it in a shape. Where no graph is recorded, a weight that
 * several products share is laid out for them once, until its values change or it is trained again.
 */
export function multiplyByWeight(x: Tensor, m: number, weight: Tensor, bias: Tensor | null, shape: Shape): Tensor {
  const { storage, backend } = weight;
  const { packedProducts } = backend;
  const [n, k] = weight.shape;
  if (willRecord(weight)) storage.forgetDerived();
  else if (packedProducts !== undefined && m > 0 && m <= mostRowsOfPacked && n * k > 0) {
    commonBackend("linear", x, weight, bias);
    const pack = (block: unknown): void => packedProducts.pack(storage.block, block, n, k);
    const packed = storage.derive(`columns of ${k}`, packedProducts.bytes(n, k), pack);
    if (packed !== null) {
      const y = empty("linear", backend, shape);
      packedProducts.gemm(x.block, packed, bias?.block ?? null, y.block, m, n, k);
      return y;
    }
  }
  return product("linear", x, weight, bias, { m, n, k, transposeA: false, transposeB: true }, shape);
}
