import { noGrad } from "../autograd.js";
import { retryOnce, turnIfDue } from "../collector.js";
import { alone, type Communicator } from "../communicator.js";
import type { Batch } from "../data/dataset.js";
import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { concat } from "../ops/concat.js";
import { slice } from "../ops/slice.js";
import { scope } from "../scope.js";
import { checkCount, type Shape } from "../shape.js";
import { checkTensor, copyOf, type Tensor } from "../tensor.js";
import { evaluating } from "./mode.js";
import { checkBatches, countCorrect, type Data, inputsOf, type Loss, labelsOf, lossFor, targetsOf } from "./step.js";

/** Options of {@link evaluate}. */
export interface EvaluateOptions<Target> {
  /** @defaultValue cross-entropy, for labels */
  readonly loss?: Loss<Target>;
  /** Stops between batches by throwing the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each batch with what the network gave for it, row-major, and its shape. */
  readonly onOutput?: (output: Float32Array, batch: Batch<Target>, shape: Shape) => void;
  /** Measures together with other processes, each on its part of the data: see {@link FitOptions.communicator}. @defaultValue {@link alone} */
  readonly communicator?: Communicator;
}

/** What {@link evaluate} finds. */
export interface Evaluation {
  /** The mean loss, each sample weighing the same. */
  readonly loss: number;
  /** The share of samples (of labels, where a sample has several) whose label has the largest output; null where targets are not labels. */
  readonly accuracy: number | null;
  /** How many samples there were. */
  readonly samples: number;
}

/**
 * Measures a model on data in evaluation mode: norms use their running statistics, dropout is off. A model in training mode is back in it
 * afterwards; one already in evaluation mode is used as it is, with whatever switches were set by hand.
 *
 * @param data - batches; a scope is opened for each
 * @throws ArgumentError if there are no samples
 */
export async function evaluate<Target>(
  model: Module,
  data: Data<Target>,
  { loss, signal, onOutput, communicator = alone }: EvaluateOptions<Target> = {},
): Promise<Evaluation> {
  checkBatches("evaluate(model, data)", data);
  const lossOf = lossFor("evaluate(model, data)", loss);
  let total = 0;
  let correct: number | null = 0;
  let samples = 0;
  // Among ranks the others would wait for a second attempt.
  const attempt = communicator.size === 1 ? retryOnce : <T>(pass: () => T): T => pass();
  await evaluating(model, async () => {
    for await (const batch of data) {
      signal?.throwIfAborted();
      const labels = labelsOf(batch.targets);
      const { value, output, count } = await attempt(() =>
        scope(() =>
          noGrad(() => {
            const inputs = inputsOf(batch);
            const prediction = model.forward(inputs);
            const count = inputs.shape[0];
            // A rank whose part is empty goes through the network all the same, but has no loss.
            const value = count === 0 && communicator.size > 1 ? null : lossOf(prediction, targetsOf(batch));
            return { value, output: prediction, count };
          }),
        ),
      );
      if (value !== null) total += (await value.data())[0] * count;
      const values = labels === null && onOutput === undefined ? null : await output.data();
      correct =
        labels === null || correct === null || values === null
          ? null
          : correct + countCorrect(values, output.shape, labels, count);
      if (values !== null) onOutput?.(values, batch, output.shape);
      samples += count;
      value?.dispose();
      output.dispose();
    }
  });
  const sums = Float64Array.of(total, correct ?? 0, samples);
  communicator.allReduceSum(sums, "evaluation");
  [total, correct, samples] = [sums[0], correct === null ? null : sums[1], sums[2]];
  if (samples === 0) {
    throw new ArgumentError({
      where: "evaluate(model, data)",
      expected: "at least one sample",
      received: "none",
      cure: "Pass data that can be gone through again; a generator is spent after one pass.",
    });
  }
  return { loss: total / samples, accuracy: correct === null ? null : correct / samples, samples };
}

/** Options of {@link predict}. */
export interface PredictOptions {
  /** Samples that go through the network at a time, which bounds memory. @defaultValue 256 */
  readonly batchSize?: number;
}

/**
 * The outputs of a model in evaluation mode, without graph. Modes are treated as by {@link evaluate}. Where memory is refused, it is tried once
 * more after the event loop has turned.
 *
 * @param x - (N, …)
 * @returns (N, …), which belongs to the caller
 */
export async function predict(model: Module, x: Tensor, { batchSize = 256 }: PredictOptions = {}): Promise<Tensor> {
  checkCount("predict(model, x)", "batchSize", batchSize);
  checkTensor("predict(model, x)", x);
  await turnIfDue();
  return retryOnce(() => evaluating(model, () => scope(() => noGrad(() => outputOf(model, x, batchSize)))));
}

function outputOf(model: Module, x: Tensor, batchSize: number): Tensor {
  const [count = 1] = x.shape;
  if (count <= batchSize) {
    const y = model.forward(x);
    return y === x ? copyOf("predict", x) : y;
  }
  const parts: Tensor[] = [];
  for (let start = 0; start < count; start += batchSize) {
    parts.push(scope(() => model.forward(slice(x, start, Math.min(count, start + batchSize)))));
  }
  return concat(parts, 0);
}
