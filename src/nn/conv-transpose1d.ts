import { convTranspose1d, type SignalConvTransposeOptions } from "../ops/conv-transpose1d.js";
import { resolveOutputPadding } from "../ops/conv-transpose2d.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import { Convolution, convolutionOptions } from "./convolution.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";

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
export class ConvTranspose1d extends Convolution<Required<SignalConvTransposeOptions>> {
  /** Values added at the end. */
  readonly outputPadding: number;

  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - taps, ≥ 1
   * @throws ArgumentError if a number is not whole or out of range, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: number, options: ConvTranspose1dOptions = {}) {
    const where = "new ConvTranspose1d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, { ...convolutionOptions, outputPadding: true });
    const groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    const kernel = [checkCount(where, "kernelSize", kernelSize)];
    const stride = checkCount(where, "stride", options.stride ?? 1);
    const padding = checkCount(where, "padding", options.padding ?? 0, 0);
    const dilation = checkCount(where, "dilation", options.dilation ?? 1);
    const [outputPadding] = resolveOutputPadding(where, options.outputPadding ?? 0, [stride]);
    const moves = { stride, padding, outputPadding, dilation, groups };
    super(convTranspose1d, { inChannels, outChannels, kernel, moves, bias: options.bias });
    this.outputPadding = outputPadding;
  }

  override get outputAxis(): 1 {
    return 1;
  }

  protected override traits(): LayerTraits {
    return this.convolutionTraits("convTranspose1d");
  }

  override toString(): string {
    return this.titleOf("ConvTranspose1d");
  }
}
