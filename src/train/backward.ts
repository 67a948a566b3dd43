import type { Communicator } from "../communicator.js";
import type { Batch } from "../data/dataset.js";
import type { GradientExchange, Part } from "../distributed/ranks.js";
import type { Module } from "../nn/module.js";
import { withSamplesBefore } from "../random.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import type { Retry } from "./retry.js";
import { addRight, countRightAnswers, type RightAnswers, type RightCounts, readRightAnswers } from "./right-answers.js";
import { forwardOf, inputsOf, type Loss, labelsOf, targetsOf } from "./step.js";

/** What a pass forward and back needs besides the model and the batch. */
export interface PassSettings<Target> {
  readonly lossOf: Loss<Target>;
  /** Of each batch of a group, this rank's samples among those of all. */
  readonly parts: readonly Part[];
  readonly communicator: Communicator;
  /** For memory that is refused to a process that is alone: among ranks the others would wait for it. */
  readonly retry: Retry;
}

/** What a pass gave, still with the backend. */
export interface Pass {
  readonly loss: Tensor;
  /** Null where targets are not labels. */
  readonly right: RightAnswers | null;
  readonly samples: number;
}

/** The numbers of a pass, or of all passes of a step. */
export interface PassNumbers {
  /** The mean over all samples. */
  readonly loss: number;
  /** Null where targets are not labels. */
  readonly right: RightCounts | null;
  readonly samples: number;
}

/** Asks for the numbers of a pass; the backend's memory is let go. */
export async function readPass({ loss, right, samples }: Pass): Promise<PassNumbers> {
  const coming = [loss.data(), right === null ? null : readRightAnswers(right)] as const;
  loss.dispose();
  const [[value], counts] = await Promise.all(coming);
  return { loss: value, right: counts, samples };
}

/** The numbers of a group of batches from those of each. @param total - its samples, on all ranks */
export function numbersOfGroup(numbers: readonly PassNumbers[], total: number): PassNumbers {
  const sums = { loss: 0, right: { correct: 0, labels: 0 } as RightCounts | null, samples: 0 };
  for (const { loss, right, samples } of numbers) {
    // Alone as it is: a product with the samples and back may be another number.
    sums.loss += numbers.length === 1 ? loss : (loss * samples) / total;
    sums.right = addRight(sums.right, right);
    sums.samples += samples;
  }
  return sums;
}

/** Adds the gradients of the mean loss or, in a group with `total` samples, of its share in that of the group. */
export async function backward<Target>(
  model: Module,
  batch: Batch<Target>,
  { lossOf, retry }: PassSettings<Target>,
  place: number,
  total: number | null,
): Promise<Pass> {
  const labels = labelsOf(batch.targets);
  const pass = (): Pass =>
    scope(() => {
      const inputs = inputsOf(batch);
      const prediction = forwardOf(model, batch, inputs);
      const mean = lossOf(prediction, targetsOf(batch));
      const [samples] = inputs.shape;
      if (total === null) mean.backward();
      else mean.backward(Float32Array.of(samples / total));
      const right = labels === null ? null : countRightAnswers(prediction, labels);
      return { loss: mean.detach(), right, samples };
    });
  // A second attempt begins without gradients: those of the batches before would be lost.
  return place === 0 ? await retry.run(pass) : pass();
}

/** This rank's part of the gradients of the mean loss over all ranks, summed with those of the others. */
export async function backwardOnRanks<Target>(
  model: Module,
  batch: Batch<Target>,
  { lossOf, communicator, parts }: PassSettings<Target>,
  exchange: GradientExchange,
  place: number,
  total: number,
): Promise<PassNumbers> {
  const labels = labelsOf(batch.targets);
  const part = parts[place];
  // Gradients travel with the last batch of a group, and are the sums over all of it.
  const isLast = place === parts.length - 1;
  const onGradient = isLast ? { onGradient: exchange.ready } : {};
  if (isLast) exchange.start();
  const pass = scope((): Pass | null => {
    const inputs = inputsOf(batch);
    const count = inputs.shape[0];
    const prediction = withSamplesBefore(part.before, () => forwardOf(model, batch, inputs));
    // An empty part takes part in every collective of the backward pass.
    if (count === 0) {
      prediction.backward(new Float32Array(prediction.size), onGradient);
      return null;
    }
    const mean = lossOf(prediction, targetsOf(batch));
    mean.backward(Float32Array.of(count / total), onGradient);
    const right = labels === null ? null : countRightAnswers(prediction, labels);
    return { loss: mean.detach(), right, samples: count };
  });
  if (isLast) exchange.sendRest();
  const { loss, right, samples } = pass === null ? { loss: 0, right: null, samples: 0 } : await readPass(pass);
  const sums = Float64Array.of(loss * samples, right?.correct ?? 0, right?.labels ?? 0, samples);
  const metrics = communicator.beginAllReduceSum(sums, "metrics of the step");
  if (isLast) exchange.finish();
  metrics.finish();
  const all = labels === null ? null : { correct: sums[1], labels: sums[2] };
  return { loss: sums[0] / sums[3], right: all, samples: sums[3] };
}
