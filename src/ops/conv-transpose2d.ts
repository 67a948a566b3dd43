import { record } from "../autograd.js";
import type { ConvGeometry } from "../backend/backend.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { checkOptions, type OptionNames } from "../options.js";
import { checkCount, formatShape } from "../shape.js";
import { commonBackend, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { add } from "./binary.js";
import { type ConvOptions, convNames } from "./conv2d.js";
import { convolve, convolveInputGradient, convolveWeightGradient } from "./convolution.js";
import { checkHasValues } from "./empty-axes.js";
import type { PadWidths } from "./pad.js";
import { reshape } from "./reshape.js";
import { checkConvolution, checkPlaces, type Pair, resolvePair, resolveSizes } from "./windows.js";

/** Options of {@link convTranspose2d}. */
export interface ConvTransposeOptions extends Omit<ConvOptions, "padding"> {
  /** Rows and columns cut from each side: the padding of the convolution that it transposes. @defaultValue 0 */
  readonly padding?: Pair;
  /**
   * Rows and columns added at the end, smaller than `stride`: which of the sizes that a strided convolution maps to x
   * is meant. PyTorch also takes larger ones, below the dilation.
   *
   * @defaultValue 0
   */
  readonly outputPadding?: Pair;
}

/** The options of transposed convolutions. */
export const convTransposeNames: OptionNames<ConvTransposeOptions> = { ...convNames, outputPadding: true };

/**
 * The transpose of {@link conv2d}, the map of its input gradient: each value of x adds its multiple of the kernel to y,
 * `stride` apart; `padding` rows and columns are cut from each side.
 *
 * @param x - (N, inChannels, H, W)
 * @param weight - (inChannels, outChannels / groups, kernelHeight, kernelWidth)
 * @param bias - (outChannels), or null
 * @returns (N, outChannels, (H − 1)·stride − 2·padding + dilation·(kernelHeight − 1) + outputPadding + 1, …)
 * @throws ShapeError if channels do not fit, or nothing is left of a plane
 * @throws ArgumentError if an output padding is not smaller than its stride
 * @example
 * ```ts
 * const x = tensor([[[[1, 2]]]]);
 * convTranspose2d(x, tensor([[[[1, 10]]]]), null, { stride: 2 }).dataSync(); // Float32Array [1, 10, 2, 20]
 * ```
 */
export const convTranspose2d = defineComposite(
  "convTranspose2d",
  (x: Tensor, weight: Tensor, bias: Tensor | null = null, options: ConvTransposeOptions = {}): Tensor => {
    const where = "convTranspose2d(x, weight, bias)";
    checkOptions(where, options, convTransposeNames);
    const groups = checkCount(where, "groups", options.groups ?? 1);
    checkConvolution(where, x, weight, bias, { axes: 2, groups, isTransposed: true });
    const [batch, inChannels, outHeight, outWidth] = x.shape;
    const outChannels = weight.shape[1] * groups;
    checkHasValues(
      where,
      x.shape,
      [2, 3],
      "Pass planes that have values: how large the output of none is, is not defined.",
    );
    const kernel = [weight.shape[2], weight.shape[3]] as const;
    const stride = resolvePair(where, "stride", options.stride ?? 1, 1);
    const padding = resolvePair(where, "padding", options.padding ?? 0, 0);
    const dilation = resolvePair(where, "dilation", options.dilation ?? 1, 1);
    const outputPadding = resolveOutputPadding(where, options.outputPadding ?? 0, stride);
    const [height, width] = [0, 1].map(
      (k) => (x.shape[2 + k] - 1) * stride[k] - 2 * padding[k] + dilation[k] * (kernel[k] - 1) + outputPadding[k] + 1,
    );
    if (height < 1 || width < 1) {
      throw new ShapeError({
        where,
        expected: "planes of which something is left",
        received: `${height}×${width} (x ${formatShape(x.shape)}, weight ${formatShape(weight.shape)}, padding ${padding.join("×")})`,
        cure: "Use larger images, a larger kernel, or less padding.",
      });
    }
    const cut = padding.map((count): PadWidths => [count, count]);
    checkPlaces(where, [height, width], { kernel, stride, padding: cut, dilation });
    // The convolution from y to x, whose input gradient this is: x stands where its output would.
    const geometry: ConvGeometry = {
      ...{ batch, inChannels: outChannels, height, width, outChannels: inChannels, outHeight, outWidth, groups },
      ...{ kernel, stride, padding, dilation },
    };
    commonBackend(where, x, weight, bias);
    const y = convolveInputGradient("convTranspose2d", x, weight, geometry);
    record("convTranspose2d", y, [x, weight], [x, weight], (dy, [input, w], needs) => {
      return [
        needs[0] ? convolve("convTranspose2d", dy, w, null, geometry) : null,
        needs[1] ? convolveWeightGradient("convTranspose2d", input, dy, geometry) : null,
      ];
    });
    return bias === null ? y : add(y, reshape(bias, [outChannels, 1, 1]));
  },
);

/** The output padding of each axis, checked to be smaller than the stride. */
export function resolveOutputPadding(where: string, value: unknown, stride: readonly number[]): readonly number[] {
  const sizes = resolveSizes(where, "outputPadding", value, 0, stride.length);
  if (sizes.every((extra, k) => extra < stride[k])) return sizes;
  throw new ArgumentError({
    where,
    expected: `outputPadding smaller than the stride ${stride.join("×")}`,
    received: sizes.join("×"),
    cure: "Use a smaller outputPadding, or a larger stride.",
  });
}
