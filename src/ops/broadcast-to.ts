import { record } from "../autograd.js";
import { ShapeError } from "../errors.js";
import { checkShape, formatShape, type Shape } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { expand, sumTo } from "./sum.js";

/**
 * x repeated to a larger shape as arithmetic repeats it: aligned at the last axis, each size equal, or 1 in x.
 * PyTorch's `expand`, but a copy.
 *
 * @param x - any shape
 * @param shape - whole numbers ≥ 0
 * @throws ShapeError if x does not broadcast to it
 * @example
 * ```ts
 * broadcastTo(tensor([1, 2]), [2, 2]).dataSync(); // Float32Array [1, 2, 1, 2]
 * ```
 */
export const broadcastTo = defineOp("broadcastTo", (x: Tensor, shape: Shape): Tensor => {
  const where = "broadcastTo(x, shape)";
  checkTensor(where, x);
  checkShape(where, shape);
  const missing = shape.length - x.rank;
  if (missing < 0 || x.shape.some((size, k) => size !== 1 && size !== shape[k + missing])) {
    throw new ShapeError({
      where,
      expected: `a shape that ${formatShape(x.shape)} broadcasts to (aligned at the last axis, sizes equal or 1)`,
      received: formatShape(shape),
      cure: "Reshape x, or correct the shape.",
    });
  }
  const { shape: before } = x;
  return record("broadcastTo", expand(x, [...shape]), [x], [], (dy) => [sumTo(dy, before)]);
});
