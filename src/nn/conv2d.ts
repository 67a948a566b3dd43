import { type ConvOptions, conv2d } from "../ops/conv2d.js";
import { type PlanePadding, planePadding } from "../ops/window-padding.js";
import { type Pair, resolvePair } from "../ops/windows.js";
import { checkOptions } from "../options.js";
import { Convolution, convolutionOptions, type Moves } from "./convolution.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";

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
export class Conv2d extends Convolution<Moves<readonly [number, number], Exclude<PlanePadding, number>>> {
  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - one number, or [height, width]
   * @throws ArgumentError if a number is not whole or too small, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    const where = "new Conv2d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, convolutionOptions);
    const groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    const kernel = resolvePair(where, "kernelSize", kernelSize, 1);
    const stride = resolvePair(where, "stride", options.stride ?? 1, 1);
    const padding = planePadding(where, options.padding ?? 0);
    const dilation = resolvePair(where, "dilation", options.dilation ?? 1, 1);
    const moves = { stride, padding, dilation, groups };
    super(conv2d, { inChannels, outChannels, kernel, moves, bias: options.bias });
  }

  protected override traits(): LayerTraits {
    return this.convolutionTraits("conv2d");
  }

  override toString(): string {
    return this.titleOf("Conv2d");
  }
}
