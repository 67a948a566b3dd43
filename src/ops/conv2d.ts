import { record } from "../autograd.js";
import type { ConvGeometry } from "../backend/backend.js";
import { checkOptions, type OptionNames } from "../options.js";
import { checkCount } from "../shape.js";
import { commonBackend, type Tensor, view } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { convolve, convolveInputGradient, convolveWeightGradient } from "./convolution.js";
import { pad } from "./pad.js";
import { sumTo } from "./sum.js";
import { type PlanePadding, paddingWidths, resolvePadding } from "./window-padding.js";
import { checkConvolution, outputSizes, type Pair, resolvePair } from "./windows.js";

/** Options of {@link conv2d}. */
export interface ConvOptions {
  /** Step between windows. @defaultValue 1 */
  readonly stride?: Pair;
  /** Zeros around each plane. @defaultValue 0 */
  readonly padding?: PlanePadding;
  /** Distance between the taps of the kernel. @defaultValue 1 */
  readonly dilation?: Pair;
  /**
   * Independent groups of channels; inChannels of them make it depthwise. Divides both channel counts.
   *
   * @defaultValue 1
   */
  readonly groups?: number;
}

/** The options of convolutions. */
export const convNames: OptionNames<ConvOptions> = { stride: true, padding: true, dilation: true, groups: true };

/**
 * y[n, o, i, j] = bias[o] + Σ_{c, u, v} weight[o, c, u, v] · x[n, c, i·stride + u·dilation − padding, …]: a
 * cross-correlation, as in every neural-network library. Padding that differs between two sides costs a copy of x.
 *
 * @param x - (N, inChannels, H, W)
 * @param weight - (outChannels, inChannels / groups, kernelHeight, kernelWidth)
 * @param bias - (outChannels), or null
 * @returns (N, outChannels, H′, W′)
 * @throws ShapeError if channels do not fit, or no window fits
 */
export const conv2d = defineOp(
  "conv2d",
  (x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvOptions = {}): Tensor => {
    const where = "conv2d(x, weight, bias)";
    checkOptions(where, options, convNames);
    const groups = checkCount(where, "groups", options.groups ?? 1);
    checkConvolution(where, x, weight, bias, { axes: 2, groups });
    const [batch, inChannels, height, width] = x.shape;
    const [outChannels, , kernelHeight, kernelWidth] = weight.shape;
    const moves = {
      kernel: [kernelHeight, kernelWidth] as const,
      stride: resolvePair(where, "stride", options.stride ?? 1, 1),
      dilation: resolvePair(where, "dilation", options.dilation ?? 1, 1),
    };
    const widths = paddingWidths(resolvePadding(where, options.padding ?? 0, 2), [height, width], moves);
    const [outHeight, outWidth] = outputSizes(where, x.shape, { ...moves, padding: widths });
    commonBackend(where, x, weight, bias);
    // What both sides have in common is left to the kernels.
    const [down, across] = widths.map((pair) => Math.min(...pair));
    const [above, below] = widths[0].map((count) => count - down);
    const [left, right] = widths[1].map((count) => count - across);
    const framed = above + below + left + right === 0 ? x : pad(x, [[above, below], [left, right]]); // biome-ignore format: pairs
    const geometry: ConvGeometry = {
      ...{ batch, inChannels, height: height + above + below, width: width + left + right },
      ...{ outChannels, outHeight, outWidth, groups, padding: [down, across] },
      ...moves,
    };
    const y = convolve("conv2d", framed, weight, bias, geometry);
    const inputs = bias === null ? [framed, weight] : [framed, weight, bias];
    record("conv2d", y, inputs, [framed, weight], (dy, [input, w], needs) => {
      const dx = needs[0] ? convolveInputGradient("conv2d", dy, w, geometry) : null;
      const dweight = needs[1] ? convolveWeightGradient("conv2d", dy, input, geometry) : null;
      const dbias = needs[2] ? view("conv2d", sumTo(dy, [1, outChannels, 1, 1]), [outChannels]) : null;
      return [dx, dweight, dbias];
    });
    if (framed !== x) framed.dispose();
    return y;
  },
);
