import { ShapeError } from "../errors.js";
import { broadcastShapes, broadcastStrides, formatShape, resolveAxis, sizeOf, stridesOf } from "../shape.js";
import { checkTensor, commonBackend, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { areLate, type IndexValues, placesOf } from "./indices.js";
import { latePlaces, lateRows } from "./late-places.js";
import { takeRows } from "./lookup.js";

/**
 * One value of x for each index along an axis: y[…, i, …] = x[…, indices[…, i, …], …], as NumPy's function of this name
 * and PyTorch's `gather`. The other axes broadcast. It takes what {@link topK}, or `argmax` with `keepDims`, have
 * found.
 *
 * @param x - rank ≥ 1
 * @param indices - as many axes as x, the negative ones counted from the end; a tensor of them is read back to be
 * checked, but on a device that answers later, where x has at most 2²⁴ values then
 * @param axis - −1 by default
 * @throws DataError if an index is no place of the axis, naming where it stands
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * takeAlongAxis(tensor([[1, 2], [3, 4]]), [[1], [0]], 1).dataSync(); // Float32Array [2, 3]
 * ```
 */
export const takeAlongAxis = defineOp("takeAlongAxis", (x: Tensor, indices: IndexValues, axis: number = -1): Tensor => {
  const where = "takeAlongAxis(x, indices, axis)";
  checkTensor(where, x);
  const along = resolveAxis(where, axis, x.rank);
  const read = areLate(indices) ? null : placesOf(where, indices, x.shape[along]);
  const given = read === null ? (indices as Tensor).shape : read.shape;
  if (given.length !== x.rank) {
    throw new ShapeError({
      where,
      expected: `indices with ${x.rank} axes, as x has`,
      received: formatShape(given),
      cure: "Reshape the indices: axes of size 1 are repeated.",
    });
  }
  const others = x.shape.map((size, k) => (k === along ? given[k] : size));
  const shape = broadcastShapes(where, others, given);
  const steps = stridesOf(x.shape);
  const outside = x.shape.map((size, k) => (k === along || size === 1 ? 0 : steps[k]));
  const from = broadcastStrides(given, shape);
  const rows = new Int32Array(sizeOf(shape));
  const values = read?.values ?? null;
  const place = new Array<number>(shape.length).fill(0);
  for (let at = 0; at < rows.length; at++) {
    let index = 0;
    let base = 0;
    for (let k = 0; k < shape.length; k++) {
      index += place[k] * from[k];
      base += place[k] * outside[k];
    }
    rows[at] = base + (values === null ? 0 : values[index] * steps[along]);
    for (let k = shape.length - 1; k >= 0 && ++place[k] === shape[k]; k--) place[k] = 0;
  }
  if (!areLate(indices)) return takeRows("takeAlongAxis", x, rows, 1, shape);
  commonBackend(where, x, indices);
  const places = latePlaces(where, indices, x.shape[along]);
  const all = { base: Float32Array.from(rows), shape, step: steps[along], rows: x.size };
  const late = lateRows(where, places, all);
  places.dispose();
  return takeRows("takeAlongAxis", x, late, 1, shape);
});
