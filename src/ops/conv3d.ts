import { record } from "../autograd.js";
import { checkOptions } from "../options.js";
import { checkCount, collapse, stridesOf } from "../shape.js";
import { commonBackend, empty, type Tensor, upload } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { conv2d, convNames } from "./conv2d.js";
import { pad } from "./pad.js";
import { reshape } from "./reshape.js";
import { transpose } from "./transpose.js";
import { paddingWidths, resolvePadding, type VolumePadding } from "./window-padding.js";
import { checkConvolution, outputSizes, resolveSizes, type Triple } from "./windows.js";

/** Options of {@link conv3d}. */
export interface VolumeConvOptions {
  /** Step between windows. @defaultValue 1 */
  readonly stride?: Triple;
  /** Zeros around each volume. @defaultValue 0 */
  readonly padding?: VolumePadding;
  /** Distance between the taps of the kernel. @defaultValue 1 */
  readonly dilation?: Triple;
  /** Independent groups of channels. Divides both channel counts. @defaultValue 1 */
  readonly groups?: number;
}

/**
 * A cross-correlation over volumes. The planes that a window reaches in depth lie beside each other as channels of one
 * {@link conv2d}, so that x is held kernelDepth / stride times.
 *
 * @param x - (N, inChannels, D, H, W)
 * @param weight - (outChannels, inChannels / groups, kernelDepth, kernelHeight, kernelWidth)
 * @param bias - (outChannels), or null
 * @returns (N, outChannels, D′, H′, W′)
 * @throws ShapeError if channels do not fit, or no window fits
 * @example
 * ```ts
 * conv3d(zeros([1, 2, 8, 8, 8]), zeros([4, 2, 3, 3, 3]), null, { padding: 1 }).shape; // [1, 4, 8, 8, 8]
 * ```
 */
export const conv3d = defineComposite(
  "conv3d",
  (x: Tensor, weight: Tensor, bias: Tensor | null = null, options: VolumeConvOptions = {}): Tensor => {
    const where = "conv3d(x, weight, bias)";
    checkOptions(where, options, convNames);
    const groups = checkCount(where, "groups", options.groups ?? 1);
    checkConvolution(where, x, weight, bias, { axes: 3, groups });
    const [batch, , ...sizes] = x.shape;
    const [outChannels, groupChannels, ...kernel] = weight.shape;
    const moves = {
      kernel,
      stride: resolveSizes(where, "stride", options.stride ?? 1, 1, 3),
      dilation: resolveSizes(where, "dilation", options.dilation ?? 1, 1, 3),
    };
    const padding = paddingWidths(resolvePadding(where, options.padding ?? 0, 3), sizes, moves);
    const [depth, ...plane] = outputSizes(where, x.shape, { ...moves, padding });
    commonBackend(where, x, weight, bias);
    const framed = padding[0].every((width) => width === 0) ? x : pad(x, [padding[0], [0, 0], [0, 0]]);
    const columns = depthWindows(framed, depth, {
      taps: kernel[0],
      stride: moves.stride[0],
      dilation: moves.dilation[0],
    });
    const taps = reshape(weight, [outChannels, groupChannels * kernel[0], kernel[1], kernel[2]]);
    const y = conv2d(columns, taps, bias, {
      ...{ stride: [moves.stride[1], moves.stride[2]], dilation: [moves.dilation[1], moves.dilation[2]] },
      ...{ padding: [padding[1], padding[2]], groups },
    });
    const planes = reshape(y, [batch, depth, outChannels, plane[0] * plane[1]]);
    return reshape(transpose(planes, [0, 2, 1, 3]), [batch, outChannels, depth, ...plane]);
  },
);

/** How windows move in depth. */
interface DepthMoves {
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
}

/**
 * (N, C, D, H, W) → (N·depth, C·taps, H, W): for each window in depth the planes that it reaches, channel by channel.
 */
function depthWindows(x: Tensor, depth: number, { taps, stride, dilation }: DepthMoves): Tensor {
  const { backend, shape } = x;
  const [batch, channels, size, height, width] = shape;
  const plane = height * width;
  const y = empty("conv3d", backend, [batch * depth, channels * taps, height, width]);
  const walk = [batch, depth, channels, taps, plane];
  const [sample, channel] = [channels * size * plane, size * plane];
  const { extents, strides } = collapse({
    extents: walk,
    strides: [[sample, stride * plane, channel, dilation * plane, 1], stridesOf(walk)],
  });
  backend.copy(x.block, y.block, { extents, xStrides: strides[0], xOffset: 0, yStrides: strides[1], yOffset: 0 });
  return record("conv3d", y, [x], [], (dy) => {
    const dx = empty("conv3d", backend, shape);
    const places = new Int32Array(batch * depth * channels * taps);
    let k = 0;
    for (let n = 0; n < batch; n++)
      for (let d = 0; d < depth; d++)
        for (let c = 0; c < channels; c++)
          for (let t = 0; t < taps; t++) places[k++] = (n * channels + c) * size + d * stride + t * dilation;
    const rows = upload("conv3d", backend, [places.length], places);
    backend.scatterAdd(dy.block, rows.block, dx.block, places.length, batch * channels * size, plane, -1);
    return [dx];
  });
}
