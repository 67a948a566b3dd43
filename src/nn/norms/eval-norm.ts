import { ArgumentError } from "../../errors.js";
import { add, div, mul, sub } from "../../ops/binary.js";
import { square } from "../../ops/functions.js";
import { mean } from "../../ops/mean.js";
import { sqrt } from "../../ops/unary.js";
import { variance } from "../../ops/variance.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import type { Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { Module } from "../module.js";
import { BatchNorm } from "./batch-norm.js";
import { alongChannels, channelView, positionAxes, scaledAlongChannels } from "./views.js";

/** Options of {@link EvalNorm}. */
export interface EvalNormOptions {
  /** The share of the sample itself in the mean, in [0, 1]. */
  readonly alpha: number;
  /** The share of the sample itself in the mean square distance from the running mean, from alpha² to 1. */
  readonly beta: number;
}

/**
 * A {@link BatchNorm} that evaluates each sample as if it stood in a batch of training: of such a batch's mean and
 * variance the sample itself is a part. With d = mean of the sample − running mean,
 *
 *     mean = running mean + α · d
 *     variance = β · (variance of the sample + d²) + (1 − β) · running variance − α² · d²
 *
 * In training, and wherever its norm uses the batch's statistics, it is that norm. {@link evalNorm} makes such layers,
 * and estimates α and β. At α = β = 0 it evaluates as the norm does. It does not fold away, since its statistics depend
 * on x.
 *
 * Source: Singh & Shrivastava 2019 (arXiv:1904.06031).
 *
 * @example
 * ```ts
 * const layer = new EvalNorm(new BatchNorm(3), { alpha: 0.5, beta: 0.5 });
 * layer.eval().forward(zeros([1, 3, 4, 4])).shape; // [1, 3, 4, 4]
 * ```
 */
export class EvalNorm extends Module {
  /** The norm of training, whose running statistics, weight and bias this layer uses. */
  readonly norm: BatchNorm;
  /** See {@link EvalNormOptions.alpha}. */
  readonly alpha: number;
  /** See {@link EvalNormOptions.beta}. */
  readonly beta: number;

  /** @throws ArgumentError if the norm has no running statistics or eps 0, or a share is out of range */
  constructor(norm: BatchNorm, options: EvalNormOptions) {
    super();
    checkOptions("new EvalNorm(norm)", options, { alpha: true, beta: true });
    const { alpha, beta } = options;
    const given: unknown = norm;
    if (!(given instanceof BatchNorm) || given.runningMean === null || given.eps === 0) {
      throw new ArgumentError({
        where: "new EvalNorm(norm)",
        expected: "a BatchNorm with running statistics and eps above 0",
        received: given instanceof Module ? String(given) : typeof given,
        cure: "Build the norm with trackRunningStats.",
      });
    }
    if (!(alpha >= 0 && alpha <= 1 && beta >= alpha ** 2 && beta <= 1)) {
      throw new ArgumentError({
        where: "new EvalNorm(norm)",
        expected: "alpha from 0 to 1, and beta from alpha² to 1",
        received: `alpha ${alpha}, beta ${beta}`,
        cure: "Let evalNorm(model, data) estimate both.",
      });
    }
    this.norm = given;
    this.alpha = alpha;
    this.beta = beta;
  }

  /** Applies the layer. @param x - (N, C, …) @throws ShapeError if x does not fit */
  override forward(x: Tensor): Tensor {
    const { norm, alpha, beta } = this;
    const { runningMean, runningVar, weight, bias, eps, numFeatures, normalizeWith } = norm;
    if (normalizeWith === "batch" || runningMean === null || runningVar === null) return norm.forward(x);
    channelView(this, x, numFeatures);
    return scope(() => {
      const along = (t: Tensor): Tensor => alongChannels(t, x.rank);
      const positions = positionAxes(x);
      const isVector = positions.length === 0;
      const centred = sub(x, along(runningMean));
      const distance = isVector ? centred : mean(centred, positions, { keepDims: true });
      const squares = square(distance);
      const own = isVector ? squares : add(variance(x, positions, { keepDims: true }), squares);
      const mixed = add(mul(own, beta), mul(along(runningVar), 1 - beta));
      const spread = sub(mixed, mul(squares, alpha ** 2));
      const nearer = sub(centred, mul(distance, alpha));
      const deviation = sqrt(add(spread, eps));
      const scaled = weight === null ? div(nearer, deviation) : mul(nearer, div(along(weight), deviation));
      return scaledAlongChannels(scaled, null, bias);
    });
  }

  protected override traits(): LayerTraits {
    const { norm, alpha, beta } = this;
    return {
      constructorArguments: [norm, { alpha, beta }],
      isComposedInEvaluation: true,
      ...keepsRank(norm.numFeatures, "second"),
    };
  }

  override toString(): string {
    return `EvalNorm(${this.norm})`;
  }
}
