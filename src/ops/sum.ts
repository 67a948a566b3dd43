import { record } from "../autograd.js";
import { checkOptions, type OptionNames } from "../options.js";
import { broadcastStrides, collapse, resolveAxes, type Shape, sameShape, sizeOf, stridesOf } from "../shape.js";
import { empty, type Tensor, view } from "../tensor.js";
import { defineOp } from "../tracing.js";

/** Options of reductions. */
export interface ReduceOptions {
  /** Keep the reduced axes, with size 1. @defaultValue false */
  readonly keepDims?: boolean;
}

/** The options of reductions. */
export const reduceNames: OptionNames<ReduceOptions> = { keepDims: true };

/** Axes next to each other that are reduced together, as (outer, count, inner). */
function groupsOf(shape: Shape, axes: readonly number[]): { first: number; last: number }[] {
  const groups: { first: number; last: number }[] = [];
  for (const axis of axes) {
    const group = groups.at(-1);
    if (group !== undefined && group.last === axis - 1) group.last = axis;
    else groups.push({ first: axis, last: axis });
  }
  return groups.filter(({ first, last }) => sizeOf(shape.slice(first, last + 1)) !== 1);
}

/** Σ over some axes, which stay with size 1; without graph. Innermost axes first. */
function reduce(x: Tensor, axes: readonly number[]): Tensor {
  let current = x;
  for (const { first, last } of groupsOf(x.shape, axes).reverse()) {
    const { shape } = current;
    const reduced = shape.map((extent, axis) => (axis >= first && axis <= last ? 1 : extent));
    const y = empty("sum", x.backend, reduced);
    const count = sizeOf(shape.slice(first, last + 1));
    x.backend.sum(current.block, y.block, sizeOf(shape.slice(0, first)), count, sizeOf(shape.slice(last + 1)));
    if (current !== x) current.dispose();
    current = y;
  }
  return current;
}

/** Repeats a tensor along its axes of size 1, without graph. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const y = empty("expand", x.backend, shape);
  const { extents, strides } = collapse({
    extents: shape,
    strides: [broadcastStrides(x.shape, shape), stridesOf(shape)],
  });
  x.backend.copy(x.block, y.block, { extents, xStrides: strides[0], xOffset: 0, yStrides: strides[1], yOffset: 0 });
  return y;
}

/**
 * The gradient of broadcasting: sums `x` over every axis along which a tensor of `shape` was repeated. Without graph.
 */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const missing = x.rank - shape.length;
  const outside = sizeOf(x.shape.slice(0, missing));
  if (outside !== 1 && sameShape(x.shape.slice(missing), shape)) {
    const sum = empty("sum", x.backend, shape);
    x.backend.sum(x.block, sum.block, 1, outside, sizeOf(shape));
    return sum;
  }
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis < missing || shape[axis - missing] === 1);
  const sum = reduce(x, axes);
  const result = view("sum", sum, shape);
  if (sum !== x) sum.dispose();
  return result;
}

/** The sum over some axes, or over all. */
export const sum = defineOp(
  "sum",
  (x: Tensor, axis?: number | readonly number[], options: ReduceOptions = {}): Tensor => {
    const where = `${x.title}.sum(axis)`;
    checkOptions(where, options, reduceNames);
    const { keepDims = false } = options;
    const axes = resolveAxes(where, axis, x.rank);
    const full = reduce(x, axes);
    const kept = x.shape.map((extent, k) => (axes.includes(k) ? 1 : extent));
    const y = view("sum", full, keepDims ? kept : kept.filter((_, k) => !axes.includes(k)));
    if (full !== x) full.dispose();
    const { shape } = x;
    return record("sum", y, [x], [], (dy) => [expand(view("sum", dy, kept), shape)]);
  },
);
