import type { Experiment, Question } from "../experiment.js";
import { type SweepMeasures, sweep, sweepCondition, sweepPlan } from "./sweep.js";

const sizes = { quick: [2, 8, 32], full: [2, 4, 8, 16, 32, 64] } as const;
const kinds = ["running", "precise", "batch"] as const;
const names = { running: "running averages", precise: "precise statistics", batch: "the batch's own" } as const;

/** A quarter of what is of interest between batch sizes. */
const smallest = 0.5;

const preciseHelps: Question<SweepMeasures> = {
  claim:
    "Trained with batches of 2, the test error by running averages is higher than by precise statistics of 1,024 images.",
  unit: "percentage points",
  rule: { claim: "effect", smallest },
  effects: (results) => results.values(sweepCondition("batch", 2), ({ running, precise }) => running - precise),
};

const averagesAreGood: Question<SweepMeasures> = {
  claim:
    "Trained with batches of 32, it makes no difference: running averages give the same test error as precise statistics.",
  unit: "percentage points",
  rule: { claim: "constancy", smallest },
  effects: (results) => results.values(sweepCondition("batch", 32), ({ running, precise }) => running - precise),
};

const batchHelps: Question<SweepMeasures> = {
  claim:
    "Trained with batches of 2, the test error by population statistics (precise) is higher than with each test batch's own, as in training.",
  unit: "percentage points",
  rule: { claim: "effect", smallest },
  effects: (results) => results.values(sweepCondition("batch", 2), ({ precise, batch }) => precise - batch),
};

/** One training, evaluated with three kinds of statistics. */
export const gap: Experiment<SweepMeasures> = {
  name: "gap",
  title: "Running, precise and batch statistics at evaluation",
  sources: [
    {
      words: "Wu & Johnson 2021, Rethinking “Batch” in BatchNorm, arXiv:2105.07576",
      link: "https://arxiv.org/abs/2105.07576",
    },
  ],
  hypothesis:
    "A network that was trained with statistics of mini-batches is evaluated with others. Running averages lag behind the weights, which precise statistics cure; " +
    "and where batches are tiny, population statistics are so unlike those of training that each test batch's own do better.",
  method:
    "The batch-normalised networks of the experiment “batch” are evaluated on the same test images three times: by running averages (momentum 0.9); by precise " +
    `statistics, the pooled ones of ${sweepPlan.precise.toLocaleString("en")} training images in batches of the training's size, each normalised by its own statistics (§3.1 of the paper); and by each ` +
    "test batch's own, batches being as large as in training and mixed at random.",
  timeShare: { quick: 3, full: 2 },
  trials: sweep,
  conditions: (budget) => sizes[budget].map((size) => sweepCondition("batch", size)),
  questions: () => [preciseHelps, averagesAreGood, batchHelps],
  comparisons: () => [],
  figures: (results) => [
    {
      kind: "curves",
      title: "Test error by the statistics used at evaluation",
      description: "The same trained networks, normalised in three ways.",
      x: { label: "batch size in training", scale: "log" },
      y: { label: "test error, %" },
      curves: kinds.map((kind) => ({
        name: names[kind],
        points: sizes.full.flatMap((size) => {
          const condition = sweepCondition("batch", size);
          return results.has(condition)
            ? [[size, results.estimate(condition, (measures) => measures[kind])] as const]
            : [];
        }),
      })),
    },
  ],
};
