import { checkOptions } from "../options.js";
import { resolveAxes } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { div } from "./binary.js";
import { type ReduceOptions, reduceNames, sum } from "./sum.js";

/** The mean over some axes, or over all; NaN over no values. */
export const mean = defineComposite(
  "mean",
  (x: Tensor, axis?: number | readonly number[], options: ReduceOptions = {}): Tensor => {
    const where = `${x.title}.mean(axis)`;
    checkOptions(where, options, reduceNames);
    const axes = resolveAxes(where, axis, x.rank);
    const count = axes.reduce((product, k) => product * x.shape[k], 1);
    const total = sum(x, axes, options);
    return div(total, count);
  },
);
