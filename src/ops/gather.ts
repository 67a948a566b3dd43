import { ShapeError } from "../errors.js";
import { formatShape, maxRank, resolveAxis, sizeOf } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { checkRank, type IndexValues, type Places, placesOf } from "./indices.js";
import { takeRows } from "./lookup.js";

/**
 * The parts of x that indices name along an axis, as ONNX, NumPy's `take` and TensorFlow have it: y[…, i…, …] = x[…,
 * indices[i…], …]. PyTorch's `gather` is {@link takeAlongAxis}. What is taken several times has the sum of its
 * gradients.
 *
 * @param x - rank ≥ 1
 * @param indices - whole numbers of any shape, the negative ones counted from the end; a tensor of them is read back to
 * be checked
 * @param axis - 0 by default
 * @returns the shape of x with that of the indices instead of the axis
 * @throws DataError if an index is no place of the axis, naming where it stands
 * @throws ShapeError if the result has more than five axes, or the axis more than 2²⁴ values
 * @example
 * ```ts
 * gather(tensor([[1, 2], [3, 4], [5, 6]]), [2, 0]).dataSync(); // Float32Array [5, 6, 1, 2]
 * gather(tensor([[1, 2], [3, 4]]), -1, 1).dataSync(); // Float32Array [2, 4]
 * ```
 */
export const gather = defineOp("gather", (x: Tensor, indices: IndexValues, axis: number = 0): Tensor => {
  const where = "gather(x, indices, axis)";
  checkTensor(where, x);
  const along = resolveAxis(where, axis, x.rank);
  return take("gather", where, x, placesOf(where, indices, x.shape[along]), along);
});

/**
 * The parts of x that a list of indices names along an axis; {@link gather} takes indices of any shape.
 *
 * @param x - rank ≥ 1
 * @param indices - whole numbers, the negative ones counted from the end; a tensor of them is read back to be checked
 * @param axis - 0 by default
 * @throws DataError if an index is no place of the axis, naming where it stands
 * @throws ShapeError if the indices are no list
 * @example
 * ```ts
 * indexSelect(tensor([[1, 2, 3], [4, 5, 6]]), [0, 2], 1).dataSync(); // Float32Array [1, 3, 4, 6]
 * ```
 */
export const indexSelect = defineOp("indexSelect", (x: Tensor, indices: IndexValues, axis: number = 0): Tensor => {
  const where = "indexSelect(x, indices, axis)";
  checkTensor(where, x);
  const along = resolveAxis(where, axis, x.rank);
  const places = placesOf(where, indices, x.shape[along]);
  if (places.shape.length === 1) return take("indexSelect", where, x, places, along);
  throw new ShapeError({
    where,
    expected: "a list of indices",
    received: `indices of shape ${formatShape(places.shape)}`,
    cure: "Use gather(x, indices, axis), which takes any shape.",
  });
});

function take(op: string, where: string, x: Tensor, { shape: taken, values }: Places, along: number): Tensor {
  const shape = [...x.shape.slice(0, along), ...taken, ...x.shape.slice(along + 1)];
  checkRank(where, shape, maxRank);
  const size = x.shape[along];
  const outer = sizeOf(x.shape.slice(0, along));
  const rows = new Int32Array(outer * values.length);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < values.length; i++) rows[o * values.length + i] = o * size + values[i];
  }
  return takeRows(op, x, rows, sizeOf(x.shape.slice(along + 1)), shape);
}
