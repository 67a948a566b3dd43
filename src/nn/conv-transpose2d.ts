import {
  type ConvTransposeOptions,
  convTranspose2d,
  convTransposeNames,
  resolveOutputPadding,
} from "../ops/conv-transpose2d.js";
import { checkImages, type Pair, resolvePair } from "../ops/windows.js";
import { checkOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { uniformParameter } from "./init.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";
import { Weighted } from "./reparametrized/weighted.js";

/** Options of {@link ConvTranspose2d}. */
export interface ConvTranspose2dOptions extends ConvTransposeOptions {
  /** Whether a bias is added; before a norm it has no effect. @defaultValue true */
  readonly bias?: boolean;
}

/**
 * A transposed convolution over (N, C, H, W), which enlarges planes; see {@link convTranspose2d}. Initial values are
 * uniform in ±1/√fanIn with fanIn = outChannels / groups · kernelHeight · kernelWidth, as PyTorch's.
 *
 * @example
 * ```ts
 * const up = new ConvTranspose2d(16, 8, 3, { stride: 2, padding: 1, outputPadding: 1 });
 * up.forward(zeros([4, 16, 7, 7])).shape; // [4, 8, 14, 14]
 * ```
 */
export class ConvTranspose2d extends Weighted {
  /** (inChannels, outChannels / groups, kernelHeight, kernelWidth) */
  weight: Tensor;
  /** (outChannels), or null. */
  bias: Tensor | null;
  /** Step between the places where kernels are added, [down, across]. */
  readonly stride: readonly [number, number];
  /** Rows and columns cut from each side, [above and below, left and right]. */
  readonly padding: readonly [number, number];
  /** Rows and columns added at the end, [below, right]. */
  readonly outputPadding: readonly [number, number];
  /** Distance between taps, [down, across]. */
  readonly dilation: readonly [number, number];
  /** Independent groups of channels. */
  override readonly groups: number;

  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - one number, or [height, width]
   * @throws ArgumentError if a number is not whole or out of range, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: ConvTranspose2dOptions = {}) {
    super();
    const where = "new ConvTranspose2d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, { bias: true, ...convTransposeNames });
    this.groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    const [height, width] = resolvePair(where, "kernelSize", kernelSize, 1);
    this.stride = resolvePair(where, "stride", options.stride ?? 1, 1);
    this.padding = resolvePair(where, "padding", options.padding ?? 0, 0);
    this.dilation = resolvePair(where, "dilation", options.dilation ?? 1, 1);
    const [below, right] = resolveOutputPadding(where, options.outputPadding ?? 0, this.stride);
    this.outputPadding = [below, right];
    const fanIn = (outChannels / this.groups) * height * width;
    this.weight = uniformParameter([inChannels, outChannels / this.groups, height, width], fanIn);
    this.bias = (options.bias ?? true) ? uniformParameter([outChannels], fanIn) : null;
  }

  override get outputAxis(): 1 {
    return 1;
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, inChannels, H, W)
   * @throws ShapeError if channels do not fit, or nothing is left of a plane
   */
  override forward(x: Tensor): Tensor {
    return this.applyWeight(x, this.weight);
  }

  /** See {@link Weighted.applyWeight}. */
  override applyWeight(x: Tensor, weight: Tensor): Tensor {
    checkImages(`${this}.forward(x)`, x);
    checkFeatures(this, x, 1, this.weight.shape[0], "channels");
    const { stride, padding, outputPadding, dilation, groups } = this;
    return convTranspose2d(x, weight, this.bias, { stride, padding, outputPadding, dilation, groups });
  }

  protected override traits(): LayerTraits {
    const [inChannels, groupChannels, height, width] = this.weight.shape;
    const { weight, bias, stride, padding, outputPadding, dilation, groups } = this;
    const windows = { stride, padding, outputPadding, dilation, groups };
    return {
      constructorArguments: [inChannels, groupChannels * groups, [height, width], { ...windows, bias: bias !== null }],
      keepsNothing: true,
      op: ["convTranspose2d", weight, bias, windows],
      channels: () => groupChannels * groups,
      rank: () => 4,
      channelAxis: "second",
    };
  }

  override toString(): string {
    const [inChannels, groupChannels, height, width] = this.weight.shape;
    const kernel = height === width ? `${height}` : `[${height}, ${width}]`;
    return `ConvTranspose2d(${inChannels}, ${groupChannels * this.groups}, ${kernel})`;
  }
}
