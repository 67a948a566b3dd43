import { checkOptions } from "../options.js";
import { resolveAxes } from "../shape.js";
import { detach, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { mul, sub } from "./binary.js";
import { flatRoot } from "./flat-root.js";
import { square } from "./functions.js";
import { mean } from "./mean.js";
import type { ReduceOptions } from "./sum.js";

/** Options of {@link Tensor.variance} and {@link Tensor.std}. */
export interface VarianceOptions extends ReduceOptions {
  /** Divide by n − 1 instead of n, as PyTorch does by default: NaN of a single value. @defaultValue false */
  readonly unbiased?: boolean;
}

type Axes = number | readonly number[];

/** The mean square distance from the mean over some axes, or over all; NaN over no values. */
export const variance = defineComposite("variance", (x: Tensor, axis?: Axes, options: VarianceOptions = {}): Tensor => {
  return varianceOf(`${x.title}.variance(axis)`, x, axis, options);
});

/** The root of {@link variance}; where that is 0, no gradient passes. */
export const std = defineComposite("std", (x: Tensor, axis?: Axes, options: VarianceOptions = {}): Tensor => {
  return flatRoot(varianceOf(`${x.title}.std(axis)`, x, axis, options));
});

function varianceOf(where: string, x: Tensor, axis: Axes | undefined, options: VarianceOptions): Tensor {
  checkOptions(where, options, { unbiased: true, keepDims: true });
  const { keepDims = false, unbiased = false } = options;
  const axes = resolveAxes(where, axis, x.rank);
  const count = axes.reduce((product, k) => product * x.shape[k], 1);
  // Twice, since the first mean is rounded to float32: what it leaves of a large mean is small.
  const near = sub(x, detach(mean(x, axes, { keepDims: true })));
  const centred = sub(near, mean(near, axes, { keepDims: true }));
  const biased = mean(square(centred), axes, { keepDims });
  return unbiased ? mul(biased, count / (count - 1)) : biased;
}
