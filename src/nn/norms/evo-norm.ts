import { checkOneOf } from "../../check-one-of.js";
import { ones } from "../../create.js";
import { sigmoid } from "../../ops/activations.js";
import { add, div, mul } from "../../ops/binary.js";
import { maximum } from "../../ops/choice.js";
import { reshape } from "../../ops/reshape.js";
import { momentsOf } from "../../ops/standardize.js";
import { sqrt } from "../../ops/unary.js";
import { variance } from "../../ops/variance.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount, sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { checkDivides } from "./channel-groups.js";
import { checkPlain } from "./composed-norm.js";
import type { NormForwardOptions } from "./norm.js";
import { RunningNorm, type RunningNormOptions, runningNormNames } from "./running-norm.js";
import { alongChannels, channelView, checkSeveralValues, positionAxes, scaledAlongChannels } from "./views.js";

/** Options of {@link EvoNorm}. */
export interface EvoNormOptions extends RunningNormOptions {
  /** "B0" takes the variance of the batch, "S0" that of groups of channels of each sample. @defaultValue "B0" */
  readonly variant?: "B0" | "S0";
  /** Groups of channels of S0, a divisor of `numFeatures`. @defaultValue the largest divisor up to 32 */
  readonly groups?: number | null;
}

/**
 * A norm and an activation in one, found by search; no ReLU follows. With a trained v per channel,
 *
 * - B0: y = weight · x / max(√(batch variance + eps), v · x + √(sample variance + eps)) + bias, with the variance of
 *   the channel over the batch, and over the positions of the sample alone
 * - S0: y = weight · x · sigmoid(v · x) / √(group variance + eps) + bias
 *
 * The variances are those of {@link BatchNorm}, {@link InstanceNorm} and {@link GroupNorm}; the mean is not subtracted
 * from x. B0 evaluates with a running variance, which moves as {@link BatchNorm}'s does; S0 is the same in evaluation
 * as in training. x is (N, C, …) of rank 2 to 5.
 *
 * Source: Liu et al. 2020 (arXiv:2004.02967), the layers EvoNorm-B0 and EvoNorm-S0.
 *
 * @example
 * ```ts
 * const norm = new EvoNorm(8, { variant: "S0", groups: 2 });
 * norm.forward(zeros([4, 8, 5, 5])).shape; // [4, 8, 5, 5]
 * ```
 */
export class EvoNorm extends RunningNorm {
  /** See {@link EvoNormOptions.variant}. */
  readonly variant: "B0" | "S0";
  /** Groups of channels that share a variance in S0; 1 in B0. */
  readonly groups: number;
  /** v, how steeply the activation bends: ones at first. */
  v: Tensor;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range, there is no such variant, or the groups do not divide the
   * channels
   */
  constructor(numFeatures: number, options: EvoNormOptions = {}) {
    const { variant = "B0", groups = null, ...common } = options;
    const where = "new EvoNorm(numFeatures)";
    super(checkCount(where, "numFeatures", numFeatures), { ...common, trackRunningStats: variant === "B0" });
    checkOptions(where, options, {
      variant: true,
      groups: true,
      ...runningNormNames,
    });
    checkOneOf(where, "variant", variant, ["B0", "S0"]);
    this.variant = variant;
    this.groups = variant === "B0" ? 1 : checkDivides(where, groups ?? mostGroups(numFeatures), numFeatures);
    this.v = ones([numFeatures], { requiresGrad: true });
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    checkPlain(this, options);
    const { running, numFeatures } = this;
    const view = channelView(this, x, numFeatures);
    if (this.variant === "B0" && running.normalizeWith === "batch") checkSeveralValues(this, x, view);
    const y = scope(() => {
      const scaled = this.variant === "B0" ? this.#byBatch(x) : this.#bySample(x);
      return scaledAlongChannels(scaled, null, this.bias);
    });
    if (running.takesMoments && x.size > 0) {
      const moments = momentsOf(x, view, null);
      running.take(moments, false);
      moments.dispose();
    }
    return y;
  }

  #byBatch(x: Tensor): Tensor {
    const { running, runningVar, eps, v, weight } = this;
    const positions = positionAxes(x);
    const ofBatch =
      running.normalizeWith === "running" && runningVar !== null
        ? alongChannels(runningVar, x.rank)
        : variance(x, [0, ...positions], { keepDims: true });
    // A single value has no variance.
    const ofSample =
      positions.length === 0 ? Math.sqrt(eps) : sqrt(add(variance(x, positions, { keepDims: true }), eps));
    const normalized = div(x, maximum(sqrt(add(ofBatch, eps)), add(mul(x, alongChannels(v, x.rank)), ofSample)));
    return scaledAlongChannels(normalized, weight, null);
  }

  #bySample(x: Tensor): Tensor {
    const { groups, eps, v, weight, numFeatures } = this;
    const [samples, , ...positions] = x.shape;
    const sizes = [samples, groups, sizeOf(x.shape.slice(1)) / groups];
    const deviation = sqrt(add(variance(reshape(x, sizes), 2, { keepDims: true }), eps));
    const activated = mul(x, sigmoid(mul(x, alongChannels(v, x.rank))));
    if (weight === null) return reshape(div(reshape(activated, sizes), deviation), x.shape);
    // Divided before it meets what has as many values as x.
    const scale = div(reshape(weight, [groups, numFeatures / groups]), deviation);
    return mul(activated, reshape(scale, [samples, numFeatures, ...positions.map(() => 1)]));
  }

  protected override traits(): LayerTraits {
    const { variant, groups } = this;
    const { channelMap: _, ...traits } = this.runningTraits({ variant, groups: variant === "B0" ? null : groups });
    return { ...traits, fusesRelu: false, isComposedInEvaluation: true };
  }

  override toString(): string {
    return `EvoNorm(${this.numFeatures}, ${this.variant})`;
  }
}

/** The largest divisor up to 32. */
function mostGroups(features: number): number {
  let groups = Math.min(features, 32);
  while (features % groups !== 0) groups--;
  return groups;
}
