import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { resolveAxes } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { checkHasValues } from "./empty-axes.js";
import { flatRoot } from "./flat-root.js";
import { abs, square } from "./functions.js";
import { max } from "./max.js";
import { type ReduceOptions, sum } from "./sum.js";

/** Options of {@link norm}. */
export interface NormOfOptions extends ReduceOptions {
  /** 1: Σ|x|; 2: √Σx², of values up to 1.8·10¹⁹; Infinity: max |x|. @defaultValue 2 */
  readonly p?: number;
}

/**
 * The length of vectors along some axes, or of all values. Where it is 0, no gradient passes.
 *
 * @param x - any shape
 * @param axis - one axis, several, or all by default
 * @throws ArgumentError if p is none of 1, 2 and Infinity
 * @throws ShapeError if p is Infinity and there are no values
 * @example
 * ```ts
 * norm(tensor([[3, 4], [0, 5]]), 1).dataSync(); // Float32Array [5, 5]
 * ```
 */
export const norm = defineComposite(
  "norm",
  (x: Tensor, axis?: number | readonly number[], options: NormOfOptions = {}): Tensor => {
    const where = "norm(x, axis)";
    checkTensor(where, x);
    checkOptions(where, options, { p: true, keepDims: true });
    const { p = 2, keepDims = false } = options;
    const axes = resolveAxes(where, axis, x.rank);
    if (p === 1) return sum(abs(x), axes, { keepDims });
    if (p === 2) return flatRoot(sum(square(x), axes, { keepDims }));
    if (p === Number.POSITIVE_INFINITY) {
      checkHasValues(where, x.shape, axes, "Reduce an axis that has values.");
      return max(abs(x), axes, { keepDims });
    }
    throw new ArgumentError({
      where,
      expected: "p to be 1, 2 or Infinity",
      received: String(p),
      cure: "Compute others of abs(), pow() and sum().",
    });
  },
);
