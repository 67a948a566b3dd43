import { ones, zeros } from "../../create.js";
import { ArgumentError } from "../../errors.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { Module } from "../module.js";
import { BatchNorm } from "./batch-norm.js";
import { type InnerBatchNormOptions, innerNames, innerOptions } from "./inner-batch-norm.js";
import { channelView, scaledAlongChannels } from "./views.js";

/** Options of {@link SplitBatchNorm.forward}. */
export interface SplitForwardOptions {
  /** The domain that the batch is of: its statistics normalise, and move in training. @defaultValue 0 */
  readonly split?: number;
}

/**
 * Batch normalisation with a set of running statistics for each domain, and one weight and bias for all: a batch holds
 * samples of one domain and is normalised by their statistics. For adversarial and augmented examples beside clean
 * ones, and for domains that share a network. Each domain's evaluation uses its own running statistics. x is (N, C, …)
 * of rank 2 to 5.
 *
 * Source: Li et al. 2016 (arXiv:1603.04779), Algorithm 1, for statistics by domain; Xie et al. 2019 (arXiv:1911.09665),
 * §4, who give each domain a weight and bias too.
 *
 * @example
 * ```ts
 * const norm = new SplitBatchNorm(3, 2);
 * norm.forward(zeros([9, 3, 4, 4]), { split: 1 }).shape; // [9, 3, 4, 4]
 * ```
 */
export class SplitBatchNorm extends Module<[x: Tensor, options?: SplitForwardOptions]> {
  /** γ, which multiplies: ones at first. */
  weight: Tensor;
  /** β, which is added: zeros at first. */
  bias: Tensor;
  /** The statistics of each domain. */
  readonly norms: readonly BatchNorm[];
  /** Number of channels, the size of axis 1. */
  readonly numFeatures: number;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @param splits - domains, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, splits: number, options: InnerBatchNormOptions = {}) {
    super();
    const where = "new SplitBatchNorm(numFeatures, splits)";
    checkOptions(where, options, innerNames);
    this.numFeatures = checkCount(where, "numFeatures", numFeatures);
    const length = checkCount(where, "splits", splits);
    this.norms = Array.from({ length }, () => new BatchNorm(numFeatures, { ...options, affine: false }));
    this.weight = ones([numFeatures], { requiresGrad: true });
    this.bias = zeros([numFeatures], { requiresGrad: true });
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, C, …), samples of one domain
   * @returns the shape of x
   * @throws ShapeError if x does not fit
   * @throws ArgumentError if there is no such split
   */
  override forward(x: Tensor, options: SplitForwardOptions = {}): Tensor {
    checkOptions(() => `${this}.forward(x)`, options, { split: true });
    const { split = 0 } = options;
    channelView(this, x, this.numFeatures);
    if (!Number.isInteger(split) || split < 0 || split >= this.norms.length) {
      throw new ArgumentError({
        where: `${this}.forward(x, { split })`,
        expected: `a whole number from 0 to ${this.norms.length - 1}`,
        received: String(split),
        cure: "Pass the number of a domain, or build the layer with more splits.",
      });
    }
    return scope(() => scaledAlongChannels(this.norms[split].forward(x), this.weight, this.bias));
  }

  protected override traits(): LayerTraits {
    const { numFeatures, norms } = this;
    return {
      constructorArguments: [numFeatures, norms.length, innerOptions(norms[0])],
      isComposite: true,
      ...keepsRank(numFeatures, "second"),
    };
  }

  override toString(): string {
    return `SplitBatchNorm(${this.numFeatures}, ${this.norms.length})`;
  }
}
