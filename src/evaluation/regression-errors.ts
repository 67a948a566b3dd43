import type { TargetScale } from "../data/array-dataset.js";
import type { TensorData } from "../data/dataset.js";
import type { Module } from "../nn/module.js";
import { mse } from "../ops/losses.js";
import { type EvaluateOptions, evaluate } from "../train/evaluate.js";
import type { Data } from "../train/step.js";

/** Options of {@link regressionErrors}. */
export interface RegressionErrorsOptions extends Pick<EvaluateOptions<TensorData>, "signal" | "onOutput"> {
  /** What targets were standardised by: errors are then in their own units. @defaultValue as they are */
  readonly targetScale?: TargetScale | undefined;
}

/** What {@link regressionErrors} finds. */
export interface RegressionErrors {
  /** The mean of (output − target)², in squared units of the targets. */
  readonly mse: number;
  /** The mean of |output − target|, in units of the targets. */
  readonly mae: number;
  /**
   * R² = 1 − Σ(output − target)² / Σ(target − mean)², the mean over several outputs: 1 is perfect, 0 is what the mean
   * itself would reach. Null if the targets of an output are all equal.
   */
  readonly rSquared: number | null;
  /** How many samples there were. */
  readonly samples: number;
}

/** Running sums of one output. */
interface Sums {
  count: number;
  squared: number;
  absolute: number;
  /** The mean of the targets so far, and the sum of their squared distances from it. */
  mean: number;
  spread: number;
}

/**
 * How far a model's outputs are from the target numbers: one pass in evaluation mode, as by {@link evaluate}.
 *
 * @param data - batches whose targets have the outputs' shape (N, outputs)
 * @throws ArgumentError if there are no samples
 * @throws ShapeError if targets and outputs do not fit
 * @example
 * ```ts
 * const model = new Sequential(new Linear(1, 1, { bias: false }));
 * model.loadStateDict({ "0.weight": tensor([[2]]) });
 * const targets = { values: Float32Array.of(2, 4, 9), shape: [3, 1] };
 * const { mse: squared, mae } = await regressionErrors(model, [{ inputs: tensor([[1], [2], [3]]), targets }]);
 * squared; // 3
 * mae; // 1
 * ```
 */
export async function regressionErrors(
  model: Module,
  data: Data<TensorData>,
  options: RegressionErrorsOptions = {},
): Promise<RegressionErrors> {
  const { targetScale, ...rest } = options;
  const outputs: Sums[] = [];
  const { samples } = await evaluate(model, data, {
    ...rest,
    loss: mse,
    onOutput(output, batch, outputShape) {
      options.onOutput?.(output, batch, outputShape);
      const { values, shape } = batch.targets;
      const width = values.length / shape[0];
      for (let i = 0; i < values.length; i++) {
        outputs[i % width] ??= { count: 0, squared: 0, absolute: 0, mean: 0, spread: 0 };
        const deviation = targetScale?.deviation[i % width] ?? 1;
        // The mean is in both, and moves no error.
        add(outputs[i % width], output[i] * deviation, values[i] * deviation);
      }
    },
  });
  const mean = (of: (sums: Sums) => number): number =>
    outputs.reduce((total, sums) => total + of(sums), 0) / outputs.length;
  return {
    mse: mean(({ squared, count }) => squared / count),
    mae: mean(({ absolute, count }) => absolute / count),
    rSquared: outputs.some(({ spread }) => spread === 0) ? null : mean(({ squared, spread }) => 1 - squared / spread),
    samples,
  };
}

/** Welford's update of the targets' mean and spread, beside the sums of errors. */
function add(sums: Sums, output: number, target: number): void {
  sums.count++;
  sums.squared += (output - target) ** 2;
  sums.absolute += Math.abs(output - target);
  const distance = target - sums.mean;
  sums.mean += distance / sums.count;
  sums.spread += distance * (target - sums.mean);
}
