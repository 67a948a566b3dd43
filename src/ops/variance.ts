import { record } from "../autograd.js";
import { checkOptions } from "../options.js";
import { resolveAxes, sizeOf } from "../shape.js";
import { empty, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { applyBinary, applyNumber, mul } from "./binary.js";
import { flatRoot } from "./flat-root.js";
import { reshape } from "./reshape.js";
import { momentsOf, standardized } from "./standardize.js";
import type { ReduceOptions } from "./sum.js";
import { transpose } from "./transpose.js";

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
  const others = x.shape.map((_, k) => k).filter((k) => !axes.includes(k));
  const isWide = (k: number): boolean => x.shape[k] !== 1;
  // The axes that stay are brought together where others lie between them.
  const staying = others.filter(isWide);
  const [first, end] = staying.length === 0 ? [0, 0] : [staying[0], staying[staying.length - 1] + 1];
  const isApart = axes.some((k) => k >= first && k < end && isWide(k));
  const biased = isApart
    ? biasedVariance(transpose(x, [...others, ...axes]), 0, others.length)
    : biasedVariance(x, first, end);
  const count = axes.reduce((product, k) => product * x.shape[k], 1);
  const kept = x.shape.map((size, k) => (axes.includes(k) ? 1 : size));
  const sized = reshape(biased, keepDims ? kept : others.map((k) => x.shape[k]));
  return unbiased ? mul(sized, count / (count - 1)) : sized;
}

/** Keeps 0/0 out of {@link biasedVariance}'s gradient, far below what float32 squares hold. */
const least = 1e-30;
/** The deviation of the largest finite variance, so that an infinite one makes no NaN of a gradient of 0. */
const largest = 1.8e19;

/** The variances over all axes but those from `first` up to `end`, flat; the gradient is 2·dy·(x − mean) / count. */
function biasedVariance(x: Tensor, first: number, end: number): Tensor {
  const [outer, kept, inner] = [x.shape.slice(0, first), x.shape.slice(first, end), x.shape.slice(end)].map(sizeOf);
  const view = { outer, kept, inner, repeat: inner, period: kept };
  const moments = momentsOf(x, view, null);
  const y = empty("variance", x.backend, [kept]);
  x.backend.variances(moments.block, kept, y.block);
  return record("variance", y, [x], [x, moments, y], (dy, [input, own, variances]) => {
    // Standardising with a weight of that many deviations: it takes the mean of the moments, which float32 would round.
    const raised = applyNumber("add", variances, least);
    const deviation = empty("variance", x.backend, y.shape);
    raised.backend.unary("sqrt", raised.block, deviation.block, deviation.size, 0);
    const scale = applyNumber("minimum", deviation, largest);
    const weight = applyNumber("mul", applyBinary("mul", dy, scale), 2 / (outer * inner));
    return [standardized(input, own, view, { weight, bias: null, eps: least, activation: null })];
  });
}
