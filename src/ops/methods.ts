/**
 * The methods of Tensor: arithmetic and shape. They are put on the class from here, since ops build on tensors and not
 * the other way round.
 */
import type { Shape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { argmax, argmin } from "./arg-max.js";
import { squeeze, unsqueeze } from "./axes-of-one.js";
import { add, div, mul, pow, sub } from "./binary.js";
import { clamp } from "./choice.js";
import { cumSum } from "./cum-sum.js";
import { abs, square } from "./functions.js";
import { matmul } from "./matmul.js";
import { max, min } from "./max.js";
import { mean } from "./mean.js";
import type { Operand } from "./operand.js";
import { prod } from "./prod.js";
import { flatten, reshape } from "./reshape.js";
import { round } from "./rounding.js";
import { slice } from "./slice.js";
import { type ReduceOptions, sum } from "./sum.js";
import { permute, transpose } from "./transpose.js";
import { exp, log, neg, sqrt } from "./unary.js";
import { std, type VarianceOptions, variance } from "./variance.js";

declare module "../tensor.js" {
  interface Tensor {
    /** this + u. Shapes broadcast: aligned at the last axis, sizes equal or 1. @throws ShapeError if they do not */
    add(u: Tensor | number): Tensor;
    /** this − u, broadcast. @throws ShapeError if the shapes do not fit */
    sub(u: Tensor | number): Tensor;
    /** this · u element by element, broadcast. @throws ShapeError if the shapes do not fit */
    mul(u: Tensor | number): Tensor;
    /** this / u, broadcast. @throws ShapeError if the shapes do not fit */
    div(u: Tensor | number): Tensor;
    /**
     * thisᵘ, broadcast; NaN for negative values to a power that is not whole.
     *
     * @throws ShapeError if the shapes do not fit
     */
    pow(u: Tensor | number): Tensor;
    /** −this */
    neg(): Tensor;
    /** e to the power of each value. */
    exp(): Tensor;
    /** The natural logarithm; NaN below 0. */
    log(): Tensor;
    /** The square root; NaN below 0. */
    sqrt(): Tensor;
    /**
     * The matrix products of (…, m, k) with (…, k, n), ranks 2 to 5; the axes before the last two broadcast.
     *
     * @throws ShapeError if the shapes do not fit
     */
    matmul(u: Tensor): Tensor;
    /**
     * The axes in another order, axis k of the result being `order[k]`; reversed by default.
     *
     * @throws ArgumentError if an axis is missing
     */
    transpose(order?: readonly number[]): Tensor;
    /**
     * The same values in another shape; one size may be −1. Shares the memory.
     *
     * @throws ShapeError if the sizes do not fit
     */
    reshape(shape: Shape): Tensor;
    /** Joins all axes from `startAxis` (0 by default) on into one. Shares the memory. */
    flatten(startAxis?: number): Tensor;
    /**
     * The part of `axis` (0 by default) from `start` up to `end`; negative places count from the end.
     *
     * @throws ArgumentError if there is no such part
     */
    slice(start: number, end?: number, axis?: number): Tensor;
    /** The sum over one axis, several, or all. Added in float64. */
    sum(axis?: number | readonly number[], options?: ReduceOptions): Tensor;
    /** The mean over one axis, several, or all. */
    mean(axis?: number | readonly number[], options?: ReduceOptions): Tensor;
    /**
     * The largest value along one axis, several, or of all; NaN if there is one.
     *
     * @throws ShapeError if an axis is empty
     */
    max(axis?: number | readonly number[], options?: ReduceOptions): Tensor;
    /**
     * The smallest value along one axis, several, or of all; NaN if there is one.
     *
     * @throws ShapeError if an axis is empty
     */
    min(axis?: number | readonly number[], options?: ReduceOptions): Tensor;
    /** The product over one axis, several, or all; 1 over no values. */
    prod(axis?: number | readonly number[], options?: ReduceOptions): Tensor;
    /**
     * The mean square distance from the mean over one axis, several, or all; divided by n, or by n − 1 if `unbiased`.
     */
    variance(axis?: number | readonly number[], options?: VarianceOptions): Tensor;
    /** The root of the variance; where that is 0, no gradient passes. */
    std(axis?: number | readonly number[], options?: VarianceOptions): Tensor;
    /**
     * The place of the largest value along an axis, or of all values. No gradient passes.
     *
     * @throws ShapeError if the axis is empty
     */
    argmax(axis?: number, options?: ReduceOptions): Tensor;
    /**
     * The place of the smallest value along an axis, or of all values. No gradient passes.
     *
     * @throws ShapeError if the axis is empty
     */
    argmin(axis?: number, options?: ReduceOptions): Tensor;
    /** The sum of all values up to each one along an axis (−1 by default). Added in float64. */
    cumSum(axis?: number): Tensor;
    /** |this|; slope 0 at 0. */
    abs(): Tensor;
    /** this² */
    square(): Tensor;
    /** The nearest whole number, the even one of two. No gradient passes. */
    round(): Tensor;
    /** min(max(this, low), high), broadcast; null: no such limit. @throws ArgumentError if there is none */
    clamp(low?: Operand | null, high?: Operand | null): Tensor;
    /** The axes in another order, axis k of the result being `order[k]`. @throws ArgumentError if an axis is missing */
    permute(order: readonly number[]): Tensor;
    /**
     * Without axes of size 1: those that are named, or all. Shares the memory.
     *
     * @throws ShapeError if a named one has another size
     */
    squeeze(axis?: number | readonly number[]): Tensor;
    /** With a further axis of size 1 at a place. Shares the memory. */
    unsqueeze(axis: number): Tensor;
  }
}

const methods = {
  ...{ add, sub, mul, div, pow, neg, exp, log, sqrt, matmul },
  ...{ transpose, permute, reshape, flatten, squeeze, unsqueeze, slice },
  ...{ sum, mean, max, min, prod, variance, std, argmax, argmin, cumSum },
  ...{ abs, square, round, clamp },
};

for (const [name, op] of Object.entries(methods)) {
  const apply: (t: Tensor, ...rest: never[]) => Tensor = op;
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value(this: Tensor, ...rest: never[]): Tensor {
      return apply(this, ...rest);
    },
  });
}
