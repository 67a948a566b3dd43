import { checkOptions } from "../options.js";
import { resolveAxes } from "../shape.js";
import { checkTensor, detach, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { add, sub } from "./binary.js";
import { where } from "./choice.js";
import { less } from "./comparison.js";
import { abs } from "./functions.js";
import { max } from "./max.js";
import { reshape } from "./reshape.js";
import { type ReduceOptions, reduceNames, sum } from "./sum.js";
import { exp, log } from "./unary.js";

/**
 * ln Σ eˣ along some axes, or of all values, shifted by the largest so that it never overflows; −∞ over no values.
 *
 * @param x - any shape
 * @param axis - one axis, several, or all by default
 * @example
 * ```ts
 * logSumExp(tensor([1000, 1000])).item(); // 1000.693, that is 1000 + ln 2
 * ```
 */
export const logSumExp = defineComposite(
  "logSumExp",
  (x: Tensor, axis?: number | readonly number[], options: ReduceOptions = {}): Tensor => {
    checkTensor("logSumExp(x, axis)", x);
    checkOptions("logSumExp(x, axis)", options, reduceNames);
    const { keepDims = false } = options;
    const axes = resolveAxes("logSumExp(x, axis)", axis, x.rank);
    const kept = x.shape.filter((_, k) => !axes.includes(k));
    const isEmpty = axes.some((k) => x.shape[k] === 0);
    if (isEmpty) return log(sum(exp(x), axes, { keepDims }));
    const largest = detach(max(x, axes, { keepDims: true }));
    // ∞ − ∞ would be NaN.
    const shift = where(less(abs(largest), Number.POSITIVE_INFINITY), largest, 0);
    const y = add(log(sum(exp(sub(x, shift)), axes, { keepDims: true })), shift);
    return keepDims ? y : reshape(y, kept);
  },
);
