import type { Evaluation } from "./evaluate.js";
import type { EpochReport, StepReport } from "./fit-options.js";

/** Numbers by name, as loggers take them. */
export type Scalars = Readonly<Record<string, number | null>>;

/**
 * The numbers of a step, for TensorBoard, wandb and the like: `train/loss`, `train/accuracy`, `train/gradient_norm`,
 * `lr`.
 */
export function stepScalars({ loss, accuracy, gradientNorm, lr }: StepReport): Scalars {
  return { "train/loss": loss, "train/accuracy": accuracy, "train/gradient_norm": gradientNorm, lr };
}

/**
 * The numbers of an epoch: `epoch/loss`, `epoch/accuracy`, and `validation/…` of each score where there are validation
 * data.
 */
export function epochScalars({ loss, accuracy, validation }: EpochReport): Scalars {
  const own = { "epoch/loss": loss, "epoch/accuracy": accuracy };
  return validation === undefined ? own : { ...own, ...evaluationScalars("validation", validation) };
}

/** The scores of an evaluation: `NAME/loss`, `NAME/accuracy`, `NAME/f1`, … */
export function evaluationScalars(name: string, { loss, accuracy, metrics = {} }: Evaluation): Scalars {
  const scores = Object.entries({ loss, accuracy, ...metrics });
  return Object.fromEntries(scores.map(([score, value]) => [`${name}/${score}`, value]));
}
