import { alone, type Communicator } from "../communicator.js";
import { recalibrate } from "../graph/statistics/recalibrate.js";
import type { AdaptiveClipOptions } from "../optim/adaptive-clip.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Schedule } from "../optim/schedules.js";
import type { CheckpointOptions } from "./checkpoint/checkpoints.js";
import type { EarlyStoppingOptions } from "./early-stopping.js";
import type { Evaluation } from "./evaluate.js";
import type { NormLag } from "./lag.js";
import type { MetricName } from "./metrics.js";
import type { MovingAverage } from "./moving-average.js";
import type { PlateauLr } from "./plateau-lr.js";
import type { Data, Loss } from "./step.js";

/** What {@link FitOptions.onStep} is given after each step. */
export interface StepReport {
  /** Counted from 0 over the whole run. */
  readonly step: number;
  /** How many steps there will be in all; null where the data's length is not known. */
  readonly steps: number | null;
  /** Counted from 0. */
  readonly epoch: number;
  /** The loss of this batch, before the step. */
  readonly loss: number;
  /** The share of this batch whose label had the largest output; null where targets are not labels. */
  readonly accuracy: number | null;
  /** Samples in this batch. */
  readonly samples: number;
  /** The learning rate of the step. */
  readonly lr: number;
  /** The norm of all gradients together, before clipping. */
  readonly gradientNorm: number;
}

/** What {@link FitOptions.onEpoch} is given after each epoch. */
export interface EpochReport {
  /** Counted from 0. */
  readonly epoch: number;
  /** Steps taken so far, over all epochs. */
  readonly steps: number;
  /** The mean training loss of the epoch, each sample weighing the same. */
  readonly loss: number;
  /** The share of right answers in training; null where targets are not labels. */
  readonly accuracy: number | null;
  /** Samples seen in the epoch. */
  readonly samples: number;
  /** How long it took, without validation. */
  readonly seconds: number;
  /** The scores on the validation data, if there are such. */
  readonly validation?: Evaluation;
}

/** What a callback returns to end the training in order: it is no error, and a checkpoint is saved. */
export type Stop = "stop";

// biome-ignore lint/suspicious/noConfusingVoidType: callbacks that return nothing, as most do, have the type void
type Answer = void | Stop | Promise<void | Stop>;

/** Options of {@link fit}. */
export interface FitOptions<Target> {
  /** How often to go through the data, ≥ 1. */
  readonly epochs: number;
  /** What changes the parameters. */
  readonly optimizer: Optimizer;
  /** @defaultValue cross-entropy, for labels */
  readonly loss?: Loss<Target>;
  /**
   * Sets the optimiser's learning rate before each step: a function of the step, or {@link plateauLr}.
   *
   * @defaultValue its own, unchanged
   */
  readonly schedule?: Schedule | PlateauLr;
  /** Scale gradients down to this joint norm. @defaultValue never */
  readonly clipNorm?: number;
  /**
   * Scale the gradient of each unit down by the norm of its weights ({@link clipGradAdaptively}); not with `clipNorm`.
   *
   * @defaultValue never
   */
  readonly adaptiveClip?: AdaptiveClipOptions;
  /**
   * Stops between steps by throwing the signal's reason, after a checkpoint has been saved; the model is then as after
   * its last step.
   */
  readonly signal?: AbortSignal;
  /**
   * Trains together with other processes, each with its part of every batch (which may be empty): losses are means over
   * all parts and gradients their sums, so that the result is that of one process with the whole batches. Rank 0's
   * parameters are given to all first; reports are of all ranks, and equal on each. Give each rank its part with
   * {@link batches}' `communicator`, and let batch norms share their statistics with {@link syncBatchNorm}. A loss
   * whose mean is not over samples (class weights) weighs each rank's part by its samples.
   *
   * @defaultValue {@link alone}
   */
  readonly communicator?: Communicator;
  /** Called, and awaited, after each step. Returning `"stop"` ends the training there, in the middle of the epoch. */
  readonly onStep?: (report: StepReport) => Answer;
  /** Called, and awaited, after each epoch; the model is in training mode. Returning `"stop"` ends the training. */
  readonly onEpoch?: (report: EpochReport) => Answer;
  /**
   * Measured after each epoch, in evaluation mode, by the same loss: see {@link EpochReport.validation}.
   *
   * @defaultValue none
   */
  readonly validation?: Data<Target>;
  /** What is measured on the validation data besides loss and accuracy. @defaultValue none */
  readonly metrics?: readonly MetricName[];
  /**
   * Ends the training when the validation data no longer get better, and keeps the best weights.
   *
   * @defaultValue never
   */
  readonly earlyStopping?: EarlyStoppingOptions;
  /**
   * Batches whose gradients make one step: the mean over all their samples, as of one batch of them all, in the memory
   * of one. Batch norms still normalise each batch by itself, and a loss that leaves out or weighs labels
   * (`ignoreIndex`, `classWeights`, masks) takes its mean in each batch, which counts by its samples. The steps of an
   * epoch are ⌈batches / accumulate⌉.
   *
   * @defaultValue 1
   */
  readonly accumulate?: number;
  /**
   * Renews the running statistics at the end with so many samples of the data (see {@link recalibrate}, mode "batch":
   * precise batch norm, Wu & Johnson 2021, arXiv:2105.07576 §3.1), those of all ranks together. 1,000 to 10,000 are
   * enough. It takes one more forward pass over them.
   *
   * @defaultValue 0: they stay the moving averages
   */
  readonly recalibrate?: number;
  /**
   * An average of the model's weights, updated after each step; at the end its norms are recalibrated with the data,
   * with as many samples as `recalibrate` says, or all.
   *
   * @defaultValue none
   */
  readonly average?: MovingAverage;
  /** Saves now and then where training stands, and goes on from there. @defaultValue never */
  readonly checkpoint?: CheckpointOptions;
}

/** The best epoch of a training by what was monitored. */
export interface BestEpoch {
  /** Counted from 0. */
  readonly epoch: number;
  /** What was monitored there. */
  readonly value: number;
}

/** What {@link fit} returns. */
export interface FitResult {
  /**
   * One report for each epoch that this call ended; those before a checkpoint that it went on from are not among them.
   */
  readonly epochs: readonly EpochReport[];
  /** Steps taken, those before the checkpoint too. */
  readonly steps: number;
  /**
   * For each norm with running statistics, how far these lie from the statistics of the last batches, of which the last
   * five weigh most; measured before `recalibrate`. Empty where fewer than 10 batches were seen. A warning tells where
   * it is above 0.25 σ and above what the noise of small batches explains.
   */
  readonly lag: readonly NormLag[];
  /** What ended the training before its last epoch; null: nothing did. */
  readonly stopped: "callback" | "earlyStopping" | null;
  /** With `earlyStopping`, the epoch that was best, from 0, and what was monitored there. */
  readonly best: BestEpoch | null;
}
