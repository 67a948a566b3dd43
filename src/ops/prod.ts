import { ones } from "../create.js";
import { checkOptions } from "../options.js";
import { resolveAxes } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { mul } from "./binary.js";
import { concat } from "./concat.js";
import { reshape } from "./reshape.js";
import { slice } from "./slice.js";
import { type ReduceOptions, reduceNames } from "./sum.js";

/**
 * The product over some axes, or over all; 1 over no values. Each step is rounded to float32. Values beside a zero have
 * their gradient.
 */
export const prod = defineComposite(
  "prod",
  (x: Tensor, axis?: number | readonly number[], options: ReduceOptions = {}): Tensor => {
    const where = `${x.title}.prod(axis)`;
    checkOptions(where, options, reduceNames);
    const { keepDims = false } = options;
    const axes = resolveAxes(where, axis, x.rank);
    let y = x;
    for (const k of [...axes].reverse()) y = prodAlong(y, k);
    const kept = y.shape.filter((_, k) => keepDims || !axes.includes(k));
    return reshape(y, kept);
  },
);

/**
 * The product along one axis, which stays with size 1, of halves that are multiplied: few ops, none of which divides by
 * a zero.
 */
function prodAlong(x: Tensor, axis: number): Tensor {
  if (x.shape[axis] === 0) return concat([x, ones(x.shape.map((size, k) => (k === axis ? 1 : size)))], axis);
  let y = x;
  for (let count = y.shape[axis]; count > 1; count = y.shape[axis]) {
    const half = Math.floor(count / 2);
    const product = mul(slice(y, 0, half, axis), slice(y, half, 2 * half, axis));
    y = count % 2 === 0 ? product : concat([product, slice(y, 2 * half, count, axis)], axis);
  }
  return y;
}
