import { argmax } from "../backend/host-steps.js";
import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { type EvaluateOptions, type Evaluation, evaluate } from "../train/evaluate.js";
import { type Data, labelsOf } from "../train/step.js";

/** What {@link confusionMatrix} finds. */
export interface ConfusionMatrix extends Evaluation {
  /** How many samples of each class (row) were taken for each class (column). Outputs that are not numbers are in no column. */
  readonly counts: readonly (readonly number[])[];
  /** Of the samples of each class, the share recognised; null for a class without samples. */
  readonly recall: readonly (number | null)[];
  /** Of the samples taken for each class, the share that are of it; null for a class nothing was taken for. */
  readonly precision: readonly (number | null)[];
}

/**
 * Which classes a model takes for which, beside its loss and accuracy: one pass in evaluation mode, as by {@link evaluate}.
 *
 * @param data - batches with labels
 * @throws ArgumentError if there are no samples, or targets are not labels
 * @example
 * ```ts
 * const model = new Sequential(new Linear(2, 2, { bias: false }));
 * model.loadStateDict({ "0.weight": tensor([[1, 0], [0, 1]]) });
 * const data = [{ inputs: tensor([[1, 0], [0, 1], [3, 2]]), targets: [0, 1, 1] }];
 * const { counts, recall } = await confusionMatrix(model, data);
 * counts[1]; // [1, 1]
 * recall; // [1, 0.5]
 * ```
 */
export async function confusionMatrix<Target>(
  model: Module,
  data: Data<Target>,
  options: EvaluateOptions<Target> = {},
): Promise<ConfusionMatrix> {
  let counts: number[][] = [];
  let totals: number[] = [];
  const onOutput: EvaluateOptions<Target>["onOutput"] = (output, batch) => {
    const labels = labelsOf(batch.targets);
    if (labels === null) {
      throw new ArgumentError({
        where: "confusionMatrix(model, data)",
        expected: "labels as targets",
        received: "something else",
        cure: "For a regression call regressionErrors(model, data).",
      });
    }
    options.onOutput?.(output, batch);
    const classes = output.length / labels.length;
    if (counts.length === 0) {
      counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
      totals = new Array<number>(classes).fill(0);
    }
    for (let row = 0; row < labels.length; row++) {
      totals[labels[row]]++;
      const predicted = argmax(output, row * classes, classes);
      if (predicted >= 0) counts[labels[row]][predicted]++;
    }
  };
  const evaluation = await evaluate(model, data, { ...options, onOutput });
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  return {
    ...evaluation,
    counts,
    recall: counts.map((row, k) => share(row[k], totals[k])),
    precision: counts.map((row, k) => {
      const taken = counts.reduce((total, other) => total + other[k], 0);
      return share(row[k], taken);
    }),
  };
}
