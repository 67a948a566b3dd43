import { ShapeError } from "../errors.js";
import { formatShape, maxRank, resolveAxis, sizeOf } from "../shape.js";
import { checkTensor, commonBackend, type Tensor, view } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { areLate, checkRank, type IndexValues, placesOf } from "./indices.js";
import { latePlaces, lateRows } from "./late-places.js";
import { takeRows } from "./lookup.js";

/**
 * The parts of x that indices name along an axis, as ONNX, NumPy's `take` and TensorFlow have it: y[…, i…, …] = x[…,
 * indices[i…], …]. PyTorch's `gather` is {@link takeAlongAxis}. What is taken several times has the sum of its
 * gradients.
 *
 * @param x - rank ≥ 1
 * @param indices - whole numbers of any shape, the negative ones counted from the end; a tensor of them is read back to
 * be checked, but on a device that answers later
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
  return take("gather", where, x, indices, along);
});

/**
 * The parts of x that a list of indices names along an axis; {@link gather} takes indices of any shape.
 *
 * @param x - rank ≥ 1
 * @param indices - whole numbers, the negative ones counted from the end; a tensor of them is read back to be
 * checked, but on a device that answers later
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
  const { shape } = areLate(indices) ? indices : placesOf(where, indices, x.shape[along]);
  if (shape.length === 1) return take("indexSelect", where, x, indices, along);
  throw new ShapeError({
    where,
    expected: "a list of indices",
    received: `indices of shape ${formatShape(shape)}`,
    cure: "Use gather(x, indices, axis), which takes any shape.",
  });
});

function take(op: string, where: string, x: Tensor, indices: IndexValues, along: number): Tensor {
  const size = x.shape[along];
  const read = areLate(indices) ? null : placesOf(where, indices, size);
  const taken = read === null ? (indices as Tensor).shape : read.shape;
  const shape = [...x.shape.slice(0, along), ...taken, ...x.shape.slice(along + 1)];
  checkRank(where, shape, maxRank);
  const [outer, count, width] = [sizeOf(x.shape.slice(0, along)), sizeOf(taken), sizeOf(x.shape.slice(along + 1))];
  const rows = new Int32Array(outer * count);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < count; i++) rows[o * count + i] = o * size + (read === null ? 0 : read.values[i]);
  }
  if (!areLate(indices)) return takeRows(op, x, rows, width, shape);
  commonBackend(where, x, indices);
  const places = latePlaces(where, indices, size);
  const line = view(op, places, [count]);
  const all = { base: Float32Array.from(rows), shape: [outer, count], step: 1, rows: outer * size };
  const late = lateRows(where, line, all);
  line.dispose();
  places.dispose();
  return takeRows(op, x, late, width, shape);
}
