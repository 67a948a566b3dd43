import { conv1d, type SignalConvOptions } from "../ops/conv1d.js";
import { convNames } from "../ops/conv2d.js";
import { type SignalPadding, signalPadding } from "../ops/window-padding.js";
import { checkSpatial } from "../ops/windows.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { uniformParameter } from "./init.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";
import { Weighted } from "./reparametrized/weighted.js";

/** Options of {@link Conv1d}. */
export interface Conv1dOptions extends SignalConvOptions {
  /** Whether a bias is added; before a norm it has no effect. @defaultValue true */
  readonly bias?: boolean;
}

/**
 * A one-dimensional convolution over (N, C, L); see {@link conv1d}. Initial values are uniform in ±1/√fanIn with
 * fanIn = inChannels / groups · kernelSize.
 *
 * @example
 * ```ts
 * const conv = new Conv1d(2, 16, 5, { padding: 2 });
 * conv.forward(zeros([8, 2, 100])).shape; // [8, 16, 100]
 * ```
 */
export class Conv1d extends Weighted {
  /** (outChannels, inChannels / groups, kernelSize) */
  weight: Tensor;
  /** (outChannels), or null. */
  bias: Tensor | null;
  /** Step between windows. */
  readonly stride: number;
  /** Zeros before and after each signal: as many on both sides, `[before, after]`, or `"same"`. */
  readonly padding: SignalPadding;
  /** Distance between taps. */
  readonly dilation: number;
  /** Independent groups of channels. */
  override readonly groups: number;

  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - taps, ≥ 1
   * @throws ArgumentError if a number is not whole or too small, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: number, options: Conv1dOptions = {}) {
    super();
    const where = "new Conv1d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, { bias: true, ...convNames });
    this.groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    checkCount(where, "kernelSize", kernelSize);
    this.stride = checkCount(where, "stride", options.stride ?? 1);
    this.padding = signalPadding(where, options.padding ?? 0);
    this.dilation = checkCount(where, "dilation", options.dilation ?? 1);
    const fanIn = (inChannels / this.groups) * kernelSize;
    this.weight = uniformParameter([outChannels, inChannels / this.groups, kernelSize], fanIn);
    this.bias = (options.bias ?? true) ? uniformParameter([outChannels], fanIn) : null;
  }

  /** Applies the layer. @param x - (N, inChannels, L) @throws ShapeError if channels do not fit, or no window fits */
  override forward(x: Tensor): Tensor {
    return this.applyWeight(x, this.weight);
  }

  /** See {@link Weighted.applyWeight}. */
  override applyWeight(x: Tensor, weight: Tensor): Tensor {
    checkSpatial(`${this}.forward(x)`, x, 1);
    checkFeatures(this, x, 1, this.weight.shape[1] * this.groups, "channels");
    const { stride, padding, dilation, groups } = this;
    return conv1d(x, weight, this.bias, { stride, padding, dilation, groups });
  }

  protected override traits(): LayerTraits {
    const [outChannels, groupChannels, kernelSize] = this.weight.shape;
    const { weight, bias, stride, padding, dilation, groups } = this;
    const windows = { stride, padding, dilation, groups };
    return {
      constructorArguments: [groupChannels * groups, outChannels, kernelSize, { ...windows, bias: bias !== null }],
      keepsNothing: true,
      op: ["conv1d", weight, bias, windows],
      channels: () => outChannels,
      rank: () => 3,
      channelAxis: "second",
    };
  }

  override toString(): string {
    const [outChannels, groupChannels, kernel] = this.weight.shape;
    return `Conv1d(${groupChannels * this.groups}, ${outChannels}, ${kernel})`;
  }
}
