import { record } from "../autograd.js";
import { resolveAxis, sizeOf } from "../shape.js";
import { checkTensor, empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";

/**
 * The sum of all values up to each one along an axis, itself included. Added in float64.
 *
 * @param x - rank ≥ 1
 * @param axis - −1 by default
 * @example
 * ```ts
 * cumSum(tensor([1, 2, 3])).dataSync(); // Float32Array [1, 3, 6]
 * ```
 */
export const cumSum = defineOp("cumSum", (x: Tensor, axis: number = -1): Tensor => {
  checkTensor("cumSum(x, axis)", x);
  const { shape } = x;
  const along = resolveAxis("cumSum(x, axis)", axis, x.rank);
  const run = (source: Tensor, isReversed: boolean): Tensor => {
    const y = empty("cumSum", source.backend, shape);
    const [outer, inner] = [sizeOf(shape.slice(0, along)), sizeOf(shape.slice(along + 1))];
    source.backend.cumSum(source.block, y.block, outer, shape[along], inner, isReversed);
    return y;
  };
  return record("cumSum", run(x, false), [x], [], (dy) => [run(dy, true)]);
});
