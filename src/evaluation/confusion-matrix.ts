import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { type EvaluateOptions, type Evaluation, evaluate } from "../train/evaluate.js";
import { classLayout, type Data, labelsOf, predictedClass } from "../train/step.js";

/** What {@link confusionMatrix} finds. */
export interface ConfusionMatrix extends Evaluation {
  /**
   * How many samples of each class (row) were taken for each class (column). Outputs that are not numbers are in no
   * column.
   */
  readonly counts: readonly (readonly number[])[];
  /** Of the samples of each class, the share recognised; null for a class without samples. */
  readonly recall: readonly (number | null)[];
  /** Of the samples taken for each class, the share that are of it; null for a class nothing was taken for. */
  readonly precision: readonly (number | null)[];
  /**
   * For each class the harmonic mean of precision and recall, 2tp / (2tp + fp + fn); null for a class that is nowhere
   * and never predicted.
   */
  readonly f1: readonly (number | null)[];
  /** For each class the intersection over union (Jaccard index), tp / (tp + fp + fn); null as for `f1`. */
  readonly iou: readonly (number | null)[];
}

/**
 * Which classes a model takes for which, beside its loss and accuracy: one pass in evaluation mode, as by
 * {@link evaluate}.
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
  const onOutput: EvaluateOptions<Target>["onOutput"] = (output, batch, shape) => {
    const labels = labelsOf(batch.targets);
    if (labels === null) {
      throw new ArgumentError({
        where: "confusionMatrix(model, data)",
        expected: "labels as targets",
        received: "something else",
        cure: "For a regression call regressionErrors(model, data).",
      });
    }
    options.onOutput?.(output, batch, shape);
    const layout = classLayout(shape, labels.length);
    const { classes } = layout;
    if (counts.length === 0) {
      counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
      totals = new Array<number>(classes).fill(0);
    }
    for (let row = 0; row < labels.length; row++) {
      // What is no class, as −100, does not count.
      if (!(labels[row] >= 0 && labels[row] < classes)) continue;
      totals[labels[row]]++;
      const predicted = predictedClass(output, layout, row);
      if (predicted >= 0) counts[labels[row]][predicted]++;
    }
  };
  const evaluation = await evaluate(model, data, { ...options, onOutput });
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  const taken = counts.map((_, k) => counts.reduce((total, row) => total + row[k], 0));
  return {
    ...evaluation,
    counts,
    recall: counts.map((row, k) => share(row[k], totals[k])),
    precision: counts.map((row, k) => share(row[k], taken[k])),
    f1: counts.map((row, k) => share(2 * row[k], totals[k] + taken[k])),
    iou: counts.map((row, k) => share(row[k], totals[k] + taken[k] - row[k])),
  };
}
