import { ones, zeros } from "../../create.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import { standardize } from "../../ops/standardize.js";
import { checkOptions } from "../../options.js";
import { checkCount, formatShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { batchMoments } from "./batch-moments.js";
import { normalizeReal } from "./mask.js";
import { Norm, type NormForwardOptions } from "./norm.js";
import { channelView } from "./views.js";

/** Options of {@link GroupNorm}. */
export interface GroupNormOptions {
  /**
   * Added to the variance under the root, in units of x²; ≥ 0. At 0, a group without variance is an error.
   *
   * @defaultValue 1e-5
   */
  readonly eps?: number;
  /** Whether there are a trained weight and bias, one of each per channel. @defaultValue true */
  readonly affine?: boolean;
}

/**
 * Group normalisation: per sample and group of neighbouring channels, over their positions, y = weight · (x − mean) /
 * √(variance + eps) + bias. It does not depend on the batch, so it is the norm for batches too small for
 * {@link BatchNorm}, and the same in evaluation as in training. x is (N, C, …) of rank 2 to 5.
 *
 * One group normalises each sample as a whole (layer norm of images, with a weight per channel); as many groups as
 * channels is {@link InstanceNorm}.
 *
 * Source: Wu & He 2018 (arXiv:1803.08494), equations 1 and 7.
 *
 * @example
 * ```ts
 * const norm = new GroupNorm(2, 4, { eps: 0 });
 * norm.forward(tensor([[1, 3, 10, 30]])).dataSync(); // Float32Array [-1, 1, -1, 1]
 * ```
 */
export class GroupNorm extends Norm {
  /** Number of groups, a divisor of the number of channels. */
  readonly numGroups: number;
  /** Number of channels, the size of axis 1. */
  readonly numChannels: number;

  /**
   * @param numGroups - groups of channels, a divisor of `numChannels`
   * @param numChannels - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range, or the channels do not divide into the groups
   */
  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    const { eps = 1e-5, affine = true } = options;
    super();
    const where = "new GroupNorm(numGroups, numChannels)";
    checkOptions(where, options, { eps: true, affine: true });
    this.numGroups = checkCount(where, "numGroups", numGroups);
    this.numChannels = checkCount(where, "numChannels", numChannels);
    if (numChannels % numGroups !== 0) {
      throw new ArgumentError({
        where,
        expected: "numChannels to be a multiple of numGroups",
        received: `${numChannels} channels for ${numGroups} groups`,
        cure: "Pass a number of groups that divides the channels.",
      });
    }
    this.eps = eps;
    this.weight = affine ? ones([numChannels], { requiresGrad: true }) : null;
    this.bias = affine ? zeros([numChannels], { requiresGrad: true }) : null;
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    return normalizeReal(this, x, options, (real, mask, activation) => {
      const { numGroups, numChannels } = this;
      const { outer, inner } = channelView(this, real, numChannels);
      const values = (numChannels / numGroups) * inner;
      this.#checkValues(real, values);
      const view = { outer: 1, kept: outer * numGroups, inner: values, repeat: inner, period: numChannels };
      const place = (k: number): string => `group ${k % numGroups} of sample ${Math.floor(k / numGroups)}`;
      const moments = batchMoments(this, real, view, mask, { noun: "group of every sample", place });
      const y = standardize(real, moments, view, this.affine(activation));
      moments.dispose();
      return y;
    });
  }

  #checkValues(x: Tensor, values: number): void {
    if (values !== 1) return;
    throw new ShapeError({
      where: `${this}.forward(x)`,
      expected: "at least 2 values per group",
      received: `1 (shape ${formatShape(x.shape)})`,
      cure: "Build the layer with fewer groups.",
    });
  }

  protected override traits(): LayerTraits {
    const { numGroups, numChannels, eps, weight } = this;
    return {
      constructorArguments: [numGroups, numChannels, { eps, affine: weight !== null }],
      fusesRelu: true,
      ...keepsRank(numChannels, "second"),
    };
  }

  override toString(): string {
    return `GroupNorm(${this.numGroups}, ${this.numChannels})`;
  }
}
