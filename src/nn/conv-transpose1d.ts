import { convTranspose1d, type SignalConvTransposeOptions } from "../ops/conv-transpose1d.js";
import { convTransposeNames, resolveOutputPadding } from "../ops/conv-transpose2d.js";
import { checkSpatial } from "../ops/windows.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { uniformParameter } from "./init.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";
import { Weighted } from "./reparametrized/weighted.js";

/** Options of {@link ConvTranspose1d}. */
export interface ConvTranspose1dOptions extends SignalConvTransposeOptions {
  /** Whether a bias is added; before a norm it has no effect. @defaultValue true */
  readonly bias?: boolean;
}

/**
 * A transposed convolution over (N, C, L), which lengthens signals; see {@link convTranspose1d}. Initial values are
 * uniform in ±1/√fanIn with fanIn = outChannels / groups · kernelSize, as PyTorch's.
 *
 * @example
 * ```ts
 * const up = new ConvTranspose1d(16, 8, 4, { stride: 2, padding: 1 });
 * up.forward(zeros([4, 16, 50])).shape; // [4, 8, 100]
 * ```
 */
export class ConvTranspose1d extends Weighted {
  /** (inChannels, outChannels / groups, kernelSize) */
  weight: Tensor;
  /** (outChannels), or null. */
  bias: Tensor | null;
  /** Step between the places where kernels are added. */
  readonly stride: number;
  /** Values cut from both ends. */
  readonly padding: number;
  /** Values added at the end. */
  readonly outputPadding: number;
  /** Distance between taps. */
  readonly dilation: number;
  /** Independent groups of channels. */
  override readonly groups: number;

  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - taps, ≥ 1
   * @throws ArgumentError if a number is not whole or out of range, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: number, options: ConvTranspose1dOptions = {}) {
    super();
    const where = "new ConvTranspose1d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, { bias: true, ...convTransposeNames });
    this.groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    checkCount(where, "kernelSize", kernelSize);
    this.stride = checkCount(where, "stride", options.stride ?? 1);
    this.padding = checkCount(where, "padding", options.padding ?? 0, 0);
    this.dilation = checkCount(where, "dilation", options.dilation ?? 1);
    this.outputPadding = resolveOutputPadding(where, options.outputPadding ?? 0, [this.stride])[0];
    const fanIn = (outChannels / this.groups) * kernelSize;
    this.weight = uniformParameter([inChannels, outChannels / this.groups, kernelSize], fanIn);
    this.bias = (options.bias ?? true) ? uniformParameter([outChannels], fanIn) : null;
  }

  override get outputAxis(): 1 {
    return 1;
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, inChannels, L)
   * @throws ShapeError if channels do not fit, or nothing is left of a signal
   */
  override forward(x: Tensor): Tensor {
    return this.applyWeight(x, this.weight);
  }

  /** See {@link Weighted.applyWeight}. */
  override applyWeight(x: Tensor, weight: Tensor): Tensor {
    checkSpatial(`${this}.forward(x)`, x, 1);
    checkFeatures(this, x, 1, this.weight.shape[0], "channels");
    const { stride, padding, outputPadding, dilation, groups } = this;
    return convTranspose1d(x, weight, this.bias, { stride, padding, outputPadding, dilation, groups });
  }

  protected override traits(): LayerTraits {
    const [inChannels, groupChannels, kernelSize] = this.weight.shape;
    const { weight, bias, stride, padding, outputPadding, dilation, groups } = this;
    const windows = { stride, padding, outputPadding, dilation, groups };
    return {
      constructorArguments: [inChannels, groupChannels * groups, kernelSize, { ...windows, bias: bias !== null }],
      keepsNothing: true,
      op: ["convTranspose1d", weight, bias, windows],
      channels: () => groupChannels * groups,
      rank: () => 3,
      channelAxis: "second",
    };
  }

  override toString(): string {
    const [inChannels, groupChannels, kernel] = this.weight.shape;
    return `ConvTranspose1d(${inChannels}, ${groupChannels * this.groups}, ${kernel})`;
  }
}
