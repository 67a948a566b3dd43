import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { conv2d, convNames } from "./conv2d.js";
import { reshape } from "./reshape.js";
import { paddingWidths, resolvePadding, type SignalPadding } from "./window-padding.js";
import { checkConvolution, outputSizes } from "./windows.js";

/** Options of {@link conv1d}. */
export interface SignalConvOptions {
  /** Step between windows. @defaultValue 1 */
  readonly stride?: number;
  /** Zeros before and after each signal. @defaultValue 0 */
  readonly padding?: SignalPadding;
  /** Distance between the taps of the kernel. @defaultValue 1 */
  readonly dilation?: number;
  /** Independent groups of channels. Divides both channel counts. @defaultValue 1 */
  readonly groups?: number;
}

/**
 * y[n, o, i] = bias[o] + Σ_{c, u} weight[o, c, u] · x[n, c, i·stride + u·dilation − padding]: {@link conv2d} over
 * planes of one row.
 *
 * @param x - (N, inChannels, L)
 * @param weight - (outChannels, inChannels / groups, k)
 * @param bias - (outChannels), or null
 * @returns (N, outChannels, ⌊(L + before + after − dilation·(k − 1) − 1) / stride⌋ + 1)
 * @throws ShapeError if channels do not fit, or no window fits
 * @example
 * ```ts
 * const x = tensor([[[1, 2, 4, 8]]]);
 * conv1d(x, tensor([[[-1, 1]]])).dataSync(); // Float32Array [1, 2, 4]
 * ```
 */
export const conv1d = defineComposite(
  "conv1d",
  (x: Tensor, weight: Tensor, bias: Tensor | null = null, options: SignalConvOptions = {}): Tensor => {
    const where = "conv1d(x, weight, bias)";
    checkOptions(where, options, convNames);
    const groups = checkCount(where, "groups", options.groups ?? 1);
    const stride = checkCount(where, "stride", options.stride ?? 1);
    const dilation = checkCount(where, "dilation", options.dilation ?? 1);
    checkConvolution(where, x, weight, bias, { axes: 1, groups });
    const [batch, inChannels, length] = x.shape;
    const [outChannels, groupChannels, kernel] = weight.shape;
    const moves = { kernel: [kernel], stride: [stride], dilation: [dilation] };
    const padding = paddingWidths(resolvePadding(where, options.padding ?? 0, 1), [length], moves);
    outputSizes(where, x.shape, { ...moves, padding });
    const planes = reshape(x, [batch, inChannels, 1, length]);
    const taps = reshape(weight, [outChannels, groupChannels, 1, kernel]);
    const y = conv2d(planes, taps, bias, {
      ...{ stride: [1, stride], padding: [[0, 0], padding[0]], dilation: [1, dilation] },
      groups,
    });
    return reshape(y, [batch, outChannels, y.shape[3]]);
  },
);
