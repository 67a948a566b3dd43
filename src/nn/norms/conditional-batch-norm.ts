import { checkOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { BatchNorm } from "./batch-norm.js";
import { Conditioned } from "./conditioned.js";
import { type InnerBatchNormOptions, innerNames, innerOptions } from "./inner-batch-norm.js";

/**
 * Conditional batch normalisation: y = (1 + Δγ(c)) · BatchNorm(x) + Δβ(c) per channel, with Δγ and Δβ from a linear
 * layer of the condition c, such as the embedding of a question or a class. The batch norm inside has no weight and
 * bias of its own; the bias of the linear layer stands for them. It keeps running statistics, which evaluation uses.
 *
 * Source: de Vries et al. 2017 (arXiv:1707.00683), with γ = 1 and β = 0 before the condition.
 *
 * @example
 * ```ts
 * const norm = new ConditionalBatchNorm(8, 3);
 * norm.forward(zeros([9, 8, 5, 5]), zeros([9, 3])).shape; // [9, 8, 5, 5]
 * ```
 */
export class ConditionalBatchNorm extends Conditioned {
  /** Normalises x, without weight and bias. */
  readonly norm: BatchNorm;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @param conditionFeatures - values of a condition, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, conditionFeatures: number, options: InnerBatchNormOptions = {}) {
    super("new ConditionalBatchNorm(numFeatures, conditionFeatures)", numFeatures, conditionFeatures);
    checkOptions("new ConditionalBatchNorm(numFeatures, conditionFeatures)", options, innerNames);
    this.norm = new BatchNorm(numFeatures, { ...options, affine: false });
  }

  protected override normalize(x: Tensor): Tensor {
    return this.norm.forward(x);
  }

  protected override traits(): LayerTraits {
    return this.conditionedTraits(innerOptions(this.norm));
  }
}
