import { ones, zeros } from "../../create.js";
import { add, mul, sub } from "../../ops/binary.js";
import { clamp } from "../../ops/choice.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount } from "../../shape.js";
import { detach, type Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { Module } from "../module.js";
import { BatchNorm } from "./batch-norm.js";
import { type InnerBatchNormOptions, innerNames, innerOptions } from "./inner-batch-norm.js";
import { InstanceNorm } from "./instance-norm.js";
import { alongChannels, channelView, scaledAlongChannels } from "./views.js";

/**
 * Batch-instance normalisation: y = weight · (ρ · BatchNorm(x) + (1 − ρ) · InstanceNorm(x)) + bias, with a trained ρ
 * per channel, clipped to [0, 1]. Channels learn whether contrast and style of each image are noise, which instance
 * norm takes out, or content. Evaluation uses running statistics for the batch part. x is (N, C, …) of rank 3 to 5,
 * with 2 positions or more.
 *
 * The paper clips ρ after each step. Here ρ is clipped where it is used, and its gradient passes as if it were not, so
 * that it comes back.
 *
 * Source: Nam & Kim 2018 (arXiv:1805.07925).
 *
 * @example
 * ```ts
 * const norm = new BatchInstanceNorm(3);
 * norm.forward(zeros([8, 3, 4, 4])).shape; // [8, 3, 4, 4]
 * Object.keys(norm.stateDict()).slice(0, 4); // weight, bias, gate, batch.running_mean
 * ```
 */
export class BatchInstanceNorm extends Module {
  /** γ, which multiplies: ones at first. */
  weight: Tensor;
  /** β, which is added: zeros at first. */
  bias: Tensor;
  /** ρ, the share of batch norm in each channel: ones at first. */
  gate: Tensor;
  /** The batch part, without weight and bias. */
  readonly batch: BatchNorm;
  /** The instance part, likewise. */
  readonly instance: InstanceNorm;
  /** Number of channels, the size of axis 1. */
  readonly numFeatures: number;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, options: InnerBatchNormOptions = {}) {
    super();
    checkOptions("new BatchInstanceNorm(numFeatures)", options, innerNames);
    this.numFeatures = checkCount("new BatchInstanceNorm(numFeatures)", "numFeatures", numFeatures);
    const { eps = 1e-5 } = options;
    this.batch = new BatchNorm(numFeatures, { ...options, affine: false });
    this.instance = new InstanceNorm(numFeatures, { eps, affine: false });
    this.weight = ones([numFeatures], { requiresGrad: true });
    this.bias = zeros([numFeatures], { requiresGrad: true });
    this.gate = ones([numFeatures], { requiresGrad: true });
  }

  /** Applies the layer. @param x - (N, C, …) @throws ShapeError if x does not fit */
  override forward(x: Tensor): Tensor {
    channelView(this, x, this.numFeatures);
    return scope(() => {
      const { weight, bias, gate } = this;
      const share = add(gate, detach(sub(clamp(gate, 0, 1), gate)));
      const own = this.instance.forward(x);
      const difference = sub(this.batch.forward(x), own);
      const mixed = add(own, mul(difference, alongChannels(share, x.rank)));
      return scaledAlongChannels(mixed, weight, bias);
    });
  }

  protected override traits(): LayerTraits {
    const { numFeatures, batch } = this;
    return {
      constructorArguments: [numFeatures, innerOptions(batch)],
      isComposite: true,
      ...keepsRank(numFeatures, "second"),
    };
  }

  override toString(): string {
    return `BatchInstanceNorm(${this.numFeatures})`;
  }
}
