import type { Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { type AvgPoolOptions, avgPool, maxPool, type PoolOptions } from "./pool.js";
import type { SignalPadding } from "./window-padding.js";

/** Options of {@link maxPool1d}. */
export type SignalPoolOptions = PoolOptions<number, SignalPadding>;

/** Options of {@link avgPool1d}. */
export type SignalAvgPoolOptions = AvgPoolOptions<number, SignalPadding>;

/**
 * The largest value of each window of signals; see {@link maxPool2d}.
 *
 * @param x - (N, C, L)
 * @param kernel - length of the windows
 * @throws ShapeError if no window fits
 * @throws ArgumentError if the padding is not smaller than the kernel
 * @example
 * ```ts
 * maxPool1d(tensor([[[1, 4, 2, 3]]]), 2).dataSync(); // Float32Array [4, 3]
 * ```
 */
export const maxPool1d = defineComposite(
  "maxPool1d",
  (x: Tensor, kernel: number, options: SignalPoolOptions = {}): Tensor => maxPool("maxPool1d", x, 1, kernel, options),
);

/**
 * The mean of each window of signals; see {@link avgPool2d}.
 *
 * @param x - (N, C, L)
 * @param kernel - length of the windows
 * @throws ShapeError if no window fits
 * @throws ArgumentError if the padding is not smaller than the kernel
 * @example
 * ```ts
 * avgPool1d(tensor([[[1, 4, 2, 3]]]), 3, { stride: 1, padding: "same" }).dataSync(); // about [2.5, 2.333, 3, 2.5]
 * ```
 */
export const avgPool1d = defineComposite(
  "avgPool1d",
  (x: Tensor, kernel: number, options: SignalAvgPoolOptions = {}): Tensor =>
    avgPool("avgPool1d", x, 1, kernel, options),
);
