import { noGrad } from "../autograd.js";
import { retryOnce, turnIfDue } from "../collector.js";
import { alone, type Communicator } from "../communicator.js";
import type { Batch } from "../data/dataset.js";
import { ArgumentError } from "../errors.js";
import { warnIfFresh } from "../graph/statistics/fresh-statistics.js";
import type { Module } from "../nn/module.js";
import { concat } from "../ops/concat.js";
import { slice } from "../ops/slice.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import { checkCount, type Shape } from "../shape.js";
import { checkTensor, Tensor } from "../tensor.js";
import { copyOf } from "../tensor-copies.js";
import { MetricCounts, type MetricName, type Metrics } from "./metrics.js";
import { evaluating } from "./mode.js";
import {
  accuracyOf,
  addRight,
  countRightAnswers,
  type RightAnswers,
  type RightCounts,
  readRightAnswers,
} from "./right-answers.js";
import { checkBatches, type Data, forwardOf, inputsOf, type Loss, labelsOf, lossFor, targetsOf } from "./step.js";
import { Trail } from "./trail.js";

/** Options of {@link evaluate}. */
export interface EvaluateOptions<Target> {
  /** @defaultValue cross-entropy, for labels */
  readonly loss?: Loss<Target>;
  /** Stops between batches by throwing the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each batch with what the network gave for it, row-major, and its shape. */
  readonly onOutput?: (output: Float32Array, batch: Batch<Target>, shape: Shape) => void;
  /**
   * Measures together with other processes, each on its part of the data: see {@link FitOptions.communicator}.
   *
   * @defaultValue {@link alone}
   */
  readonly communicator?: Communicator;
  /** What to measure besides, where targets are labels, or 0 and 1 for each output. @defaultValue none */
  readonly metrics?: readonly MetricName[];
}

/** What {@link evaluate} finds. */
export interface Evaluation {
  /** The mean loss, each sample weighing the same. */
  readonly loss: number;
  /**
   * The share of samples (of labels, where a sample has several) whose label has the largest output; null where targets
   * are not labels.
   */
  readonly accuracy: number | null;
  /** How many samples there were. */
  readonly samples: number;
  /** Those that were asked for. */
  readonly metrics?: Metrics;
}

/**
 * Measures a model on data in evaluation mode: norms use their running statistics, dropout is off. A model in training
 * mode is back in it afterwards; one already in evaluation mode is used as it is, with whatever switches were set by
 * hand. Warns, once for each norm, of running statistics that were never updated: training, `loadStateDict` and
 * {@link recalibrate} set them.
 *
 * @param data - batches; a scope is opened for each
 * @throws ArgumentError if there are no samples
 */
export async function evaluate<Target>(
  model: Module,
  data: Data<Target>,
  options: EvaluateOptions<Target> = {},
): Promise<Evaluation> {
  checkOptions("evaluate(model, data)", options, {
    loss: true,
    signal: true,
    onOutput: true,
    communicator: true,
    metrics: true,
  });
  const evaluation = await measure(model, data, options);
  await warnIfFresh("evaluate(model, data)", model);
  return evaluation;
}

/** As {@link evaluate}, without its warning. */
export async function measure<Target>(
  model: Module,
  data: Data<Target>,
  { loss, signal, onOutput, communicator = alone, metrics }: EvaluateOptions<Target> = {},
): Promise<Evaluation> {
  checkBatches("evaluate(model, data)", data);
  const lossOf = lossFor("evaluate(model, data)", loss);
  const measured = metrics === undefined ? null : new MetricCounts("evaluate(model, data)", metrics);
  let total = 0;
  let right: RightCounts | null = { correct: 0, labels: 0 };
  let samples = 0;
  // Among ranks the others would wait for a second attempt.
  const attempt = communicator.size === 1 ? retryOnce : <T>(pass: () => T): T => pass();
  const trail = new Trail<BatchScores<Target>>(({ batch, loss, right: own, output, truth, count }) => {
    if (loss !== null) total += loss * count;
    right = addRight(right, own);
    if (output !== null) onOutput?.(output.values, batch, output.shape);
    if (output !== null && truth !== null) measured?.add(output.values, output.shape, truth.values, truth.areLabels);
    samples += count;
  });
  await evaluating(model, async () => {
    for await (const batch of data) {
      signal?.throwIfAborted();
      const labels = labelsOf(batch.targets);
      const found = await attempt(() =>
        scope(() =>
          noGrad(() => {
            const inputs = inputsOf(batch);
            const prediction = forwardOf(model, batch, inputs);
            const count = inputs.shape[0];
            // A rank whose part is empty goes through the network all the same, but has no loss.
            const value = count === 0 && communicator.size > 1 ? null : lossOf(prediction, targetsOf(batch));
            const right = labels === null ? null : countRightAnswers(prediction, labels);
            return {
              value,
              right,
              output: onOutput === undefined && measured === null ? null : prediction,
              count,
              backend: prediction.backend,
            };
          }),
        ),
      );
      await trail.add(scoresOf(batch, found, measured !== null), !found.backend.answersAtOnce);
    }
    await trail.drain();
  });
  const counts: RightCounts | null = right;
  const sums = Float64Array.of(total, samples, counts?.correct ?? 0, counts?.labels ?? 0);
  communicator.allReduceSum(sums, "evaluation");
  [total, samples] = sums;
  right = counts === null ? null : { correct: sums[2], labels: sums[3] };
  if (samples === 0) {
    throw new ArgumentError({
      where: "evaluate(model, data)",
      expected: "at least one sample",
      received: "none",
      cure: "Pass data that can be gone through again; a generator is spent after one pass.",
    });
  }
  const found = { loss: total / samples, accuracy: accuracyOf(right), samples };
  return measured === null ? found : { ...found, metrics: measured.read(communicator) };
}

/** Labels, or the values of other targets. @throws ArgumentError if there are none */
async function valuesOf(targets: unknown): Promise<ArrayLike<number>> {
  const labels = labelsOf(targets);
  if (labels !== null) return labels;
  if (targets instanceof Tensor) return targets.data();
  if (typeof targets === "object" && targets !== null && "values" in targets) return targets.values as Float32Array;
  throw new ArgumentError({
    where: "evaluate(model, data, { metrics })",
    expected: "labels, or a tensor of targets",
    received: typeof targets,
    cure: "Leave the metrics out.",
  });
}

/** What evaluating a batch gives. */
interface BatchScores<Target> {
  readonly batch: Batch<Target>;
  /** Null where there are no samples. */
  readonly loss: number | null;
  readonly right: RightCounts | null;
  readonly output: { readonly values: Float32Array; readonly shape: Shape } | null;
  /** What the outputs should be, for metrics; null where there are none. */
  readonly truth: { readonly values: ArrayLike<number>; readonly areLabels: boolean } | null;
  readonly count: number;
}

/** Asks for all numbers of a batch at once, and lets the backend's memory go. */
async function scoresOf<Target>(
  batch: Batch<Target>,
  found: {
    readonly value: Tensor | null;
    readonly right: RightAnswers | null;
    readonly output: Tensor | null;
    readonly count: number;
  },
  isMeasured: boolean,
): Promise<BatchScores<Target>> {
  const { value, right, output, count } = found;
  const coming = [
    value?.data() ?? null,
    right === null ? null : readRightAnswers(right),
    output?.data() ?? null,
    isMeasured ? valuesOf(batch.targets) : null,
  ] as const;
  const shape = output?.shape ?? [];
  value?.dispose();
  output?.dispose();
  const [losses, counts, values, truth] = await Promise.all(coming);
  const areLabels = labelsOf(batch.targets) !== null;
  return {
    batch,
    loss: losses === null ? null : losses[0],
    right: counts,
    output: values === null ? null : { values, shape },
    truth: truth === null ? null : { values: truth, areLabels },
    count,
  };
}

/** Options of {@link predict}. */
export interface PredictOptions {
  /** Samples that go through the network at a time, which bounds memory. @defaultValue 256 */
  readonly batchSize?: number;
}

/**
 * The outputs of a model in evaluation mode, without graph. Modes are treated, and running statistics that were never
 * updated are reported, as by {@link evaluate}. Where memory is refused, it is tried once more after the event loop has
 * turned.
 *
 * @param x - (N, …)
 * @returns (N, …), which belongs to the caller
 */
export async function predict(model: Module, x: Tensor, options: PredictOptions = {}): Promise<Tensor> {
  checkOptions("predict(model, x)", options, { batchSize: true });
  const { batchSize = 256 } = options;
  checkCount("predict(model, x)", "batchSize", batchSize);
  checkTensor("predict(model, x)", x);
  await turnIfDue();
  await warnIfFresh("predict(model, x)", model);
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
