import { type ConvOptions, conv2d, convNames } from "../ops/conv2d.js";
import { type PlanePadding, planePadding } from "../ops/window-padding.js";
import { checkImages, type Pair, resolvePair } from "../ops/windows.js";
import { checkOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { uniformParameter } from "./init.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";
import { Weighted } from "./reparametrized/weighted.js";

/** Options of {@link Conv2d}. */
export interface Conv2dOptions extends ConvOptions {
  /** Whether a bias is added; before a norm it has no effect. @defaultValue true */
  readonly bias?: boolean;
}

/**
 * A two-dimensional convolution over (N, C, H, W); see {@link conv2d}. Initial values are uniform in ±1/√fanIn with
 * fanIn = inChannels / groups · kernelHeight · kernelWidth.
 *
 * @example
 * ```ts
 * const conv = new Conv2d(1, 16, 3, { padding: 1 });
 * conv.forward(zeros([8, 1, 28, 28])).shape; // [8, 16, 28, 28]
 * ```
 */
export class Conv2d extends Weighted {
  /** (outChannels, inChannels / groups, kernelHeight, kernelWidth) */
  weight: Tensor;
  /** (outChannels), or null. */
  bias: Tensor | null;
  /** Step between windows, [down, across]. */
  readonly stride: readonly [number, number];
  /** Zeros around each plane: [above and below, left and right], `[before, after]` for each axis, or `"same"`. */
  readonly padding: Exclude<PlanePadding, number>;
  /** Distance between taps, [down, across]. */
  readonly dilation: readonly [number, number];
  /** Independent groups of channels. */
  override readonly groups: number;

  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - one number, or [height, width]
   * @throws ArgumentError if a number is not whole or too small, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    super();
    const where = "new Conv2d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, { bias: true, ...convNames });
    this.groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    const [height, width] = resolvePair(where, "kernelSize", kernelSize, 1);
    this.stride = resolvePair(where, "stride", options.stride ?? 1, 1);
    this.padding = planePadding(where, options.padding ?? 0);
    this.dilation = resolvePair(where, "dilation", options.dilation ?? 1, 1);
    const fanIn = (inChannels / this.groups) * height * width;
    this.weight = uniformParameter([outChannels, inChannels / this.groups, height, width], fanIn);
    this.bias = (options.bias ?? true) ? uniformParameter([outChannels], fanIn) : null;
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, inChannels, H, W)
   * @throws ShapeError if channels do not fit, or no window fits
   */
  override forward(x: Tensor): Tensor {
    return this.applyWeight(x, this.weight);
  }

  /** See {@link Weighted.applyWeight}. */
  override applyWeight(x: Tensor, weight: Tensor): Tensor {
    checkImages(`${this}.forward(x)`, x);
    checkFeatures(this, x, 1, this.weight.shape[1] * this.groups, "channels");
    const { stride, padding, dilation, groups } = this;
    return conv2d(x, weight, this.bias, { stride, padding, dilation, groups });
  }

  protected override traits(): LayerTraits {
    const [outChannels, groupChannels, height, width] = this.weight.shape;
    const { weight, bias, stride, padding, dilation, groups } = this;
    const windows = { stride, padding, dilation, groups };
    return {
      constructorArguments: [groupChannels * groups, outChannels, [height, width], { ...windows, bias: bias !== null }],
      keepsNothing: true,
      op: ["conv2d", weight, bias, windows],
      channels: () => outChannels,
      rank: () => 4,
      channelAxis: "second",
    };
  }

  override toString(): string {
    const [outChannels, groupChannels, height, width] = this.weight.shape;
    const kernel = height === width ? `${height}` : `[${height}, ${width}]`;
    return `Conv2d(${groupChannels * this.groups}, ${outChannels}, ${kernel})`;
  }
}
