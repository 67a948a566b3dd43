import { type ConvTransposeOptions, convTranspose2d, resolveOutputPadding } from "../ops/conv-transpose2d.js";
import { type Pair, resolvePair } from "../ops/windows.js";
import { checkOptions } from "../options.js";
import { Convolution, convolutionOptions, type Moves } from "./convolution.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";

/** Options of {@link ConvTranspose2d}. */
export interface ConvTranspose2dOptions extends ConvTransposeOptions {
  /** Whether a bias is added; before a norm it has no effect. @defaultValue true */
  readonly bias?: boolean;
}

/** How kernels lie that are added. */
interface TransposeMoves extends Moves<readonly [number, number], readonly [number, number]> {
  readonly outputPadding: readonly [number, number];
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
export class ConvTranspose2d extends Convolution<TransposeMoves> {
  /** Rows and columns added at the end, [below, right]. */
  readonly outputPadding: readonly [number, number];

  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - one number, or [height, width]
   * @throws ArgumentError if a number is not whole or out of range, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: ConvTranspose2dOptions = {}) {
    const where = "new ConvTranspose2d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, { ...convolutionOptions, outputPadding: true });
    const groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    const kernel = resolvePair(where, "kernelSize", kernelSize, 1);
    const stride = resolvePair(where, "stride", options.stride ?? 1, 1);
    const padding = resolvePair(where, "padding", options.padding ?? 0, 0);
    const dilation = resolvePair(where, "dilation", options.dilation ?? 1, 1);
    const [below, right] = resolveOutputPadding(where, options.outputPadding ?? 0, stride);
    const outputPadding = [below, right] as const;
    const moves = { stride, padding, outputPadding, dilation, groups };
    super(convTranspose2d, { inChannels, outChannels, kernel, moves, bias: options.bias });
    this.outputPadding = outputPadding;
  }

  override get outputAxis(): 1 {
    return 1;
  }

  protected override traits(): LayerTraits {
    return this.convolutionTraits("convTranspose2d");
  }

  override toString(): string {
    return this.titleOf("ConvTranspose2d");
  }
}
