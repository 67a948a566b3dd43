import { seed as setSeed } from "../../random.js";
import { meanOf } from "../bootstrap.js";
import type { Experiment, Question, Trials } from "../experiment.js";
import { batchNorm, convNet } from "../networks.js";
import type { Results } from "../results.js";
import { errorOn, testImages, train } from "../training.js";

type FasterMeasures = {
  /** Steps until the target was reached; all of them if it never was. */
  readonly steps: number;
  /** 1 if the target was reached. */
  readonly reached: number;
  /** Test error in %, after every so many steps; the last one again where training diverged. */
  readonly errors: readonly number[];
};

const norms = ["none", "batch"] as const;
const rates = [0.01, 0.03, 0.1, 0.3, 1];
const plan = { images: 4000, epochs: 8, batchSize: 32, constantLr: true };
const every = 25;
const testSize = 500;
/** In %: what the network without norm gets to in about two thirds of the steps at a good rate. */
const target = 25;
const allSteps = (plan.images / plan.batchSize) * plan.epochs;

const conditionOf = (norm: string, lr: number): string => `${norm}, lr ${lr}`;

const trials: Trials<FasterMeasures> = {
  name: "faster",
  async run(condition, seed, context) {
    const [norm, rate] = condition.split(", lr ");
    setSeed(seed);
    const model = convNet(context.data, norm === "batch" ? batchNorm : () => null);
    const test = testImages(context, testSize);
    const errors: number[] = [];
    await train(
      model,
      seed,
      {
        ...plan,
        lr: Number(rate),
        async onStep(step) {
          if ((step + 1) % every !== 0) return;
          model.eval();
          errors.push(await errorOn(model, test, context));
          model.train();
        },
      },
      context,
    );
    while (errors.length < allSteps / every) errors.push(errors.at(-1) ?? 100);
    const first = errors.findIndex((error) => error <= target);
    return { steps: first < 0 ? allSteps : (first + 1) * every, reached: Number(first >= 0), errors };
  },
};

/** The rate of the grid that reaches the target in the fewest steps on average over the seeds. */
function bestRate(results: Results<FasterMeasures>, norm: string): number {
  const means = rates.map((lr) => meanOf(results.values(conditionOf(norm, lr), ({ steps }) => steps)));
  return rates[means.indexOf(Math.min(...means))];
}

const best = (results: Results<FasterMeasures>, norm: string): string => conditionOf(norm, bestRate(results, norm));

/** How many times as many steps it takes without batch norm, seed by seed. */
function ratios(results: Results<FasterMeasures>): number[] {
  const batch = results.values(best(results, "batch"), ({ steps }) => steps);
  return results.values(best(results, "none"), ({ steps }) => steps).map((steps, k) => steps / batch[k]);
}

const fewerSteps: Question<FasterMeasures> = {
  claim: `With batch norm the network gets to ${100 - target} % accuracy in fewer steps, each at its best learning rate.`,
  unit: "times as many steps without",
  rule: { claim: "effect", smallest: 1.5 },
  effects: ratios,
};

const largerRates: Question<FasterMeasures> = {
  claim: `With batch norm it gets there at larger learning rates.`,
  unit: "decades of the largest rate of the grid that gets there",
  rule: { claim: "effect", smallest: 0.4 },
  effects(results) {
    const largest = (norm: string, seed: number): number =>
      Math.max(rates[0], ...rates.filter((lr) => results.measures(conditionOf(norm, lr))[seed].reached === 1));
    return results.seeds.map((_, k) => Math.log10(largest("batch", k) / largest("none", k)));
  },
};

/** Steps to an accuracy. */
export const faster: Experiment<FasterMeasures> = {
  name: "faster",
  title: "Steps to a fixed accuracy",
  sources: [
    {
      words: "Ioffe & Szegedy 2015, Batch Normalization, arXiv:1502.03167, §4.2.2, figures 2 and 3",
      link: "https://arxiv.org/abs/1502.03167",
    },
  ],
  hypothesis:
    "With batch norm a network reaches the same accuracy in a fraction of the steps, above all since it bears larger learning rates.",
  method:
    `The network of the experiment “batch”, with batch norm and without, is trained on ${plan.images.toLocaleString("en")} images for ${plan.epochs} epochs with batches of ${plan.batchSize}: SGD, momentum 0.9, each of the rates ` +
    `${rates.join(", ")}, constant. After every ${every} steps the error of ${testSize} test images is measured, in evaluation mode; the first time that it is at most ${target} % counts, and ${allSteps.toLocaleString("en")} steps where it ` +
    "never is, so the true ratios are at least as large. The best rate is the one that takes the fewest steps on average over all seeds.",
  timeShare: { quick: 0, full: 3 },
  trials,
  conditions: () => norms.flatMap((norm) => rates.map((lr) => conditionOf(norm, lr))),
  questions: () => [fewerSteps, largerRates],
  comparisons: (results) => [
    {
      what: "times as many steps without batch norm",
      published: "2.3 at the same rate, 14 at five times the rate (ImageNet, Inception to 72.2 % accuracy)",
      ours: meanOf(ratios(results)),
    },
  ],
  figures: (results) => [
    {
      kind: "curves",
      title: "Test error during training, each at its best learning rate",
      description: `The target is ${target} %.`,
      x: { label: "step" },
      y: { label: "test error, %" },
      curves: norms.map((norm) => ({
        name: `${norm === "none" ? "no norm" : "batch norm"}, rate ${bestRate(results, norm)}`,
        points: Array.from(
          { length: allSteps / every },
          (_, k) => [(k + 1) * every, results.estimate(best(results, norm), ({ errors }) => errors[k])] as const,
        ),
      })),
    },
    {
      kind: "curves",
      title: "Steps to the target against learning rate",
      description: `${allSteps} steps: not reached.`,
      x: { label: "learning rate", scale: "log" },
      y: { label: "steps" },
      curves: norms.map((norm) => ({
        name: norm === "none" ? "no norm" : "batch norm",
        points: rates.map((lr) => [lr, results.estimate(conditionOf(norm, lr), ({ steps }) => steps)] as const),
      })),
    },
  ],
};
