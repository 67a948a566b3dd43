import { checkOptions } from "../options.js";
import { resolveAxis, sizeOf } from "../shape.js";
import { checkTensor, empty, type Tensor, upload, view } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { applyBinary } from "./binary.js";
import { checkHasValues } from "./empty-axes.js";
import { checkCountable } from "./indices.js";
import { type ReduceOptions, reduceNames } from "./sum.js";
import { neg } from "./unary.js";

/**
 * The place of the largest value along an axis, the first of equal ones; that of NaN if there is one. No gradient
 * passes.
 *
 * @param x - any shape, of at most 2²⁴ values along the axis
 * @param axis - all values, one after another, by default
 * @returns whole numbers as float32
 * @throws ShapeError if there is none to choose from, or there are more than 2²⁴
 * @example
 * ```ts
 * argmax(tensor([[1, 3, 2], [6, 5, 4]]), 1).dataSync(); // Float32Array [1, 0]
 * ```
 */
export const argmax = defineComposite("argmax", (x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor => {
  checkTensor("argmax(x, axis)", x);
  return placesOf("argmax(x, axis)", x, axis, options);
});

/**
 * The place of the smallest value along an axis, the first of equal ones; that of NaN if there is one. No gradient
 * passes.
 *
 * @param x - any shape, of at most 2²⁴ values along the axis
 * @param axis - all values, one after another, by default
 * @returns whole numbers as float32
 * @throws ShapeError if there is none to choose from, or there are more than 2²⁴
 * @example
 * ```ts
 * argmin(tensor([3, 1, 2])).item(); // 1
 * ```
 */
export const argmin = defineComposite("argmin", (x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor => {
  checkTensor("argmin(x, axis)", x);
  return placesOf("argmin(x, axis)", neg(x), axis, options);
});

/** Places of the largest: what passes the gradient of the maximum, which is 1 there alone, times the place. */
function placesOf(where: string, x: Tensor, axis: number | undefined, options: ReduceOptions): Tensor {
  checkOptions(where, options, reduceNames);
  const { keepDims = false } = options;
  const all = axis === undefined;
  const shape = all ? [x.size] : x.shape;
  const along = resolveAxis(where, axis ?? 0, shape.length);
  checkHasValues(where, shape, [along], "Pass at least one value.");
  const count = shape[along];
  checkCountable(where, count);
  const { backend } = x;
  const [outer, inner] = [sizeOf(shape.slice(0, along)), sizeOf(shape.slice(along + 1))];
  const one = empty("argmax", backend, [outer, inner]);
  backend.fill(one.block, one.size, 1);
  const isFirst = empty("argmax", backend, [outer, count, inner]);
  backend.maxGradient(one.block, x.block, isFirst.block, outer, count, inner);
  const places = upload(
    "argmax",
    backend,
    [count, 1],
    Float32Array.from({ length: count }, (_, k) => k),
  );
  const marked = applyBinary("mul", isFirst, places);
  const y = empty("argmax", backend, [outer, inner]);
  backend.sum(marked.block, y.block, outer, count, inner);
  const kept = all
    ? keepDims
      ? x.shape.map(() => 1)
      : []
    : x.shape.flatMap((n, k) => (k === along ? (keepDims ? [1] : []) : [n]));
  return view("argmax", y, kept);
}
