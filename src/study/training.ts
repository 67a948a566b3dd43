import { batches } from "../data/batches.js";
import type { Dataset } from "../data/dataset.js";
import { subset } from "../data/subset.js";
import { DivergedError } from "../errors.js";
import type { Module } from "../nn/module.js";
import type { Optimizer } from "../optim/optimizer.js";
import { cosineLr } from "../optim/schedules.js";
import { Sgd } from "../optim/sgd.js";
import { Generator } from "../random.js";
import { evaluate } from "../train/evaluate.js";
import { fit } from "../train/fit.js";
import type { TrialContext } from "./experiment.js";

/**
 * How a network of a trial is trained: SGD with momentum 0.9, its learning rate falling to 0 along a cosine unless said
 * otherwise.
 */
export interface TrainingPlan {
  /** Training images, drawn by the seed; all if there are fewer. */
  readonly images: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  /** Of SGD. @defaultValue 0 */
  readonly weightDecay?: number;
  /** Another than SGD with momentum, with the same learning rate. */
  readonly optimizer?: Optimizer;
  /** Keep the learning rate as it is. @defaultValue false */
  readonly constantLr?: boolean;
  /** Called, and awaited, after each step. */
  readonly onStep?: (step: number) => void | Promise<void>;
}

/** So many samples of a dataset, drawn without replacement; all if there are fewer. */
export function drawSubset(dataset: Dataset<Int32Array>, count: number, generator: Generator): Dataset<Int32Array> {
  return subset(dataset, generator.permutation(dataset.length).slice(0, count));
}

/** The training images of a seed: the same under each condition. */
export function trainingImages({ data }: TrialContext, count: number, seed: number): Dataset<Int32Array> {
  return drawSubset(data.train, count, new Generator(seed));
}

/** The test images of a study: the same for each trial. */
export function testImages({ data }: TrialContext, count: number): Dataset<Int32Array> {
  return drawSubset(data.test, count, new Generator(0));
}

/**
 * Trains; images and their order are those of the seed.
 *
 * @returns whether training diverged, with the parameters as they were before
 */
export async function train(model: Module, seed: number, plan: TrainingPlan, context: TrialContext): Promise<boolean> {
  const { images, epochs, batchSize, lr, weightDecay = 0, constantLr = false, onStep } = plan;
  const optimizer = plan.optimizer ?? new Sgd(model.parameters(), { lr, momentum: 0.9, weightDecay });
  const data = batches(trainingImages(context, images, seed), { batchSize, shuffle: new Generator(seed).split() });
  try {
    await fit(model, data, {
      epochs,
      optimizer,
      ...(constantLr ? {} : { schedule: cosineLr(lr) }),
      ...(context.signal && { signal: context.signal }),
      async onStep({ step }) {
        await onStep?.(step);
        await context.pause();
      },
    });
    return false;
  } catch (error) {
    if (error instanceof DivergedError) return true;
    throw error;
  }
}

/** The share of samples that a model takes for another class, in %; in the modes it is in, as {@link evaluate}. */
export async function errorOn(
  model: Module,
  samples: Dataset<Int32Array>,
  { signal, pause }: TrialContext,
  batchSize = 250,
): Promise<number> {
  async function* unhurried() {
    for (const batch of batches(samples, { batchSize })) {
      await pause();
      yield batch;
    }
  }
  const { accuracy } = await evaluate(model, unhurried(), signal ? { signal } : {});
  return 100 * (1 - (accuracy ?? 0));
}
