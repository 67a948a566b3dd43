import type { Communicator } from "../communicator.js";
import type { Batch } from "../data/dataset.js";
import type { GradientExchange, Part } from "../distributed/ranks.js";
import { ArgumentError, DivergedError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { withSamplesBefore } from "../random.js";
import { scope } from "../scope.js";
import { type AdaptiveClipOptions, clipGradAdaptively } from "./adaptive-clip.js";
import { findNonFinite } from "./divergence.js";
import { clipGradNorm } from "./gradients.js";
import type { Optimizer } from "./optimizer.js";
import type { Retry } from "./retry.js";
import { countCorrect, inputsOf, type Loss, labelsOf, targetsOf } from "./step.js";

/** What a step needs besides the model and the batch. */
interface StepSettings<Target> {
  readonly lossOf: Loss<Target>;
  readonly optimizer: Optimizer;
  readonly clipNorm: number;
  readonly adaptiveClip: AdaptiveClipOptions | null;
  /** Counted from 0. */
  readonly step: number;
  /** Of each batch, this rank's samples among those of all. */
  readonly parts: readonly Part[];
  readonly communicator: Communicator;
  /** For memory that is refused to a process that is alone: among ranks the others would wait for it. */
  readonly retry: Retry;
  /** Sums gradients over ranks; null: this process is alone. */
  readonly exchange: GradientExchange | null;
}

/** What a step was like, over all ranks. */
export interface StepResult {
  /** The mean over all samples. */
  readonly loss: number;
  /** Right answers; null where targets are not labels. */
  readonly correct: number | null;
  readonly samples: number;
  /** Before clipping. */
  readonly gradientNorm: number;
}

const largestStep = 1e30;

/**
 * One step: gradients of the mean loss over all samples of a group of batches, one after another; their check, and the optimiser.
 *
 * @throws DivergedError if they are not finite; the parameters are as before
 * @throws ArgumentError if the optimiser has none of them
 */
export async function trainStep<Target>(
  model: Module,
  group: readonly Batch<Target>[],
  settings: StepSettings<Target>,
): Promise<StepResult> {
  const { optimizer, clipNorm, step, exchange, parts } = settings;
  const total = parts.reduce((sum, part) => sum + part.total, 0);
  const sums = { loss: 0, correct: 0 as number | null, samples: 0 };
  for (const [k, batch] of group.entries()) {
    const { loss, correct, samples } = await (exchange === null
      ? backward(model, batch, settings, k, group.length === 1 ? null : total)
      : backwardOnRanks(model, batch, settings, exchange, k, total));
    // Alone as it is: a product with the samples and back may be another number.
    sums.loss += group.length === 1 ? loss : (loss * samples) / total;
    sums.correct = correct === null || sums.correct === null ? null : sums.correct + correct;
    sums.samples += samples;
  }
  const { loss, correct, samples } = sums;
  if (exchange === null && optimizer.parameters.every(({ grad }) => grad === null)) {
    throw new ArgumentError({
      where: `fit(model, data, { optimizer }), step ${step}`,
      expected: "an optimiser of parameters on which the loss depends",
      received: `${optimizer.parameters.length} parameters without a gradient`,
      cure: "Make it anew with model.parameters() of this very model.",
    });
  }
  const gradientNorm = await clipGradNorm(optimizer.parameters, Number.POSITIVE_INFINITY);
  // A step beyond this could overflow float32 and leave parameters that are not finite.
  const clipped = Math.min(gradientNorm, clipNorm);
  const tooFar = optimizer.lr * Math.max(1, clipped) > largestStep || clipped > optimizer.largestGradient;
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm) || tooFar) {
    optimizer.zeroGrad();
    throw await diverged(model, group, step, loss, gradientNorm, optimizer.lr);
  }
  if (settings.adaptiveClip !== null) clipGradAdaptively(optimizer.parameters, settings.adaptiveClip);
  // Clipped in the pass of the step itself.
  optimizer.step({ gradientScale: gradientNorm > clipNorm ? clipNorm / gradientNorm : 1 });
  optimizer.zeroGrad();
  return { loss, correct, samples, gradientNorm };
}

type Backward = Omit<StepResult, "gradientNorm">;

/** Adds the gradients of the mean loss or, in a group with `total` samples, of its share in that of the group. */
async function backward<Target>(
  model: Module,
  batch: Batch<Target>,
  { lossOf, retry }: StepSettings<Target>,
  place: number,
  total: number | null,
): Promise<Backward> {
  const labels = labelsOf(batch.targets);
  const pass = () =>
    scope(() => {
      const inputs = inputsOf(batch);
      const prediction = model.forward(inputs);
      const mean = lossOf(prediction, targetsOf(batch));
      const [samples] = inputs.shape;
      if (total === null) mean.backward();
      else mean.backward(Float32Array.of(samples / total));
      return { loss: mean.detach(), output: labels === null ? null : prediction.detach(), samples };
    });
  // A second attempt begins without gradients: those of the batches before would be lost.
  const { loss, output, samples } = place === 0 ? await retry.run(pass) : pass();
  const [value] = await loss.data();
  const correct =
    labels === null || output === null ? null : countCorrect(await output.data(), output.shape, labels, samples);
  loss.dispose();
  output?.dispose();
  return { loss: value, correct, samples };
}

/** This rank's part of the gradients of the mean loss over all ranks, summed with those of the others. */
async function backwardOnRanks<Target>(
  model: Module,
  batch: Batch<Target>,
  { lossOf, communicator, parts }: StepSettings<Target>,
  exchange: GradientExchange,
  place: number,
  total: number,
): Promise<Backward> {
  const labels = labelsOf(batch.targets);
  const part = parts[place];
  // Gradients travel with the last batch of a group, and are the sums over all of it.
  const isLast = place === parts.length - 1;
  const onGradient = isLast ? { onGradient: exchange.ready } : {};
  if (isLast) exchange.start();
  const { loss, output, samples } = scope(() => {
    const inputs = inputsOf(batch);
    const count = inputs.shape[0];
    const prediction = withSamplesBefore(part.before, () => model.forward(inputs));
    const outputs = labels === null ? null : prediction.detach();
    // An empty part takes part in every collective of the backward pass.
    if (count === 0) {
      prediction.backward(new Float32Array(prediction.size), onGradient);
      return { loss: null, output: outputs, samples: 0 };
    }
    const mean = lossOf(prediction, targetsOf(batch));
    mean.backward(Float32Array.of(count / total), onGradient);
    return { loss: mean.detach(), output: outputs, samples: count };
  });
  if (isLast) exchange.sendRest();
  const value = loss === null ? 0 : (await loss.data())[0];
  const correct =
    labels === null || output === null ? null : countCorrect(await output.data(), output.shape, labels, samples);
  loss?.dispose();
  output?.dispose();
  const sums = Float64Array.of(value * samples, correct ?? 0, samples);
  const metrics = communicator.beginAllReduceSum(sums, "metrics of the step");
  if (isLast) exchange.finish();
  metrics.finish();
  return { loss: sums[0] / sums[2], correct: correct === null ? null : sums[1], samples: sums[2] };
}

async function diverged(
  model: Module,
  group: readonly Batch<unknown>[],
  step: number,
  loss: number,
  gradientNorm: number,
  lr: number,
): Promise<DivergedError> {
  let layer: string | null = null;
  for (const batch of group) layer ??= await findNonFinite(model, batch);
  const what = Number.isFinite(loss) ? `gradients of norm ${gradientNorm}` : `a loss of ${loss}`;
  const where =
    layer === null ? "every layer's output still finite" : `${layer} the first layer whose output is not finite`;
  return new DivergedError({
    where: `fit(model, data), step ${step}`,
    expected: "a finite loss, finite gradients and a step that fits float32",
    received: `${what}, ${where}`,
    cure: `Lower the learning rate (now ${lr}), clip gradients, or look for non-finite values in the data.`,
    step,
    layer,
  });
}
