import { applyStatistics, momentsOf, standardize } from "../../ops/standardize.js";
import { checkOptions } from "../../options.js";
import { checkCount } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { batchMoments } from "./batch-moments.js";
import { normalizeReal } from "./mask.js";
import type { NormForwardOptions } from "./norm.js";
import { RunningNorm, type RunningNormOptions, runningNormNames } from "./running-norm.js";
import { channelView, checkSeveralPositions, sampleChannels, sampleChannelView } from "./views.js";

/** Options of {@link InstanceNorm}. */
export interface InstanceNormOptions extends RunningNormOptions {
  /**
   * Whether there are running statistics, the averages over samples of their means and variances, which evaluation then
   * uses.
   * @defaultValue false
   */
  readonly trackRunningStats?: boolean;
}

/**
 * Instance normalisation: per sample and channel, over its positions, y = weight · (x − mean) / √(variance + eps) +
 * bias, with one weight and bias per channel (PyTorch's has none unless asked). It takes the contrast out of each image
 * by itself: for style transfer and image generation. The same in evaluation as in training unless there are running
 * statistics. x is (N, C, …) of rank 3 to 5, with 2 positions or more.
 *
 * Source: Ulyanov, Vedaldi & Lempitsky 2016 (arXiv:1607.08022).
 *
 * @example
 * ```ts
 * const norm = new InstanceNorm(1, { eps: 0 });
 * const x = tensor([[[1, 3]], [[10, 30]]]); // two samples of one channel
 * norm.forward(x).dataSync(); // Float32Array [-1, 1, -1, 1]
 * ```
 */
export class InstanceNorm extends RunningNorm {
  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, options: InstanceNormOptions = {}) {
    const { trackRunningStats = false } = options;
    super(checkCount("new InstanceNorm(numFeatures)", "numFeatures", numFeatures), { ...options, trackRunningStats });
    checkOptions("new InstanceNorm(numFeatures)", options, {
      trackRunningStats: true,
      ...runningNormNames,
    });
  }

  /** @internal Arguments in files of 0.1.0, which had no warm-up. */
  static override storedArguments([numFeatures, options, ...rest]: readonly unknown[]): unknown[] {
    return [
      numFeatures,
      typeof (options ?? {}) === "object" ? { warmUp: false, ...(options as object) } : options,
      ...rest,
    ];
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    return normalizeReal(this, x, options, (real, mask, activation) => {
      const { running, numFeatures } = this;
      const view = channelView(this, real, numFeatures);
      const ownView = sampleChannelView(view);
      const affine = this.affine(activation);
      const takesMoments = running.takesMoments && real.size > 0;
      let moments: Tensor | null = null;
      let y: Tensor;
      if (running.normalizeWith === "running") {
        const { mean, variance } = running.use();
        y = applyStatistics(real, mean, variance, view, affine);
        if (takesMoments) moments = momentsOf(real, ownView, mask);
      } else {
        checkSeveralPositions(this, real, view, "LayerNorm or GroupNorm");
        moments = batchMoments(this, real, ownView, mask, sampleChannels(numFeatures));
        y = standardize(real, moments, ownView, affine);
      }
      if (takesMoments && moments !== null) running.take(moments, mask !== null);
      moments?.dispose();
      return y;
    });
  }

  protected override traits(): LayerTraits {
    return this.runningTraits({ trackRunningStats: this.runningMean !== null });
  }

  override toString(): string {
    return `InstanceNorm(${this.numFeatures})`;
  }
}
