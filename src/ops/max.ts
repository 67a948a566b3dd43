import { record } from "../autograd.js";
import { checkOptions } from "../options.js";
import { resolveAxes, sizeOf } from "../shape.js";
import { empty, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { checkHasValues } from "./empty-axes.js";
import { reshape } from "./reshape.js";
import { type ReduceOptions, reduceNames } from "./sum.js";
import { neg } from "./unary.js";

type Axes = number | readonly number[];

/**
 * The largest value along some axes, or of all; NaN if there is one. The gradient goes to the first of equal ones.
 *
 * @throws ShapeError if there is none to choose from
 */
export const max = defineComposite("max", (x: Tensor, axis?: Axes, options: ReduceOptions = {}): Tensor => {
  return largest(`${x.title}.max(axis)`, x, axis, options);
});

/**
 * The smallest value along some axes, or of all; NaN if there is one. The gradient goes to the first of equal ones.
 *
 * @throws ShapeError if there is none to choose from
 */
export const min = defineComposite("min", (x: Tensor, axis?: Axes, options: ReduceOptions = {}): Tensor => {
  return neg(largest(`${x.title}.min(axis)`, neg(x), axis, options));
});

function largest(where: string, x: Tensor, axis: Axes | undefined, options: ReduceOptions): Tensor {
  checkOptions(where, options, reduceNames);
  const { keepDims = false } = options;
  const axes = resolveAxes(where, axis, x.rank);
  checkHasValues(where, x.shape, axes, "Reduce an axis that has values.");
  let y = x;
  for (const k of [...axes].reverse()) y = maxAlong(y, k);
  const kept = y.shape.filter((_, k) => keepDims || !axes.includes(k));
  return reshape(y, kept);
}

/** The largest value along one axis, which stays with size 1. */
function maxAlong(x: Tensor, axis: number): Tensor {
  const outer = sizeOf(x.shape.slice(0, axis));
  const count = x.shape[axis];
  const inner = sizeOf(x.shape.slice(axis + 1));
  const y = empty(
    "max",
    x.backend,
    x.shape.map((extent, k) => (k === axis ? 1 : extent)),
  );
  x.backend.max(x.block, y.block, outer, count, inner);
  return record("max", y, [x], [x], (dy, [saved]) => {
    const dx = empty("max", saved.backend, saved.shape);
    saved.backend.maxGradient(dy.block, saved.block, dx.block, outer, count, inner);
    return [dx];
  });
}
