import { record } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import { collapse, formatShape, stridesOf } from "../shape.js";
import { checkTensor, empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";

/**
 * The axes in another order: axis k of the result is axis `order[k]` of x.
 *
 * @param order - every axis once; default: reversed, the transpose of a matrix
 */
export const transpose = defineOp(
  "transpose",
  (x: Tensor, order: readonly number[] = x.shape.map((_, axis) => x.rank - 1 - axis)): Tensor => {
    const sorted = [...order].sort((a, b) => a - b);
    if (order.length !== x.rank || sorted.some((axis, k) => axis !== k)) {
      throw new ArgumentError({
        where: `${x.title}.transpose(order)`,
        expected: `each axis of ${formatShape(x.shape)} once`,
        received: `[${order.join(", ")}]`,
        cure: `List the axes 0 to ${x.rank - 1} in their new order.`,
      });
    }
    const inverse = order.map((_, axis) => order.indexOf(axis));
    return record("transpose", permuted(x, order), [x], [], (dy) => [permuted(dy, inverse)]);
  },
);

/**
 * The axes in another order, which has no default as that of {@link transpose} does: PyTorch's `permute`. Graphs hold
 * it as a transpose.
 *
 * @param x - any shape
 * @param order - every axis once: axis k of the result is axis `order[k]` of x
 * @throws ArgumentError if an axis is missing
 */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  checkTensor("permute(x, order)", x);
  if (Array.isArray(order)) return transpose(x, order);
  throw new ArgumentError({
    where: `${x.title}.permute(order)`,
    expected: "an array of axes",
    received: String(order),
    cure: `List the axes 0 to ${x.rank - 1} in their new order.`,
  });
}

/** A copy with the axes in another order, without graph. */
export function permuted(x: Tensor, order: readonly number[]): Tensor {
  const shape = order.map((axis) => x.shape[axis]);
  const own = stridesOf(x.shape);
  const y = empty("transpose", x.backend, shape);
  const { extents, strides } = collapse({
    extents: shape,
    strides: [order.map((axis) => own[axis]), stridesOf(shape)],
  });
  x.backend.copy(x.block, y.block, { extents, xStrides: strides[0], xOffset: 0, yStrides: strides[1], yOffset: 0 });
  return y;
}
