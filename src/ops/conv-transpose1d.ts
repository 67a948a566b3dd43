import { ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { checkCount, formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { convTranspose2d, convTransposeNames, resolveOutputPadding } from "./conv-transpose2d.js";
import { checkHasValues } from "./empty-axes.js";
import { reshape } from "./reshape.js";
import { checkConvolution, checkPlaces } from "./windows.js";

/** Options of {@link convTranspose1d}. */
export interface SignalConvTransposeOptions {
  /** Step between the places where kernels are added. @defaultValue 1 */
  readonly stride?: number;
  /** Values cut from both ends: the padding of the convolution that it transposes. @defaultValue 0 */
  readonly padding?: number;
  /** Values added at the end, fewer than `stride`. @defaultValue 0 */
  readonly outputPadding?: number;
  /** Distance between the taps of the kernel. @defaultValue 1 */
  readonly dilation?: number;
  /** Independent groups of channels. Divides both channel counts. @defaultValue 1 */
  readonly groups?: number;
}

/**
 * The transpose of {@link conv1d}, the map of its input gradient: each value of x adds its multiple of the kernel to y,
 * `stride` apart; `padding` values are cut from both ends.
 *
 * @param x - (N, inChannels, L)
 * @param weight - (inChannels, outChannels / groups, k)
 * @param bias - (outChannels), or null
 * @returns (N, outChannels, (L − 1)·stride − 2·padding + dilation·(k − 1) + outputPadding + 1)
 * @throws ShapeError if channels do not fit, or nothing is left of a signal
 * @throws ArgumentError if the output padding is not smaller than the stride
 * @example
 * ```ts
 * const x = tensor([[[1, 2]]]);
 * convTranspose1d(x, tensor([[[1, 10]]]), null, { stride: 2 }).dataSync(); // Float32Array [1, 10, 2, 20]
 * ```
 */
export const convTranspose1d = defineComposite(
  "convTranspose1d",
  (x: Tensor, weight: Tensor, bias: Tensor | null = null, options: SignalConvTransposeOptions = {}): Tensor => {
    const where = "convTranspose1d(x, weight, bias)";
    checkOptions(where, options, convTransposeNames);
    const groups = checkCount(where, "groups", options.groups ?? 1);
    checkConvolution(where, x, weight, bias, { axes: 1, groups, isTransposed: true });
    const stride = checkCount(where, "stride", options.stride ?? 1);
    const padding = checkCount(where, "padding", options.padding ?? 0, 0);
    const dilation = checkCount(where, "dilation", options.dilation ?? 1);
    const outputPadding = resolveOutputPadding(where, options.outputPadding ?? 0, [stride])[0];
    const [batch, channels, length] = x.shape;
    const outChannels = weight.shape[1] * groups;
    checkHasValues(where, x.shape, [2], "Pass signals that have values.");
    const kernel = weight.shape[2];
    const size = (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1;
    if (size < 1) {
      throw new ShapeError({
        where,
        expected: "signals of which something is left",
        received: `${size} values (x ${formatShape(x.shape)}, weight ${formatShape(weight.shape)}, padding ${padding})`,
        cure: "Use longer signals, a longer kernel, or less padding.",
      });
    }
    const moves = { kernel: [kernel], stride: [stride], dilation: [dilation] };
    checkPlaces(where, [size], { ...moves, padding: [[padding, padding]] });
    const planes = reshape(x, [batch, channels, 1, length]);
    const taps = reshape(weight, [...weight.shape.slice(0, 2), 1, kernel]);
    const y = convTranspose2d(planes, taps, bias, {
      ...{ stride: [1, stride], padding: [0, padding], outputPadding: [0, outputPadding], dilation: [1, dilation] },
      groups,
    });
    return reshape(y, [batch, outChannels, size]);
  },
);
