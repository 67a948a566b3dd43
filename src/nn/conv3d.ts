import { conv3d, type VolumeConvOptions } from "../ops/conv3d.js";
import { type VolumePadding, volumePadding } from "../ops/window-padding.js";
import { resolveTriple, type Triple } from "../ops/windows.js";
import { checkOptions } from "../options.js";
import { Convolution, convolutionOptions, type Moves } from "./convolution.js";
import type { LayerTraits } from "./layer-traits.js";
import { checkChannelGroups } from "./norms/channel-groups.js";

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
export class Conv3d extends Convolution<Moves<readonly [number, number, number], Exclude<VolumePadding, number>>> {
  /**
   * @param inChannels - channels of x, a multiple of `groups`
   * @param outChannels - channels of y, a multiple of `groups`
   * @param kernelSize - one number, or [depth, height, width]
   * @throws ArgumentError if a number is not whole or too small, or `groups` does not divide both channel counts
   */
  constructor(inChannels: number, outChannels: number, kernelSize: Triple, options: Conv3dOptions = {}) {
    const where = "new Conv3d(inChannels, outChannels, kernelSize)";
    checkOptions(where, options, convolutionOptions);
    const groups = checkChannelGroups(where, inChannels, outChannels, options.groups ?? 1);
    const kernel = resolveTriple(where, "kernelSize", kernelSize);
    const stride = resolveTriple(where, "stride", options.stride ?? 1);
    const padding = volumePadding(where, options.padding ?? 0);
    const dilation = resolveTriple(where, "dilation", options.dilation ?? 1);
    const moves = { stride, padding, dilation, groups };
    super(conv3d, { inChannels, outChannels, kernel, moves, bias: options.bias });
  }

  protected override traits(): LayerTraits {
    return this.convolutionTraits("conv3d");
  }

  override toString(): string {
    return this.titleOf("Conv3d");
  }
}
