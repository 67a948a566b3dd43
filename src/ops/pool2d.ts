import type { Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { checkHasValues } from "./empty-axes.js";
import { max } from "./max.js";
import { mean } from "./mean.js";
import { type AvgPoolOptions, avgPool, maxPool, type PoolOptions } from "./pool.js";
import { checkSpatial, type Pair } from "./windows.js";

/**
 * The largest value of each window; padding never wins. The gradient goes to the first of equal ones.
 * Planes without values have windows of padding alone, whose maximum is −∞.
 *
 * @param x - (N, C, H, W)
 * @param kernel - size of the windows
 * @throws ShapeError if no window fits
 * @throws ArgumentError if the padding is not smaller than the kernel
 */
export const maxPool2d = defineOp("maxPool2d", (x: Tensor, kernel: Pair, options: PoolOptions = {}): Tensor => {
  return maxPool("maxPool2d", x, 2, kernel, options);
});

/**
 * The mean of each window; padding is not counted unless `countIncludePad` says so, so that borders are means of real
 * values. Planes without values have windows of padding alone, whose mean is NaN.
 *
 * @param x - (N, C, H, W)
 * @param kernel - size of the windows
 * @throws ShapeError if no window fits
 * @throws ArgumentError if the padding is not smaller than the kernel
 * @example
 * ```ts
 * const x = tensor([[[[1, 3, 5]]]]);
 * avgPool2d(x, [1, 2], { ceilMode: true }).dataSync(); // Float32Array [2, 5]
 * avgPool2d(x, [1, 2], { padding: [[0, 0], [0, 1]], countIncludePad: true }).dataSync(); // Float32Array [2, 2.5]
 * ```
 */
export const avgPool2d = defineOp("avgPool2d", (x: Tensor, kernel: Pair, options: AvgPoolOptions = {}): Tensor => {
  return avgPool("avgPool2d", x, 2, kernel, options);
});

/** The mean of each plane, NaN if it has no values. @param x - (N, C, H, W) @returns (N, C) */
export const globalAvgPool2d = defineOp("globalAvgPool2d", (x: Tensor): Tensor => {
  checkSpatial("globalAvgPool2d(x)", x, 2);
  return mean(x, [2, 3]);
});

/**
 * The largest value of each plane; the gradient goes to the first of equal ones.
 *
 * @param x - (N, C, H, W)
 * @returns (N, C)
 * @throws ShapeError if planes have no values
 */
export const globalMaxPool2d = defineOp("globalMaxPool2d", (x: Tensor): Tensor => {
  checkSpatial("globalMaxPool2d(x)", x, 2);
  checkHasValues("globalMaxPool2d(x)", x.shape, [2, 3], "Pass images that have values.");
  return max(x, [2, 3]);
});
