import { type NestedNumbers, type NumberArray, numbersOf } from "../create.js";
import { ArgumentError, DataError, ShapeError } from "../errors.js";
import { formatShape, type Shape, stridesOf } from "../shape.js";
import { Tensor } from "../tensor.js";

/** Whole numbers as ops take them: nested arrays, a typed array, or a tensor. */
export type IndexValues = Tensor | NumberArray | NestedNumbers;

/** Values along an axis up to which float32, the type of tensors, holds every place exactly. */
export const mostRows = 2 ** 24;

/** Indices of an axis, read back and checked; those below 0 are counted from its front. */
export interface Places {
  readonly shape: Shape;
  readonly values: Int32Array;
}

/** Whether indices lie on a device that does not answer at once, where ops then compute with them. */
export function areLate(indices: IndexValues): indices is Tensor {
  return indices instanceof Tensor && !indices.backend.answersAtOnce;
}

/** @throws ShapeError if an axis is too long for float32 */
export function checkCountable(where: string, size: number): void {
  if (size <= mostRows) return;
  const expected = `an axis of at most ${mostRows} values, which float32 can count`;
  throw new ShapeError({ where, expected, received: String(size), cure: "Take parts of the axis." });
}

/**
 * Reads indices of an axis of `size` values that are not {@link areLate}; negative ones count from its end.
 *
 * @throws DataError if one is no place of the axis, naming where it stands
 * @throws ShapeError if the axis is too long for float32
 */
export function placesOf(where: string, indices: IndexValues, size: number): Places {
  checkCountable(where, size);
  const isGiven = indices instanceof Tensor;
  if (!isGiven && typeof indices !== "number" && !Array.isArray(indices) && !ArrayBuffer.isView(indices)) {
    throw new ArgumentError({
      where,
      expected: "indices as whole numbers in an array or a tensor",
      received: indices === null ? "null" : typeof indices,
      cure: "Pass such as [0, 2].",
    });
  }
  const { shape, values: numbers } = isGiven
    ? { shape: indices.shape, values: indices.dataSync() }
    : numbersOf(indices);
  const stray = numbers.findIndex((index) => !(Number.isInteger(index) && index >= -size && index < size));
  if (stray >= 0) throw strayIndex(where, shape, size, stray, numbers[stray]);
  return { shape, values: Int32Array.from(numbers, (index) => (index < 0 ? index + size : index)) };
}

/** What to say of an index that is no place of an axis of `size` values; `at` counts the indices. */
export function strayIndex(where: string, shape: Shape, size: number, at: number, value: number): DataError {
  const place = stridesOf(shape).map((stride, axis) => Math.floor(at / stride) % shape[axis]);
  return new DataError({
    where,
    expected: size === 0 ? "no indices, since the axis has no values" : `whole numbers from ${-size} to ${size - 1}`,
    received: `${value}${place.length === 0 ? "" : ` at [${place.join(", ")}]`}`,
    cure: "Count places from 0, or from −1 at the end.",
  });
}

/** Checks that a shape with indices in it is one. @throws ShapeError if it has too many axes */
export function checkRank(where: string, shape: Shape, most: number): void {
  if (shape.length <= most) return;
  throw new ShapeError({
    where,
    expected: `at most ${most} axes in the result`,
    received: `${shape.length} (${formatShape(shape)})`,
    cure: "Reshape the indices to fewer axes.",
  });
}
