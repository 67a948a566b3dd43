import { record } from "../autograd.js";
import type { Backend, Offence } from "../backend/backend.js";
import { findOffence } from "../backend/host-checks.js";
import { type NestedNumbers, numbersOf } from "../create.js";
import { ArgumentError, DataError, ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { formatShape, maxRank, type Shape, sizeOf, stridesOf } from "../shape.js";
import { empty, Tensor, upload } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { checkHasValues } from "./empty-axes.js";
import { mostRows } from "./indices.js";

/** Numbers of rows: nested arrays, an `Int32Array`, or a tensor of whole numbers. */
export type Indices = Tensor | Int32Array | NestedNumbers;

/** Options of {@link embedding} and its layer. */
export interface EmbeddingOptions {
  /**
   * The row that stands for padding, from 0: it gets no gradient. The layer's is zeros, and so it stays.
   *
   * @defaultValue none
   */
  readonly paddingIdx?: number | undefined;
}

/**
 * The rows of `weight` that the indices name: y[…, :] = weight[indices[…], :]. The gradient of `weight` is, for each
 * row, the sum of dy where it was used, added in float64 in the order of the indices: the same bits for any number of
 * threads.
 *
 * @param indices - whole numbers in [0, numEmbeddings), rank up to 4
 * @param weight - (numEmbeddings, embeddingDim), at most 2²⁴ rows
 * @returns (…, embeddingDim), the shape of the indices and a row for each
 * @throws DataError if an index is out of range, naming its place; of a tensor on a backend that does not answer at
 * once, when values are read next
 * @throws ShapeError if the shapes do not fit
 * @throws ArgumentError if `paddingIdx` is no row of `weight`
 * @example
 * ```ts
 * embedding([[0, 2]], tensor([[1, 2], [3, 4], [5, 6]])).dataSync(); // Float32Array [1, 2, 5, 6]
 * ```
 */
export const embedding = defineOp(
  "embedding",
  (indices: Indices, weight: Tensor, options: EmbeddingOptions = {}): Tensor => {
    const where = "embedding(indices, weight)";
    checkOptions(where, options, { paddingIdx: true });
    const { paddingIdx } = options;
    const given = indices instanceof Tensor ? indices : numbersOf(indices);
    const { shape } = given;
    const [rows, width] = weight.shape;
    if (weight.rank !== 2 || rows > mostRows || shape.length >= maxRank) {
      throw new ShapeError({
        where,
        expected: `indices of rank up to ${maxRank - 1}, and a weight (numEmbeddings, embeddingDim) of at most ${mostRows} rows`,
        received: `${formatShape(shape)} and ${formatShape(weight.shape)}`,
        cure: "Reshape one of them.",
      });
    }
    const skipped = paddingIdx === undefined ? -1 : checkPadding(where, paddingIdx, rows);
    const { backend } = weight;
    const count = sizeOf(shape);
    if (count > 0) checkHasValues(where, weight.shape, [0], "Give the table a row for each index.");
    const places = placesIn(where, given, rows, backend);
    const y = empty("embedding", backend, [...shape, width]);
    backend.gather(weight.block, places.block, y.block, count, width);
    record("embedding", y, [weight], [places], (dy, [saved]) => {
      const dweight = empty("embedding", backend, [rows, width]);
      backend.scatterAdd(dy.block, saved.block, dweight.block, saved.size, rows, width, skipped);
      return [dweight];
    });
    places.dispose();
    return y;
  },
);

/** The row that stands for padding, counted from 0. @throws ArgumentError if there is no such row */
export function checkPadding(where: string, paddingIdx: number, rows: number): number {
  if (Number.isInteger(paddingIdx) && paddingIdx >= 0 && paddingIdx < rows) return paddingIdx;
  throw new ArgumentError({
    where,
    expected: `paddingIdx to be a row from 0 to ${rows - 1}`,
    received: String(paddingIdx),
    cure: "Name the row that padding has, or leave it out.",
  });
}

/** Indices as a block of i32 on a backend. @throws DataError if one is no row */
function placesIn(
  where: string,
  given: Tensor | { readonly shape: Shape; readonly values: Float32Array },
  rows: number,
  backend: Backend,
): Tensor {
  const { shape } = given;
  const check = { is: "whole", low: 0, high: rows - 1 } as const;
  const fault = ({ place, value }: Offence): DataError => indexError(where, shape, rows, place, value);
  if (given instanceof Tensor && given.backend === backend) {
    backend.expect(check, given.block, given.size, fault);
    const places = empty("embedding", backend, [given.size]);
    if (given.size > 0) backend.toIndices(given.block, places.block, given.size, rows);
    return places;
  }
  const values = given instanceof Tensor ? given.dataSync() : given.values;
  const offence = findOffence(check, values);
  if (offence !== null) throw fault(offence);
  return upload("embedding", backend, [values.length], Int32Array.from(values));
}

function indexError(where: string, shape: Shape, rows: number, stray: number, value: number): DataError {
  const place = stridesOf(shape).map((stride, axis) => Math.floor(stray / stride) % shape[axis]);
  return new DataError({
    where,
    expected: `whole numbers from 0 to ${rows - 1}`,
    received: `${value}${place.length === 0 ? "" : ` at [${place.join(", ")}]`}`,
    cure: "Number the rows from 0, and give the table a row for each.",
  });
}
