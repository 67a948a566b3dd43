import { record } from "../autograd.js";
import { collapse, resolveAxes, stridesOf } from "../shape.js";
import { checkTensor, empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";

/**
 * The values in reverse order along some axes.
 *
 * @param x - any shape
 * @param axis - one axis, several, or all by default
 * @example
 * ```ts
 * flip(tensor([[1, 2], [3, 4]]), 1).dataSync(); // Float32Array [2, 1, 4, 3]
 * ```
 */
export const flip = defineOp("flip", (x: Tensor, axis?: number | readonly number[]): Tensor => {
  checkTensor("flip(x, axis)", x);
  const axes = resolveAxes("flip(x, axis)", axis, x.rank);
  return record("flip", reversed(x, axes), [x], [], (dy) => [reversed(dy, axes)]);
});

/** A copy that is read from the last value on: strides along the axes are negative. */
function reversed(x: Tensor, axes: readonly number[]): Tensor {
  const y = empty("flip", x.backend, x.shape);
  if (x.size === 0) return y;
  const own = stridesOf(x.shape);
  const { extents, strides } = collapse({
    extents: x.shape,
    strides: [own.map((stride, k) => (axes.includes(k) ? -stride : stride)), own],
  });
  const xOffset = axes.reduce((offset, k) => offset + (x.shape[k] - 1) * own[k], 0);
  x.backend.copy(x.block, y.block, { extents, xStrides: strides[0], xOffset, yStrides: strides[1], yOffset: 0 });
  return y;
}
