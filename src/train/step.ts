import { tensor } from "../create.js";
import type { Batch, TensorData } from "../data/dataset.js";
import { ArgumentError } from "../errors.js";
import { crossEntropy } from "../ops/cross-entropy.js";
import { Tensor } from "../tensor.js";

/** What a loss function is given for targets of this kind: data from the host arrive as a tensor. */
export type LossTarget<Target> = Target extends TensorData ? Tensor : Target;

/** A scalar to be made small, from the network's output and the targets; {@link crossEntropy} and {@link mse} are such. */
export type Loss<Target> = (output: Tensor, targets: LossTarget<Target>) => Tensor;

/** Batches, gone through once for each epoch; `length` where their number is known. */
export type Data<Target> = (Iterable<Batch<Target>> | AsyncIterable<Batch<Target>>) & {
  /** Batches in a pass. */
  readonly length?: number;
};

function isTensorData(value: unknown): value is TensorData {
  return typeof value === "object" && value !== null && "values" in value && "shape" in value;
}

/** The inputs as a tensor, made here if they are data of the host. */
export function inputsOf({ inputs }: Batch<unknown>): Tensor {
  return inputs instanceof Tensor ? inputs : tensor(inputs.values, inputs.shape);
}

/** The targets as the loss takes them. */
export function targetsOf<Target>({ targets }: Batch<Target>): LossTarget<Target> {
  return (isTensorData(targets) ? tensor(targets.values, targets.shape) : targets) as LossTarget<Target>;
}

/** Class numbers, if that is what the targets are. */
export function labelsOf(targets: unknown): ArrayLike<number> | null {
  if (targets instanceof Int32Array || targets instanceof Uint8Array) return targets;
  return Array.isArray(targets) && targets.every((label) => Number.isInteger(label)) ? targets : null;
}

/** The given loss, or cross-entropy where the targets are labels. @throws ArgumentError if they are not */
export function lossFor<Target>(where: string, loss: Loss<Target> | undefined): Loss<Target> {
  if (loss !== undefined) return loss;
  return (output, targets) => {
    const labels = labelsOf(targets);
    if (labels !== null) return crossEntropy(output, Int32Array.from(labels));
    throw new ArgumentError({
      where,
      expected: "a loss for targets that are not labels",
      received: "none",
      cure: "Pass { loss: mse }, or another function of output and targets.",
    });
  };
}

/**
 * How many of `samples` are right: those whose logits are largest at their label or, where a sample has several labels (a sequence of
 * them), the share of its labels for which that holds.
 */
export function countCorrect(logits: Float32Array, labels: ArrayLike<number>, samples: number): number {
  const classes = logits.length / labels.length;
  let correct = 0;
  for (let row = 0; row < labels.length; row++) {
    if (argmax(logits, row * classes, classes) === labels[row]) correct++;
  }
  return labels.length === 0 ? 0 : (correct * samples) / labels.length;
}

/** Where the largest of `count` values from `start` on stands, counted from `start`; the first of equal ones, −1 if one is NaN. */
export function argmax(values: Float32Array, start: number, count: number): number {
  let best = 0;
  for (let k = 0; k < count; k++) {
    if (Number.isNaN(values[start + k])) return -1;
    if (values[start + k] > values[start + best]) best = k;
  }
  return best;
}
