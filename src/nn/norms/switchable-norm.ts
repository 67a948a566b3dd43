import { ones } from "../../create.js";
import { add, div, mul, sub } from "../../ops/binary.js";
import { square } from "../../ops/functions.js";
import { mean } from "../../ops/mean.js";
import { slice } from "../../ops/slice.js";
import { softmax } from "../../ops/softmax.js";
import { momentsOf } from "../../ops/standardize.js";
import { sqrt } from "../../ops/unary.js";
import { variance } from "../../ops/variance.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { checkPlain } from "./composed-norm.js";
import type { NormForwardOptions } from "./norm.js";
import { RunningNorm, type RunningNormOptions, runningNormNames } from "./running-norm.js";
import { alongChannels, channelView, checkSeveralPositions, positionAxes, scaledAlongChannels } from "./views.js";

/** Means and variances, which broadcast to x. */
interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * Switchable normalisation: y = weight · (x − mean) / √(variance + eps) + bias, where mean and variance are weighted
 * means of those of {@link InstanceNorm}, layer norm (of each sample as a whole) and {@link BatchNorm}. The layer
 * learns the weights, softmaxes of three numbers each, one triple for means and one for variances. Evaluation uses
 * running statistics for the batch part. x is (N, C, …) of rank 3 to 5, with 2 positions or more.
 *
 * Source: Luo et al. 2018 (arXiv:1806.10779).
 *
 * @example
 * ```ts
 * const norm = new SwitchableNorm(3);
 * norm.forward(zeros([8, 3, 4, 4])).shape; // [8, 3, 4, 4]
 * Object.keys(norm.stateDict()).slice(0, 4); // weight, bias, mean_weight, var_weight
 * ```
 */
export class SwitchableNorm extends RunningNorm {
  /**
   * Logits of the shares of instance, layer and batch norm in the mean: (3), ones at first. Named as in the authors'
   * code.
   */
  mean_weight: Tensor;
  /** Likewise in the variance. */
  var_weight: Tensor;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, options: RunningNormOptions = {}) {
    const where = "new SwitchableNorm(numFeatures)";
    super(checkCount(where, "numFeatures", numFeatures), { ...options, trackRunningStats: true });
    checkOptions(where, options, runningNormNames);
    this.mean_weight = ones([3], { requiresGrad: true });
    this.var_weight = ones([3], { requiresGrad: true });
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    checkPlain(this, options);
    const view = channelView(this, x, this.numFeatures);
    checkSeveralPositions(this, x, view, "LayerNorm or GroupNorm");
    const y = scope(() => this.#normalize(x));
    if (this.running.takesMoments && x.size > 0) {
      const moments = momentsOf(x, view, null);
      this.running.take(moments, false);
      moments.dispose();
    }
    return y;
  }

  #normalize(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    const positions = positionAxes(x);
    const ofInstance = {
      mean: mean(x, positions, { keepDims: true }),
      variance: variance(x, positions, { keepDims: true }),
    };
    const all = [ofInstance, joined(ofInstance, 1), this.#ofBatch(x, ofInstance)];
    const mixed = (logits: Tensor, parts: readonly Tensor[]): Tensor => {
      const shares = softmax(logits, 0);
      return parts.map((part, k) => mul(part, slice(shares, k, k + 1))).reduce((a, b) => add(a, b));
    };
    const centre = mixed(
      this.mean_weight,
      all.map((one) => one.mean),
    );
    const spread = mixed(
      this.var_weight,
      all.map((one) => one.variance),
    );
    const centred = sub(x, centre);
    const deviation = sqrt(add(spread, eps));
    // The weight before what has as many values as x.
    const scaled =
      weight === null ? div(centred, deviation) : mul(centred, div(alongChannels(weight, x.rank), deviation));
    return scaledAlongChannels(scaled, null, bias);
  }

  #ofBatch({ rank }: Tensor, ofInstance: Statistics): Statistics {
    const { running, runningMean, runningVar } = this;
    if (running.normalizeWith === "batch" || runningMean === null || runningVar === null) return joined(ofInstance, 0);
    return { mean: alongChannels(runningMean, rank), variance: alongChannels(runningVar, rank) };
  }

  protected override traits(): LayerTraits {
    const { channelMap: _, ...traits } = this.runningTraits({});
    return { ...traits, fusesRelu: false, isComposedInEvaluation: true };
  }

  override toString(): string {
    return `SwitchableNorm(${this.numFeatures})`;
  }
}

/** The statistics of all values that those along an axis are of: the variance within and that of the means. */
function joined({ mean: means, variance: within }: Statistics, axis: number): Statistics {
  const centre = mean(means, axis, { keepDims: true });
  const between = mean(square(sub(means, centre)), axis, { keepDims: true });
  return { mean: centre, variance: add(mean(within, axis, { keepDims: true }), between) };
}
