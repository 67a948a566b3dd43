import { record } from "../autograd.js";
import type { ConvGeometry } from "../backend/backend.js";
import { ShapeError } from "../errors.js";
import { checkCount, formatShape } from "../shape.js";
import { commonBackend, type Tensor, view } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { convolve, convolveInputGradient, convolveWeightGradient } from "./convolution.js";
import { sumTo } from "./sum.js";
import { checkImages, checkTaps, outputSize, type Pair, resolvePair } from "./windows.js";

/** Options of {@link conv2d}. */
export interface ConvOptions {
  /** Step between windows. @defaultValue 1 */
  readonly stride?: Pair;
  /** Zeros around each plane. @defaultValue 0 */
  readonly padding?: Pair;
  /** Distance between the taps of the kernel. @defaultValue 1 */
  readonly dilation?: Pair;
  /** Independent groups of channels; inChannels of them make it depthwise. Divides both channel counts. @defaultValue 1 */
  readonly groups?: number;
}

/**
 * y[n, o, i, j] = bias[o] + Σ_{c, u, v} weight[o, c, u, v] · x[n, c, i·stride + u·dilation − padding, …]: a cross-correlation, as in
 * every neural-network library.
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
    const groups = checkCount(where, "groups", options.groups ?? 1);
    checkImages(where, x);
    const [batch, inChannels, height, width] = x.shape;
    const [outChannels, groupChannels, kernelHeight, kernelWidth] = weight.shape;
    const fits = weight.rank === 4 && groupChannels * groups === inChannels && outChannels % groups === 0;
    if (!fits || (bias !== null && (bias.rank !== 1 || bias.size !== outChannels))) {
      throw new ShapeError({
        where,
        expected: `a weight (out, ${inChannels / groups}, kh, kw) with out divisible by groups = ${groups}, and a bias (out) or none`,
        received: `${formatShape(weight.shape)} and ${bias === null ? "none" : formatShape(bias.shape)} for x ${formatShape(x.shape)}`,
        cure: "Match the weight's channels to those of x.",
      });
    }
    checkTaps(where, weight);
    const windows = {
      kernel: [kernelHeight, kernelWidth] as const,
      stride: resolvePair(where, "stride", options.stride ?? 1, 1),
      padding: resolvePair(where, "padding", options.padding ?? 0, 0),
      dilation: resolvePair(where, "dilation", options.dilation ?? 1, 1),
    };
    const [outHeight, outWidth] = outputSize(where, x, windows);
    const geometry: ConvGeometry = {
      ...{ batch, inChannels, height, width, outChannels, outHeight, outWidth, groups },
      ...windows,
    };
    commonBackend(where, x, weight, bias);
    const y = convolve("conv2d", x, weight, bias, geometry);
    const inputs = bias === null ? [x, weight] : [x, weight, bias];
    return record("conv2d", y, inputs, [x, weight], (dy, [input, w], needs) => {
      const dx = needs[0] ? convolveInputGradient("conv2d", dy, w, geometry) : null;
      const dweight = needs[1] ? convolveWeightGradient("conv2d", dy, input, geometry) : null;
      const dbias = needs[2] ? view("conv2d", sumTo(dy, [1, outChannels, 1, 1]), [outChannels]) : null;
      return [dx, dweight, dbias];
    });
  },
);
