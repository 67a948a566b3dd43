import type { StatisticsView } from "../backend/backend.js";
import type { Communicator } from "../communicator.js";
import type { Synchronization } from "../ops/synchronize.js";
import { checkCount, formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { warn } from "../warnings.js";
import { checkSeveralValues, RunningNorm, type RunningNormOptions } from "./running-norm.js";

/** Options of {@link BatchNorm}. */
export interface BatchNormOptions extends RunningNormOptions {
  /** Whether there are running statistics; without them the layer uses the batch's own in evaluation too. @defaultValue true */
  readonly trackRunningStats?: boolean;
  /**
   * Whose parts of the batch share mean and variance: synchronised batch norm, for training on several processes. Every rank then has the same
   * running statistics, bit for bit; all must call the layer equally often, also with an empty part. @defaultValue null: this process alone
   */
  readonly sync?: Communicator | null;
}

/** Below this many samples batch statistics are too noisy to train with. */
const fewSamples = 8;

/**
 * Batch normalisation: per channel, over all samples and positions,
 * y = weight · (x − mean) / √(variance + eps) + bias, with the batch's mean and biased variance in training and running averages of
 * them in evaluation, where the layer is a fixed affine map. One class for all ranks: (N, C), (N, C, L), (N, C, H, W),
 * (N, C, D, H, W).
 *
 * A batch whose mean or variance is not finite in any channel leaves the running statistics alone ({@link BatchNorm.skippedBatches}).
 * With fewer than 8 samples the statistics are noisy: a warning names GroupNorm, once per layer.
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
export class BatchNorm extends RunningNorm {
  protected readonly share = "channel";
  /** Whose parts of the batch share mean and variance: see {@link BatchNormOptions.sync}. */
  sync: Communicator | null;
  /** What collectives call the layer: its path in the model, where {@link syncBatchNorm} knew it. */
  #place = "";
  #warnedFewSamples = false;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    const { trackRunningStats = true, sync = null } = options;
    super(checkCount("new BatchNorm(numFeatures)", "numFeatures", numFeatures), { ...options, trackRunningStats });
    this.sync = sync;
  }

  /** @internal Shares statistics from now on. @param place - the layer's path in its model */
  synchronize(communicator: Communicator, place: string): void {
    this.sync = communicator;
    this.#place = place;
  }

  protected override synchronization(): Synchronization | null {
    if (this.sync === null || this.sync.size === 1) return null;
    return { communicator: this.sync, layer: this.#place === "" ? `${this}` : `${this} at ${this.#place}` };
  }

  protected override batchView(channels: StatisticsView): StatisticsView {
    return channels;
  }

  protected override checkBatch(x: Tensor, view: StatisticsView): void {
    checkSeveralValues(this, x, view);
    const { outer } = view;
    if (outer >= fewSamples || outer === 0 || this.#warnedFewSamples) return;
    this.#warnedFewSamples = true;
    warn(
      `${this}.forward(x): batch statistics over ${outer} samples are noisy (shape ${formatShape(x.shape)}). ` +
        `Use batches of ${fewSamples} or more, or GroupNorm, which does not depend on the batch.`,
    );
  }

  override toString(): string {
    return `BatchNorm(${this.numFeatures})`;
  }
}
