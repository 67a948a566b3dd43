import type { StatisticsView } from "../../backend/backend.js";
import type { Communicator } from "../../communicator.js";
import { ArgumentError } from "../../errors.js";
import { slice } from "../../ops/slice.js";
import { type Affine, applyStatistics, momentsOf, standardize } from "../../ops/standardize.js";
import { type Stretch, standardizeStretches } from "../../ops/standardize-stretches.js";
import { checkOptions } from "../../options.js";
import { checkCount, formatShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { warn } from "../../warnings.js";
import type { LayerTraits } from "../layer-traits.js";
import { batchMoments, momentsAmongRanks } from "./batch-moments.js";
import { normalizeReal } from "./mask.js";
import type { NormForwardOptions } from "./norm.js";
import { RunningNorm, runningNormNames } from "./running-norm.js";
import { ranksOf, type SynchronizedNorm, type SynchronizedNormOptions } from "./sync-batch-norm.js";
import { channels, channelView, checkSeveralValues } from "./views.js";

/** Options of {@link BatchNorm}. */
export interface BatchNormOptions extends SynchronizedNormOptions {
  /**
   * Whether there are running statistics; without them the layer uses the batch's own in evaluation too.
   *
   * @defaultValue true
   */
  readonly trackRunningStats?: boolean;
  /**
   * Ghost batch norm: in training each stretch of so many samples is normalised by its own statistics, for the noise of
   * small batches at large ones; ≥ 2. The last stretch takes what is left. Running statistics are those of the whole
   * batch, moved once per batch, so that `momentum` means the same for any size (Hoffer, Hubara & Soudry 2017,
   * arXiv:1705.08741, Algorithm 1, move them with each stretch). Not with `sync`.
   * @defaultValue null: the whole batch
   */
  readonly virtualBatchSize?: number | null;
}

/** Below this many samples batch statistics are too noisy to train with. */
const fewSamples = 8;

/**
 * Batch normalisation: per channel, over all samples and positions, y = weight · (x − mean) / √(variance + eps) + bias,
 * with the batch's mean and biased variance in training and running averages of them in evaluation, where the layer is
 * a fixed affine map. One class for all ranks: (N, C), (N, C, L), (N, C, H, W), (N, C, D, H, W).
 *
 * A batch whose mean or variance is not finite in any channel leaves the running statistics alone
 * ({@link BatchNorm.skippedBatches}). With fewer than 8 samples the statistics are noisy: a warning says so once
 * per layer, and names GroupNorm, or the short last batch where earlier ones were larger.
 *
 * Source: Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithms 1 and 2.
 *
 * @example
 * ```ts
 * const norm = new BatchNorm(2);
 * const x = tensor([[1, 10], [3, 30], [5, 50], [7, 70], [1, 10], [3, 30], [5, 50], [7, 70]]);
 * norm.forward(x).mean(0).dataSync(); // Float32Array [0, 0], to rounding
 * norm.eval().forward(x).shape; // [8, 2], by running statistics
 * ```
 */
export class BatchNorm extends RunningNorm implements SynchronizedNorm {
  /** Whose parts of the batch share mean and variance: see {@link SynchronizedNormOptions.sync}. */
  sync: Communicator | null;
  /** Samples that are normalised together in training: see {@link BatchNormOptions.virtualBatchSize}; null: all. */
  readonly virtualBatchSize: number | null;
  #warnedFewSamples = false;
  #hasSeenMany = false;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    const { trackRunningStats = true, virtualBatchSize = null } = options;
    super(checkCount("new BatchNorm(numFeatures)", "numFeatures", numFeatures), { ...options, trackRunningStats });
    checkOptions("new BatchNorm(numFeatures)", options, {
      trackRunningStats: true,
      virtualBatchSize: true,
      sync: true,
      ...runningNormNames,
    });
    this.sync = options.sync ?? null;
    this.virtualBatchSize =
      virtualBatchSize === null
        ? null
        : checkCount("new BatchNorm(numFeatures)", "virtualBatchSize", virtualBatchSize, 2);
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    return normalizeReal(this, x, options, (real, mask, activation) => {
      const { running, virtualBatchSize, training } = this;
      const view = channelView(this, real, this.numFeatures);
      const affine = this.affine(activation);
      const ranks = ranksOf(this);
      const takesMoments = running.takesMoments && (real.size > 0 || ranks !== null);
      let moments: Tensor | null = null;
      let y: Tensor;
      if (running.normalizeWith === "running") {
        const { mean, variance } = running.use();
        y = applyStatistics(real, mean, variance, view, affine);
        if (takesMoments) moments = momentsAmongRanks(real, view, mask, ranks);
      } else {
        if (ranks === null) this.#checkBatch(real, view);
        if (virtualBatchSize === null || !training || view.outer <= virtualBatchSize) {
          moments = batchMoments(this, real, view, mask, channels, ranks);
          y = standardize(real, moments, view, affine, ranks);
        } else {
          if (ranks !== null) throw this.#ghostsOfRanks();
          y = this.#standardizeStretches(real, view, mask, affine, virtualBatchSize);
          moments = momentsOf(real, view, mask);
        }
      }
      if (takesMoments && moments !== null) running.take(moments, mask !== null);
      moments?.dispose();
      return y;
    });
  }

  /** Ghost batch norm: each stretch of samples by its own statistics. */
  #standardizeStretches(x: Tensor, view: StatisticsView, mask: Tensor | null, affine: Affine, size: number): Tensor {
    return standardizeStretches(x, stretches(view, size), view, affine, (part, own, [start, end]) => {
      const ownMask = mask === null || mask.shape[0] === 1 ? mask : slice(mask, start, end);
      return batchMoments(this, part, own, ownMask, channels);
    });
  }

  #ghostsOfRanks(): ArgumentError {
    return new ArgumentError({
      where: `${this}.forward(x)`,
      expected: "either virtualBatchSize or sync",
      received: "both",
      cure: "Build the layer without one of them.",
    });
  }

  #checkBatch(x: Tensor, view: StatisticsView): void {
    checkSeveralValues(this, x, view);
    const { outer } = view;
    if (outer >= fewSamples) this.#hasSeenMany = true;
    if (outer >= fewSamples || outer === 0 || this.#warnedFewSamples) return;
    this.#warnedFewSamples = true;
    warn(
      `${this}.forward(x): batch statistics over ${outer} samples are noisy (shape ${formatShape(x.shape)}). ` +
        (this.#hasSeenMany
          ? 'Earlier batches were larger: leave a short last one out by batches(data, { last: "drop" }), or choose a ' +
            "batch size that leaves none."
          : `Use batches of ${fewSamples} or more, or GroupNorm, which does not depend on the batch.`),
    );
  }

  protected override traits(): LayerTraits {
    const { virtualBatchSize } = this;
    return this.runningTraits({ trackRunningStats: this.runningMean !== null, virtualBatchSize });
  }

  override toString(): string {
    return `BatchNorm(${this.numFeatures})`;
  }
}

/**
 * Samples of each stretch of `size`; a last one of a single value per channel, which has no variance, joins the one
 * before it.
 */
function stretches({ outer, inner }: StatisticsView, size: number): Stretch[] {
  const count = (outer % size) * inner === 1 ? Math.floor(outer / size) : Math.ceil(outer / size);
  return Array.from({ length: count }, (_, k) => [k * size, k === count - 1 ? outer : (k + 1) * size]);
}
