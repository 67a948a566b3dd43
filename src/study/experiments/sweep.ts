import { batches } from "../../data/batches.js";
import { recalibrate } from "../../graph/statistics/recalibrate.js";
import { normLayer } from "../../networks/norms.js";
import { BatchNorm } from "../../nn/norms/batch-norm.js";
import { BatchRenorm } from "../../nn/norms/batch-renorm.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { seed as setSeed } from "../../random.js";
import type { Trials } from "../experiment.js";
import { batchNorm, convNet, type MakeNorm } from "../networks.js";
import { errorOn, testImages, train, trainingImages } from "../training.js";

/** Test errors in %, with the statistics of each kind; all the same for norms that have no running ones. */
export type SweepMeasures = {
  readonly running: number;
  readonly precise: number;
  readonly batch: number;
  /** Of the training images, by running statistics. */
  readonly training: number;
};

/**
 * What every training of the sweep has in common; the learning rate grows with the batch (Goyal et al. 2017,
 * arXiv:1706.02677). So many images and epochs were the least of those tried at which the training loss at batch 32
 * fell below 0.5 with batch and with group norm.
 */
export const sweepPlan = { images: 2000, epochs: 15, lrAt32: 0.1, weightDecay: 1e-4, testImages: 2000, precise: 1024 };

/** Settled within the first tenth of the steps at batch 8. */
const renormSchedule = { start: 100, rmaxAt: 500, dmaxAt: 300 };

const sweepNorms: Readonly<Record<string, MakeNorm>> = {
  batch: batchNorm,
  layer: (channels) => normLayer("layer", channels),
  instance: (channels) => normLayer("instance", channels),
  group: (channels) => normLayer("group", channels, { groups: 4 }),
  none: () => null,
  renorm: (channels) => new BatchRenorm(channels, { momentum: 0.9, warmUp: false, schedule: renormSchedule }),
  ghost: (channels) => new BatchNorm(channels, { momentum: 0.9, warmUp: false, virtualBatchSize: 8 }),
};

/** The condition of a norm and a batch size. */
export function sweepCondition(norm: string, batchSize: number): string {
  return `${norm}, batch ${batchSize}`;
}

/** Trainings of one network with a norm and a batch size, all over the same number of images. */
export const sweep: Trials<SweepMeasures> = {
  name: "sweep",
  async run(condition, seed, context) {
    const [norm, size] = condition.split(", batch ");
    const batchSize = Number(size);
    setSeed(seed);
    const model = convNet(context.data, sweepNorms[norm]);
    const { images, epochs, lrAt32, weightDecay } = sweepPlan;
    await train(model, seed, { images, epochs, batchSize, lr: (lrAt32 * batchSize) / 32, weightDecay }, context);
    const test = testImages(context, sweepPlan.testImages);
    model.eval();
    const running = await errorOn(model, test, context);
    const training = await errorOn(model, trainingImages(context, images, seed), context);
    const norms = model.namedModules().flatMap(([, module]) => (module instanceof RunningNorm ? [module] : []));
    if (norms.every(({ runningMean }) => runningMean === null))
      return { running, precise: running, batch: running, training };
    for (const one of norms) one.normalizeWith = "batch";
    const batch = await errorOn(model, test, context, batchSize);
    for (const one of norms) one.normalizeWith = "running";
    await recalibrate(model, batches(trainingImages(context, sweepPlan.precise, seed), { batchSize }), {
      mode: "batch",
      onProgress: context.pause,
      ...(context.signal && { signal: context.signal }),
    });
    return { running, precise: await errorOn(model, test, context), batch, training };
  },
};
