import type { Ending } from "../../pages/training/training-report.js";
import type { Evaluation } from "../../train/evaluate.js";
import type { EpochReport, StepReport } from "../../train/fit-options.js";
import type { NormLag } from "../../train/lag.js";

/** What is known after an epoch: one line of metrics.jsonl. */
export interface EpochMetrics extends EpochReport {
  /** Where the data have such a part. */
  readonly validation?: Evaluation;
  readonly test: Evaluation;
}

/**
 * Follows a run of `evenkeel train`: its progress on the terminal, its metrics, its report. Each call is awaited, in
 * the listeners' order.
 */
export interface RunListener {
  /** After each step; the model is in training mode. */
  step?(report: StepReport): void | Promise<void>;
  /** After each epoch and its evaluation on the test data; the model is in training mode. */
  epoch?(metrics: EpochMetrics): void | Promise<void>;
  /** After the model is saved, so that nothing that fails here loses it; `lag` is what {@link fit} returned. */
  finish?(lag: readonly NormLag[]): void | Promise<void>;
  /** Instead of `finish`, where the run ended before its last epoch; the model is as after its last step. */
  stop?(ending: Ending): void | Promise<void>;
  /** Last of all, whether the run finished or failed: gives back what it holds. */
  close?(): void;
}
