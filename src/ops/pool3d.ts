import type { Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { type AvgPoolOptions, avgPool, maxPool, type PoolOptions } from "./pool.js";
import type { VolumePadding } from "./window-padding.js";
import type { Triple } from "./windows.js";

/** Options of {@link maxPool3d}. */
export type VolumePoolOptions = PoolOptions<Triple, VolumePadding>;

/** Options of {@link avgPool3d}. */
export type VolumeAvgPoolOptions = AvgPoolOptions<Triple, VolumePadding>;

/**
 * The largest value of each window of volumes; see {@link maxPool2d}.
 *
 * @param x - (N, C, D, H, W)
 * @param kernel - size of the windows
 * @throws ShapeError if no window fits
 * @throws ArgumentError if the padding is not smaller than the kernel
 * @example
 * ```ts
 * maxPool3d(zeros([1, 3, 8, 8, 8]), 2).shape; // [1, 3, 4, 4, 4]
 * ```
 */
export const maxPool3d = defineComposite(
  "maxPool3d",
  (x: Tensor, kernel: Triple, options: VolumePoolOptions = {}): Tensor => maxPool("maxPool3d", x, 3, kernel, options),
);

/**
 * The mean of each window of volumes; see {@link avgPool2d}.
 *
 * @param x - (N, C, D, H, W)
 * @param kernel - size of the windows
 * @throws ShapeError if no window fits
 * @throws ArgumentError if the padding is not smaller than the kernel
 * @example
 * ```ts
 * avgPool3d(zeros([1, 3, 8, 8, 8]), [2, 4, 4]).shape; // [1, 3, 4, 2, 2]
 * ```
 */
export const avgPool3d = defineComposite(
  "avgPool3d",
  (x: Tensor, kernel: Triple, options: VolumeAvgPoolOptions = {}): Tensor =>
    avgPool("avgPool3d", x, 3, kernel, options),
);
