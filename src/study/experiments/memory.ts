import { noGrad } from "../../autograd.js";
import { batches } from "../../data/batches.js";
import { type ChannelStatistics, readStatistics, writeStatistics } from "../../graph/statistics/channel-statistics.js";
import { recalibrate } from "../../graph/statistics/recalibrate.js";
import { BatchNorm } from "../../nn/norms/batch-norm.js";
import type { Sequential } from "../../nn/sequential.js";
import { seed as setSeed } from "../../random.js";
import { scope } from "../../scope.js";
import { inputsOf } from "../../train/step.js";
import type { Experiment, Question, TrialContext, Trials } from "../experiment.js";
import { convNet } from "../networks.js";
import type { Results } from "../results.js";
import { errorOn, testImages, train, trainingImages } from "../training.js";

type MemoryMeasures = {
  /**
   * One for each momentum, in deviations: how far running means are from those of the population at the end of
   * training,
   */
  readonly distance: readonly number[];
  /** what of it single batches account for, */
  readonly noise: readonly number[];
  /** and the rest. */
  readonly lag: readonly number[];
  /** Test error in % by the running statistics of each momentum. */
  readonly errors: readonly number[];
  /** The same by those of the population. */
  readonly precise: number;
};

const momenta = [0.5, 0.7, 0.9, 0.97, 0.99, 0.997, 0.999];
const conditions = ["constant rate", "falling rate"] as const;
const plan = { images: 4000, epochs: 6, batchSize: 32, lr: 0.1, weightDecay: 1e-4 };
const [populationSize, testSize] = [1024, 1000];

const statisticsOf = (norms: readonly BatchNorm[]): Promise<ChannelStatistics[]> =>
  Promise.all(
    norms.map(
      async (norm) => (await readStatistics(norm)) ?? { mean: new Float64Array(), variance: new Float64Array() },
    ),
  );

/** r ← momentum·r + (1 − momentum)·batch */
function blend(running: ChannelStatistics, batch: ChannelStatistics, momentum: number): void {
  for (const key of ["mean", "variance"] as const) {
    running[key].forEach((value, c) => {
      running[key][c] = momentum * value + (1 - momentum) * batch[key][c];
    });
  }
}

const rootMeanSquare = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

/** Differences of means over all channels of all norms, in deviations of the population. */
function differences(from: readonly ChannelStatistics[], population: readonly ChannelStatistics[]): number[] {
  return population.flatMap(({ mean, variance }, k) =>
    Array.from(mean, (value, c) => (from[k].mean[c] - value) / Math.sqrt(variance[c] + 1e-5)),
  );
}

/** How far the means of single batches are from those of the population, the weights being as they are. */
async function batchScatter(
  model: Sequential,
  norms: readonly BatchNorm[],
  population: readonly ChannelStatistics[],
  seed: number,
  context: TrialContext,
): Promise<number> {
  const scattered: number[] = [];
  model.train();
  for (const batch of batches(trainingImages(context, populationSize, seed), {
    batchSize: plan.batchSize,
  })) {
    scope(() => noGrad(() => model.forward(inputsOf(batch))));
    await context.pause();
    scattered.push(...differences(await statisticsOf(norms), population));
  }
  model.eval();
  return rootMeanSquare(scattered);
}

const trials: Trials<MemoryMeasures> = {
  name: "memory",
  async run(condition, seed, context) {
    setSeed(seed);
    const norms: BatchNorm[] = [];
    // With momentum 0 running statistics are those of the last batch. Training itself does not look at them.
    const model = convNet(context.data, (channels) => {
      const norm = new BatchNorm(channels, { momentum: 0, warmUp: false });
      norms.push(norm);
      return norm;
    });
    const averages = momenta.map(() =>
      norms.map(({ runningMean }) => {
        const channels = runningMean?.size ?? 0;
        return { mean: new Float64Array(channels), variance: new Float64Array(channels).fill(1) };
      }),
    );
    const onStep = async (): Promise<void> => {
      const batch = await statisticsOf(norms);
      averages.forEach((running, m) => {
        running.forEach((one, k) => {
          blend(one, batch[k], momenta[m]);
        });
      });
    };
    await train(model, seed, { ...plan, constantLr: condition === "constant rate", onStep }, context);
    model.eval();
    await recalibrate(model, batches(trainingImages(context, populationSize, seed), { batchSize: plan.batchSize }), {
      mode: "batch",
      onProgress: context.pause,
      ...(context.signal && { signal: context.signal }),
    });
    const test = testImages(context, testSize);
    const precise = await errorOn(model, test, context);
    const population = await statisticsOf(norms);
    const scatter = await batchScatter(model, norms, population, seed, context);
    const distance = averages.map((running) => rootMeanSquare(differences(running, population)));
    // Of independent batches a moving average keeps (1 − m)/(1 + m) of the variance.
    const noise = momenta.map((m) => scatter * Math.sqrt((1 - m) / (1 + m)));
    const lag = distance.map((d, k) => Math.sqrt(Math.max(0, d ** 2 - noise[k] ** 2)));
    const errors: number[] = [];
    for (const running of averages) {
      norms.forEach((norm, k) => {
        writeStatistics(norm, running[k]);
      });
      errors.push(await errorOn(model, test, context));
    }
    return { distance, noise, lag, errors, precise };
  },
};

const at = (momentum: number): number => momenta.indexOf(momentum);

/** The distance at a momentum minus that at 0.9, while the learning rate is constant. */
function isFurther(momentum: number, claim: string): Question<MemoryMeasures> {
  return {
    claim,
    unit: "deviations",
    rule: { claim: "effect", smallest: 0.02 },
    effects: (results) => results.values("constant rate", ({ distance }) => distance[at(momentum)] - distance[at(0.9)]),
  };
}

const errorAbovePrecise = (results: Results<MemoryMeasures>, momentum: number): number[] =>
  results.values("falling rate", ({ errors, precise }) => errors[at(momentum)] - precise);

/** What running statistics remember. */
export const memory: Experiment<MemoryMeasures> = {
  name: "memory",
  title: "Momentum: noise and lag of running statistics",
  sources: [
    {
      words: "Wu & Johnson 2021, Rethinking “Batch” in BatchNorm, arXiv:2105.07576, §3",
      link: "https://arxiv.org/abs/2105.07576",
    },
  ],
  hypothesis:
    "Running statistics with a small momentum are those of a few batches, and noisy; with a large one they are of weights from long ago, and of the initial 0 and 1. Between the two lies a momentum that is best.",
  method:
    `The network of the experiment “batch” with batch norm is trained on ${plan.images.toLocaleString("en")} images for ${plan.epochs} epochs with batches of ${plan.batchSize}, at a learning rate of ${plan.lr} that is constant or falls along a cosine. ` +
    "Training does not look at running statistics, so those of every momentum are kept of one training. At its end the distance of running means from those of the population (precise statistics of " +
    `${populationSize.toLocaleString("en")} training images) is taken, in deviations, root mean square over all channels. Noise: the scatter of single batches' means with the weights as they are, times √((1 − m)/(1 + m)), which is what a ` +
    "moving average leaves of it. Lag: √(distance² − noise²).",
  timeShare: { quick: 0, full: 1 },
  trials,
  conditions: () => conditions,
  questions: () => [
    isFurther(
      0.5,
      "At a constant learning rate, running means with momentum 0.5 are further from the population's than with 0.9: noise.",
    ),
    isFurther(0.999, "With momentum 0.999 they are further too: lag."),
    {
      claim:
        "When the learning rate has fallen to 0, the test error with momentum 0.999 is still higher than with precise statistics.",
      unit: "percentage points",
      rule: { claim: "effect", smallest: 1 },
      effects: (results) => errorAbovePrecise(results, 0.999),
    },
    {
      claim: "With momentum 0.9 it is then that of precise statistics.",
      unit: "percentage points",
      rule: { claim: "constancy", smallest: 1 },
      effects: (results) => errorAbovePrecise(results, 0.9),
    },
  ],
  comparisons: () => [],
  figures: (results) => [
    ...conditions.map((condition) => ({
      kind: "curves" as const,
      title: `Distance of running means from the population's, ${condition}`,
      description: "In deviations. The squares of noise and lag add up to that of the distance.",
      x: { label: "batches remembered, 1/(1 − momentum)", scale: "log" as const },
      y: { label: "deviations" },
      curves: (["distance", "noise", "lag"] as const).map((kind) => ({
        name: kind,
        points: momenta.map(
          (m, k) => [1 / (1 - m), results.estimate(condition, (measures) => measures[kind][k])] as const,
        ),
      })),
    })),
    {
      kind: "curves",
      title: "Test error by the running statistics of each momentum",
      description: "Precise statistics do not depend on it.",
      x: { label: "batches remembered, 1/(1 − momentum)", scale: "log" },
      y: { label: "test error, %" },
      curves: conditions.flatMap((condition) => [
        {
          name: condition,
          points: momenta.map((m, k) => [1 / (1 - m), results.estimate(condition, ({ errors }) => errors[k])] as const),
        },
        {
          name: `${condition}, precise statistics`,
          points: momenta.map((m) => [1 / (1 - m), results.estimate(condition, ({ precise }) => precise)] as const),
        },
      ]),
    },
  ],
};
