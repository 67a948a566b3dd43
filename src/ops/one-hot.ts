import { backend as currentBackend } from "../backend/index.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape, maxRank } from "../shape.js";
import { Tensor, upload, view } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { applyBinary } from "./binary.js";
import { areLate, type IndexValues, mostRows, placesOf } from "./indices.js";
import { latePlaces } from "./late-places.js";

/**
 * 1 in the place that each index names, else 0. No gradient passes.
 *
 * @param indices - whole numbers below `classes`, the negative ones counted from the end, rank up to 4; a tensor of
 * them is read back to be checked, but on a device that answers later
 * @param classes - from 1 to 2²⁴
 * @returns (…, classes), the shape of the indices and a row for each
 * @throws DataError if an index is out of range, naming where it stands
 * @throws ArgumentError if `classes` is no such number
 * @example
 * ```ts
 * oneHot([2, 0], 3).dataSync(); // Float32Array [0, 0, 1, 1, 0, 0]
 * ```
 */
export const oneHot = defineComposite("oneHot", (indices: IndexValues, classes: number): Tensor => {
  const where = "oneHot(indices, classes)";
  if (!Number.isInteger(classes) || classes < 1 || classes > mostRows) {
    throw new ArgumentError({
      where,
      expected: `a whole number of classes from 1 to ${mostRows}`,
      received: String(classes),
      cure: "Pass how many classes there are.",
    });
  }
  const read = areLate(indices) ? null : placesOf(where, indices, classes);
  const shape = read === null ? (indices as Tensor).shape : read.shape;
  if (shape.length >= maxRank) {
    throw new ShapeError({
      where,
      expected: `indices of rank up to ${maxRank - 1}`,
      received: formatShape(shape),
      cure: "Reshape them to fewer axes.",
    });
  }
  const backend = indices instanceof Tensor ? indices.backend : currentBackend();
  const given =
    read === null
      ? view("oneHot", latePlaces(where, indices as Tensor, classes), [...shape, 1])
      : upload("oneHot", backend, [...shape, 1], Float32Array.from(read.values));
  const numbers = upload(
    "oneHot",
    backend,
    [classes],
    Float32Array.from({ length: classes }, (_, k) => k),
  );
  return applyBinary("equal", given, numbers);
});
