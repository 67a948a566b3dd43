import { conv1d, type SignalConvOptions } from "../ops/conv1d.js";
import { signalPadding } from "../ops/window-padding.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import { Convolution, convolutionOptions } from "./convolution.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";

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
export class Conv1d extends Convolution<Required<SignalConvOptions>> {
  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - taps, ≥ 1
   * @throws ArgumentError if a number is not whole or too small, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: number, options: Conv1dOptions = {}) {
    const where = "new Conv1d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, convolutionOptions);
    const groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    const kernel = [checkCount(where, "kernelSize", kernelSize)];
    const stride = checkCount(where, "stride", options.stride ?? 1);
    const padding = signalPadding(where, options.padding ?? 0);
    const dilation = checkCount(where, "dilation", options.dilation ?? 1);
    const moves = { stride, padding, dilation, groups };
    super(conv1d, { inChannels, outChannels, kernel, moves, bias: options.bias });
  }

  protected override traits(): LayerTraits {
    return this.convolutionTraits("conv1d");
  }

  override toString(): string {
    return this.titleOf("Conv1d");
  }
}
