import { checkOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { Conditioned } from "./conditioned.js";
import { InstanceNorm } from "./instance-norm.js";

/** Options of {@link AdaptiveInstanceNorm}. */
export interface AdaptiveInstanceNormOptions {
  /** Added to the variance under the root, in units of x²; ≥ 0. @defaultValue 1e-5 */
  readonly eps?: number;
}

/**
 * Adaptive instance normalisation: y = (1 + Δγ(c)) · InstanceNorm(x) + Δβ(c) per channel, with Δγ and Δβ from a linear
 * layer of the condition c. The condition sets the style of each image. For generators and style transfer. The same in
 * evaluation as in training.
 *
 * Style transfer takes mean and standard deviation of another image's features for β and γ: {@link transferStyle}.
 *
 * Source: Huang & Belongie 2017 (arXiv:1703.06868), equation 8; with a learned linear layer Karras et al. 2018
 * (arXiv:1812.04948), equation 1.
 *
 * @example
 * ```ts
 * const norm = new AdaptiveInstanceNorm(8, 3);
 * norm.forward(zeros([4, 8, 5, 5]), zeros([4, 3])).shape; // [4, 8, 5, 5]
 * ```
 */
export class AdaptiveInstanceNorm extends Conditioned {
  /** Normalises x, without weight and bias. */
  readonly norm: InstanceNorm;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @param conditionFeatures - values of a condition, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, conditionFeatures: number, options: AdaptiveInstanceNormOptions = {}) {
    const { eps = 1e-5 } = options;
    super("new AdaptiveInstanceNorm(numFeatures, conditionFeatures)", numFeatures, conditionFeatures);
    checkOptions("new AdaptiveInstanceNorm(numFeatures, conditionFeatures)", options, { eps: true });
    this.norm = new InstanceNorm(numFeatures, { eps, affine: false });
  }

  protected override normalize(x: Tensor): Tensor {
    return this.norm.forward(x);
  }

  protected override traits(): LayerTraits {
    return this.conditionedTraits({ eps: this.norm.eps });
  }
}
