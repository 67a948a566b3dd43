import type { Experiment, Question } from "../experiment.js";
import type { Curve } from "../figure.js";
import type { Results } from "../results.js";
import { type SweepMeasures, sweep, sweepCondition, sweepPlan } from "./sweep.js";

const sizes = { quick: [2, 8, 32], full: [2, 4, 8, 16, 32, 64] } as const;
const norms = {
  quick: ["batch", "group", "none"],
  full: ["batch", "layer", "instance", "group", "none", "renorm", "ghost"],
} as const;
const running = (measures: SweepMeasures): number => measures.running;

/** Less than a fifth of the 11.1 points that batch norm loses in the paper. */
const smallest = 2;

const rises: Question<SweepMeasures> = {
  claim: "The test error with batch norm rises from batches of 32 to batches of 2.",
  unit: "percentage points",
  rule: { claim: "effect", smallest },
  effects: (results) => results.differences(sweepCondition("batch", 2), sweepCondition("batch", 32), running),
};

const trainsWorse: Question<SweepMeasures> = {
  claim: "The training error with batch norm rises from batches of 32 to batches of 2.",
  unit: "percentage points",
  rule: { claim: "effect", smallest },
  effects: (results) =>
    results.differences(sweepCondition("batch", 2), sweepCondition("batch", 32), ({ training }) => training),
};

const isBetter: Question<SweepMeasures> = {
  claim: "At batches of 2, the test error with batch norm is higher than with group norm.",
  unit: "percentage points",
  rule: { claim: "effect", smallest },
  effects: (results) => results.differences(sweepCondition("batch", 2), sweepCondition("group", 2), running),
};

function staysConstant(norm: string): Question<SweepMeasures> {
  return {
    claim: `The test error with ${norm} norm stays constant from batches of 32 to batches of 2.`,
    unit: "percentage points",
    rule: { claim: "constancy", smallest },
    effects: (results) => results.differences(sweepCondition(norm, 2), sweepCondition(norm, 32), running),
  };
}

const renormHelps: Question<SweepMeasures> = {
  claim: "At batches of 4, the test error with batch norm is higher than with batch renormalisation.",
  unit: "percentage points",
  rule: { claim: "effect", smallest },
  effects: (results) => results.differences(sweepCondition("batch", 4), sweepCondition("renorm", 4), running),
};

/** Wu & He 2018, ImageNet validation error of ResNet-50 in %. */
const published: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  batch: { 32: 23.6, 16: 23.7, 8: 24.8, 4: 27.3, 2: 34.7 },
  group: { 32: 24.1, 16: 24.2, 8: 24, 4: 24.2, 2: 24.1 },
};

/** Batch size against test error. */
export const batch: Experiment<SweepMeasures> = {
  name: "batch",
  title: "Test error against batch size",
  sources: [
    { words: "Wu & He 2018, Group Normalization, arXiv:1803.08494", link: "https://arxiv.org/abs/1803.08494" },
    { words: "Ioffe 2017, Batch Renormalization, arXiv:1702.03275", link: "https://arxiv.org/abs/1702.03275" },
  ],
  hypothesis:
    "Batch norm's statistics are those of a few samples when batches are small, so its error rises; norms that do not look at the batch keep theirs.",
  method:
    `A network of four 3×3 convolutions (16, 16, 32, 32 channels) with norm and ReLU, the mean of each plane and a linear layer is trained on ${sweepPlan.images} ` +
    `images for ${sweepPlan.epochs} epochs with each batch size: the same number of images, so fewer and larger steps for larger batches. SGD, momentum 0.9, weight ` +
    `decay ${sweepPlan.weightDecay}, learning rate ${sweepPlan.lrAt32}·batch/32 falling along a cosine. A seed gives the same images, initial weights and order of images under ` +
    `each condition. The error is that of ${sweepPlan.testImages} test images, by running statistics. Group norm has 4 groups; ghost batch norm normalises 8 samples together.`,
  timeShare: { quick: 12, full: 10 },
  trials: sweep,
  conditions: (budget) =>
    norms[budget].flatMap((norm) => sizes[budget].map((batchSize) => sweepCondition(norm, batchSize))),
  questions: (budget) => [
    rises,
    trainsWorse,
    staysConstant("group"),
    isBetter,
    ...(budget === "full" ? [staysConstant("layer"), staysConstant("instance"), renormHelps] : []),
  ],
  comparisons: (results) =>
    Object.entries(published).flatMap(([norm, errors]) =>
      Object.entries(errors)
        .map(([size, error]) => ({ size: Number(size), error }))
        .filter(({ size }) => results.has(sweepCondition(norm, size)))
        .sort((a, b) => b.size - a.size)
        .map(({ size, error }) => ({
          what: `error with ${norm} norm at batch ${size}`,
          published: `${error} % (ImageNet, ResNet-50)`,
          ours: results.estimate(sweepCondition(norm, size), running).mean,
        })),
    ),
  figures: (results) => [
    {
      kind: "curves",
      title: "Test error against batch size",
      description:
        "Each line is a norm. All saw the same number of images, with a learning rate in proportion to the batch.",
      x: { label: "batch size", scale: "log" },
      y: { label: "test error, %" },
      curves: curvesOf(results, running),
    },
    {
      kind: "curves",
      title: "Training error against batch size",
      description: "Of the images that were trained on, by running statistics.",
      x: { label: "batch size", scale: "log" },
      y: { label: "training error, %" },
      curves: curvesOf(results, ({ training }) => training),
    },
  ],
};

/** A curve for each norm that was run. */
function curvesOf(results: Results<SweepMeasures>, of: (measures: SweepMeasures) => number): Curve[] {
  return norms.full
    .map((norm) => ({
      name: norm,
      points: sizes.full.flatMap((size) => {
        const condition = sweepCondition(norm, size);
        return results.has(condition) ? [[size, results.estimate(condition, of)] as const] : [];
      }),
    }))
    .filter(({ points }) => points.length > 0);
}
