import { convNames } from "../ops/conv2d.js";
import { conv3d, type VolumeConvOptions } from "../ops/conv3d.js";
import { type VolumePadding, volumePadding } from "../ops/window-padding.js";
import { checkSpatial, resolveSizes, type Triple } from "../ops/windows.js";
import { checkOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { uniformParameter } from "./init.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";
import { Weighted } from "./reparametrized/weighted.js";

/** Options of {@link Conv3d}. */
export interface Conv3dOptions extends VolumeConvOptions {
  /** Whether a bias is added; before a norm it has no effect. @defaultValue true */
  readonly bias?: boolean;
}

/**
 * A three-dimensional convolution over (N, C, D, H, W); see {@link conv3d}. Initial values are uniform in ±1/√fanIn
 * with fanIn = inChannels / groups · kernelDepth · kernelHeight · kernelWidth.
 *
 * @example
 * ```ts
 * const conv = new Conv3d(1, 16, 3, { padding: 1 });
 * conv.forward(zeros([2, 1, 8, 14, 14])).shape; // [2, 16, 8, 14, 14]
 * ```
 */
export class Conv3d extends Weighted {
  /** (outChannels, inChannels / groups, kernelDepth, kernelHeight, kernelWidth) */
  weight: Tensor;
  /** (outChannels), or null. */
  bias: Tensor | null;
  /** Step between windows, [in depth, down, across]. */
  readonly stride: readonly [number, number, number];
  /** Zeros around each volume: one number for both sides of each axis, `[before, after]` for each, or `"same"`. */
  readonly padding: Exclude<VolumePadding, number>;
  /** Distance between taps, [in depth, down, across]. */
  readonly dilation: readonly [number, number, number];
  /** Independent groups of channels. */
  override readonly groups: number;

  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - one number, or [depth, height, width]
   * @throws ArgumentError if a number is not whole or too small, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: Triple, options: Conv3dOptions = {}) {
    super();
    const where = "new Conv3d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, { bias: true, ...convNames });
    this.groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    const three = (name: string, value: Triple): readonly [number, number, number] => {
      const [depth, height, width] = resolveSizes(where, name, value, 1, 3);
      return [depth, height, width];
    };
    const kernel = three("kernelSize", kernelSize);
    this.stride = three("stride", options.stride ?? 1);
    this.padding = volumePadding(where, options.padding ?? 0);
    this.dilation = three("dilation", options.dilation ?? 1);
    const fanIn = (inChannels / this.groups) * kernel[0] * kernel[1] * kernel[2];
    this.weight = uniformParameter([outChannels, inChannels / this.groups, ...kernel], fanIn);
    this.bias = (options.bias ?? true) ? uniformParameter([outChannels], fanIn) : null;
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, inChannels, D, H, W)
   * @throws ShapeError if channels do not fit, or no window fits
   */
  override forward(x: Tensor): Tensor {
    return this.applyWeight(x, this.weight);
  }

  /** See {@link Weighted.applyWeight}. */
  override applyWeight(x: Tensor, weight: Tensor): Tensor {
    checkSpatial(`${this}.forward(x)`, x, 3);
    checkFeatures(this, x, 1, this.weight.shape[1] * this.groups, "channels");
    const { stride, padding, dilation, groups } = this;
    return conv3d(x, weight, this.bias, { stride, padding, dilation, groups });
  }

  protected override traits(): LayerTraits {
    const [outChannels, groupChannels, ...kernel] = this.weight.shape;
    const { weight, bias, stride, padding, dilation, groups } = this;
    const windows = { stride, padding, dilation, groups };
    return {
      constructorArguments: [groupChannels * groups, outChannels, kernel, { ...windows, bias: bias !== null }],
      keepsNothing: true,
      op: ["conv3d", weight, bias, windows],
      channels: () => outChannels,
      rank: () => 5,
      channelAxis: "second",
    };
  }

  override toString(): string {
    const [outChannels, groupChannels, ...kernel] = this.weight.shape;
    const isCube = kernel.every((size) => size === kernel[0]);
    return `Conv3d(${groupChannels * this.groups}, ${outChannels}, ${isCube ? kernel[0] : `[${kernel.join(", ")}]`})`;
  }
}
