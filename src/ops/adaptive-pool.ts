import type { Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { concat } from "./concat.js";
import { mean } from "./mean.js";
import { avgPool } from "./pool.js";
import { slice } from "./slice.js";
import { checkSpatial, type Pair, resolveSizes, type Triple } from "./windows.js";

/**
 * Where the windows along an axis begin and end: window i takes the values from ⌊i·size / count⌋ to ⌈(i + 1)·size /
 * count⌉.
 */
function windowsAlong(size: number, count: number): [start: number, end: number][] {
  return Array.from({ length: count }, (_, i) => [Math.floor((i * size) / count), Math.ceil(((i + 1) * size) / count)]);
}

/**
 * Windows are boxes, so that the means along one axis after another are those of the boxes. Where all are of one size
 * and side by side, it is an ordinary pooling.
 */
function adaptiveAvgPool(op: string, x: Tensor, outputSize: unknown, axes: number): Tensor {
  const where = `${op}(x, outputSize)`;
  checkSpatial(where, x, axes);
  const counts = resolveSizes(where, "outputSize", outputSize, 1, axes);
  const sizes = x.shape.slice(2);
  if (sizes.every((size, k) => size > 0 && size % counts[k] === 0)) {
    return avgPool(op, x, axes, sizes.map((size, k) => size / counts[k]), {}); // biome-ignore format: one call
  }
  return counts.reduceRight((y, count, k) => {
    const axis = 2 + k;
    const parts = windowsAlong(y.shape[axis], count).map(([start, end]) =>
      mean(slice(y, start, end, axis), axis, { keepDims: true }),
    );
    return concat(parts, axis);
  }, x);
}

/**
 * Means of as many windows as are asked for, as equal as can be; see {@link adaptiveAvgPool2d}.
 *
 * @param x - (N, C, L)
 * @param outputSize - how many windows
 * @returns (N, C, outputSize)
 * @throws ArgumentError if the count is no whole number of at least 1
 * @example
 * ```ts
 * adaptiveAvgPool1d(tensor([[[1, 2, 3, 4, 5]]]), 2).dataSync(); // Float32Array [2, 4]
 * ```
 */
export const adaptiveAvgPool1d = defineComposite(
  "adaptiveAvgPool1d",
  (x: Tensor, outputSize: number): Tensor => adaptiveAvgPool("adaptiveAvgPool1d", x, outputSize, 1),
);

/**
 * Means of as many windows as are asked for, whatever the size of the planes: window i of n takes the rows from
 * ⌊i·H / n⌋ to ⌈(i + 1)·H / n⌉, so that neighbours share one where n does not divide H. Planes without values have NaN.
 *
 * @param x - (N, C, H, W)
 * @param outputSize - how many windows, one number or [down, across]
 * @returns (N, C, …outputSize)
 * @throws ArgumentError if a count is no whole number of at least 1
 * @example
 * ```ts
 * adaptiveAvgPool2d(zeros([2, 3, 13, 17]), [7, 5]).shape; // [2, 3, 7, 5]
 * ```
 */
export const adaptiveAvgPool2d = defineComposite(
  "adaptiveAvgPool2d",
  (x: Tensor, outputSize: Pair): Tensor => adaptiveAvgPool("adaptiveAvgPool2d", x, outputSize, 2),
);

/**
 * Means of as many windows as are asked for; see {@link adaptiveAvgPool2d}.
 *
 * @param x - (N, C, D, H, W)
 * @param outputSize - how many windows, one number or [in depth, down, across]
 * @returns (N, C, …outputSize)
 * @throws ArgumentError if a count is no whole number of at least 1
 * @example
 * ```ts
 * adaptiveAvgPool3d(zeros([2, 3, 4, 5, 6]), 2).shape; // [2, 3, 2, 2, 2]
 * ```
 */
export const adaptiveAvgPool3d = defineComposite(
  "adaptiveAvgPool3d",
  (x: Tensor, outputSize: Triple): Tensor => adaptiveAvgPool("adaptiveAvgPool3d", x, outputSize, 3),
);
