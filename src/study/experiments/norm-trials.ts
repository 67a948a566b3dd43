import { batches } from "../../data/batches.js";
import { evalNorm } from "../../graph/statistics/eval-norm.js";
import { type NormName, normNames } from "../../networks/names.js";
import { isActivation, normLayer } from "../../networks/norms.js";
import { ReLU } from "../../nn/activations.js";
import { Conv2d } from "../../nn/conv2d.js";
import { Linear } from "../../nn/linear.js";
import type { Module } from "../../nn/module.js";
import { BatchRenorm } from "../../nn/norms/batch-renorm.js";
import { GlobalAvgPool2d } from "../../nn/pooling.js";
import { ScaledWeightStandardization } from "../../nn/reparametrized/scaled-weight-standardization.js";
import { SpectralNorm } from "../../nn/reparametrized/spectral-norm.js";
import { WeightNorm } from "../../nn/reparametrized/weight-norm.js";
import { WeightStandardization } from "../../nn/reparametrized/weight-standardization.js";
import type { Sequential } from "../../nn/sequential.js";
import { Adam } from "../../optim/adam.js";
import { seed as setSeed } from "../../random.js";
import type { StudyData, Trials } from "../experiment.js";
import { sequence } from "../networks.js";
import { errorOn, testImages, train, trainingImages } from "../training.js";

/** Errors in %, as the network evaluates. */
export type NormMeasures = {
  /** Of the test images. */
  readonly test: number;
  /** Of images that it was trained on. */
  readonly training: number;
};

/**
 * What every training has in common. The learning rate grows with the root of the batch (Malladi et al. 2022,
 * arXiv:2205.10287, §1).
 */
export const normPlan = { steps: 400, lrAt64: 0.02, testImages: 2000, groups: 4, ghost: 8 };

const { groups, ghost } = normPlan;

/** How a convolution is normalised. */
interface Kind {
  /** What is wrapped around it. */
  readonly around?: (layer: Conv2d) => Module;
  /** What stands behind it. @defaultValue nothing */
  readonly behind?: (channels: number) => Module | null;
  /** Whether that is the activation too. @defaultValue false */
  readonly activates?: boolean;
  /** Whether `evalNorm` corrects the trained network. @defaultValue false */
  readonly corrected?: boolean;
}

const groupNorm = (channels: number): Module | null => normLayer("group", channels, { groups });

/**
 * The limits of batch renormalisation open from 5 % to 40 and 25 % of the training: the paper's shares, of a training
 * this short.
 */
function renorm(channels: number): Module {
  const at = (share: number): number => Math.round(share * normPlan.steps);
  return new BatchRenorm(channels, { schedule: { start: at(0.05), rmaxAt: at(0.4), dmaxAt: at(0.25) } });
}

/**
 * Norms of networks built by name, but `scale`, which takes no images; and what is done to weights or after training.
 */
const kinds: Readonly<Record<string, Kind>> = {
  ...Object.fromEntries(
    normNames
      .filter((name) => name !== "scale")
      .map((name) => [
        name,
        { behind: (channels: number) => normOf(name, channels), activates: isActivation(name) } satisfies Kind,
      ]),
  ),
  renorm: { behind: renorm },
  "eval-norm": { behind: (channels) => normLayer("batch", channels), corrected: true },
  "group and weight standardisation": { around: (layer) => new WeightStandardization(layer), behind: groupNorm },
  "scaled weight standardisation": { around: (layer) => new ScaledWeightStandardization(layer, { gamma: 1.7128 }) },
  "weight norm": { around: (layer) => new WeightNorm(layer) },
  "spectral norm": { around: (layer) => new SpectralNorm(layer) },
};

function normOf(name: NormName, channels: number): Module | null {
  if (name === "ghost") return normLayer(name, channels, { virtualBatchSize: ghost });
  return normLayer(name, channels, name === "group" || name === "evonorm-s0" ? { groups } : {});
}

/** What is compared. Batch norm comes first. */
export const studiedNorms: readonly string[] = Object.keys(kinds);
/** Samples in a batch. */
export const normBatchSizes = [2, 8, 64] as const;

/** Whether a norm has something of its own at a batch size: ghost batch norm of smaller batches is batch norm. */
export function isStudiedAt(norm: string, batchSize: number): boolean {
  return norm !== "ghost" || batchSize > ghost;
}

/** The condition of a norm and a batch size. */
export function normCondition(norm: string, batchSize: number): string {
  return `${norm}, batch ${batchSize}`;
}

/** Three convolutions, of 8, 16 and 16 channels, each normalised, the mean of each plane, linear. */
function network({ inputShape: [channels], classes }: StudyData, kind: Kind): Sequential {
  const { around = (layer) => layer, behind = () => null, activates = false } = kind;
  const layers = [
    [channels, 8, 2],
    [8, 16, 2],
    [16, 16, 1],
  ].map(([from, to, stride]) => ({ layer: new Conv2d(from, to, 3, { padding: 1, stride }), to }));
  const last = new Linear(16, classes);
  // Wrapped once all weights are drawn: some of what is wrapped around draws numbers too.
  const normalized = layers.map(({ layer, to }) => [around(layer), behind(to), activates ? null : new ReLU()]);
  return sequence(...normalized.flat(), new GlobalAvgPool2d(), last);
}

/** Trainings of one network with each norm and batch size, all of the same number of steps. */
export const normTrials: Trials<NormMeasures> = {
  name: "norms",
  async run(condition, seed, context) {
    const [norm, size] = condition.split(", batch ");
    const batchSize = Number(size);
    const kind = kinds[norm];
    setSeed(seed);
    const model = network(context.data, kind);
    const { steps, lrAt64, testImages: tested } = normPlan;
    const lr = lrAt64 * Math.sqrt(batchSize / 64);
    const optimizer = new Adam(model.parameters(), { lr });
    const images = steps * batchSize;
    await train(model, seed, { images, epochs: 1, batchSize, lr, optimizer }, context);
    const seen = trainingImages(context, Math.min(images, tested), seed);
    if (kind.corrected === true) await evalNorm(model, batches(seen, { batchSize }));
    model.eval();
    const test = await errorOn(model, testImages(context, tested), context);
    return { test, training: await errorOn(model, seen, context) };
  },
};
