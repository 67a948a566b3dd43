import { bootstrapMean } from "../bootstrap.js";
import type { Experiment, Question } from "../experiment.js";
import type { BarFigure } from "../figure.js";
import type { Results } from "../results.js";
import {
  isStudiedAt,
  type NormMeasures,
  normBatchSizes,
  normCondition,
  normPlan,
  normTrials,
  studiedNorms,
} from "./norm-trials.js";

const error = (measures: NormMeasures): number => measures.test;
/** As in the experiment `batch`. */
const smallest = 2;
const others = studiedNorms.filter((norm) => norm !== "batch");

/** What is said of a norm in the middle of a sentence. */
const named = (norm: string): string => (norm === "none" ? "without a norm" : `with ${norm}`);

/** Batch norm's error less another's. */
function gains(results: Results<NormMeasures>, norm: string, batchSize: number): number[] {
  return results.differences(normCondition("batch", batchSize), normCondition(norm, batchSize), error);
}

function isBetter(norm: string, batchSize: number): Question<NormMeasures> {
  return {
    claim: `At batches of ${batchSize}, the test error ${named(norm)} is lower than with batch norm.`,
    unit: "percentage points",
    rule: { claim: "effect", smallest },
    effects: (results) => gains(results, norm, batchSize),
  };
}

function isAsGood(norm: string, batchSize: number): Question<NormMeasures> {
  return {
    claim: `At batches of ${batchSize}, the test error ${named(norm)} is that of batch norm.`,
    unit: "percentage points",
    rule: { claim: "constancy", smallest },
    effects: (results) => gains(results, norm, batchSize),
  };
}

function questionsOf(norm: string): Question<NormMeasures>[] {
  const [least, small, large] = normBatchSizes;
  return [
    ...[least, small].filter((size) => isStudiedAt(norm, size)).map((size) => isBetter(norm, size)),
    isAsGood(norm, large),
  ];
}

function conditionsAt(batchSize: number): readonly (readonly [norm: string, condition: string])[] {
  return studiedNorms
    .filter((norm) => isStudiedAt(norm, batchSize))
    .map((norm) => [norm, normCondition(norm, batchSize)] as const);
}

/** All norms at three batch sizes. */
export const norms: Experiment<NormMeasures> = {
  name: "norms",
  title: "All norms at batches of 2, 8 and 64",
  sources: [
    { words: "Wu & He 2018, Group Normalization, arXiv:1803.08494", link: "https://arxiv.org/abs/1803.08494" },
    { words: "Ioffe 2017, Batch Renormalization, arXiv:1702.03275", link: "https://arxiv.org/abs/1702.03275" },
    {
      words: "Singh & Krishnan 2019, Filter Response Normalization Layer, arXiv:1911.09737",
      link: "https://arxiv.org/abs/1911.09737",
    },
    {
      words: "Liu et al. 2020, Evolving Normalization-Activation Layers, arXiv:2004.02967",
      link: "https://arxiv.org/abs/2004.02967",
    },
    { words: "Singh & Shrivastava 2019, EvalNorm, arXiv:1904.06031", link: "https://arxiv.org/abs/1904.06031" },
  ],
  hypothesis:
    "Their papers say of most norms that they are better than batch norm at small batches, and of many that they are no worse at large ones.",
  method:
    `A network of three 3×3 convolutions (8, 16, 16 channels, the first two of stride 2) with norm and ReLU, the mean of each plane and a linear layer is trained for ${normPlan.steps} steps with each ` +
    `batch size, each image seen once: the same number of steps, so more images for larger batches. Adam, learning rate ${normPlan.lrAt64}·√(batch/64) falling along a cosine, the same for all norms. A seed ` +
    `gives the same images, initial weights and order of images under each condition. The error is that of ${normPlan.testImages.toLocaleString("en")} test images, in evaluation. Norms have their default ` +
    `settings, but ${normPlan.groups} groups in group norm and EvoNorm S0, ${normPlan.ghost} samples in ghost batch norm (which smaller batches make batch norm), and limits of batch renormalisation ` +
    "that open within the training. Norms that are activations have no ReLU behind them. Costs are the seconds of a trial.",
  timeShare: { quick: 0, full: 10 },
  trials: normTrials,
  conditions: () => normBatchSizes.flatMap((size) => conditionsAt(size).map(([, condition]) => condition)),
  questions: () => others.flatMap(questionsOf),
  comparisons: (results) => [
    {
      what: "points of error that group norm is below batch norm at batches of 2",
      published: "10.6 (ImageNet, ResNet-50)",
      ours: bootstrapMean(gains(results, "group", 2)).mean,
    },
  ],
  figures: (results) => [
    ...normBatchSizes.map(
      (size): BarFigure => ({
        kind: "bars",
        title: `Test error at batches of ${size}`,
        description: "One network, trained alike on the same images.",
        x: { label: "test error, %" },
        bars: conditionsAt(size).map(([norm, condition]) => [norm, results.estimate(condition, error)] as const),
      }),
    ),
    ...normBatchSizes.map(
      (size): BarFigure => ({
        kind: "bars",
        title: `Cost at batches of ${size}`,
        description:
          "Seconds of a trial, its training and its tests, as a multiple of those of batch norm with the same seed. What else the machine did is in it.",
        x: { label: "times batch norm" },
        bars: conditionsAt(size).map(
          ([norm, condition]) => [norm, bootstrapMean(results.costs(condition, normCondition("batch", size)))] as const,
        ),
      }),
    ),
  ],
};
