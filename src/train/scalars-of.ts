import type { Evaluation } from "./evaluate.js";
import type { EpochReport, StepReport } from "./fit-options.js";

/** Numbers by name, as loggers take them. */
export type Scalars = Readonly<Record<string, number | null>>;

/**
 * The numbers of a step, for TensorBoard, wandb and the like: `train/loss`, `train/accuracy`, `train/gradient_norm`,
 * `lr`. Null is what a step does not have, such as the accuracy of a regression.
 *
 * @example
 * ```ts
 * const report = { step: 0, steps: 10, epoch: 0, lr: 0.1, loss: 2, accuracy: 0.5, samples: 8, gradientNorm: 3 };
 * stepScalars(report)["train/loss"]; // 2
 * ```
 */
export function stepScalars({ loss, accuracy, gradientNorm, lr }: StepReport): Scalars {
  return { "train/loss": loss, "train/accuracy": accuracy, "train/gradient_norm": gradientNorm, lr };
}

/**
 * The numbers of an epoch: `epoch/loss`, `epoch/accuracy`, and `validation/…` of each score where there are validation
 * data.
 *
 * @example
 * ```ts
 * const data = [{ inputs: ones([4, 2]), targets: new Int32Array([0, 1, 0, 1]) }];
 * const model = new Linear(2, 2);
 * const optimizer = new Sgd(model.parameters(), { lr: 0.1 });
 * let names: string[] = [];
 * const onEpoch = (report: EpochReport) => {
 *   names = Object.keys(epochScalars(report));
 * };
 * await fit(model, data, { epochs: 1, optimizer, onEpoch });
 * names; // ["epoch/loss", "epoch/accuracy"]
 * ```
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
