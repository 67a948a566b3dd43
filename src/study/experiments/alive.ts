import { ReLU, Sigmoid, Tanh } from "../../nn/activations.js";
import { Flatten } from "../../nn/flatten.js";
import { Linear } from "../../nn/linear.js";
import type { Sequential } from "../../nn/sequential.js";
import { seed as setSeed } from "../../random.js";
import { sizeOf } from "../../shape.js";
import { euclideanNorm, gradientsOf, layerOutputs } from "../activations.js";
import { meanOf } from "../bootstrap.js";
import type { Experiment, Question, StudyData, Trials } from "../experiment.js";
import { batchNorm, type MakeNorm, sequence } from "../networks.js";
import type { Results } from "../results.js";
import { errorOn, testImages, train, trainingImages } from "../training.js";

type AliveMeasures = {
  /** Test error in %. */
  readonly error: number;
  /** 1 if training met a loss that is not finite. */
  readonly diverged: number;
  /**
   * Of each hidden layer, after training: units that are 0 on every test image (ReLU), or values within 5 % of an end
   * of the range, in %.
   */
  readonly idle: readonly number[];
  /** Of each weight, at the start. */
  readonly gradientNorms: readonly number[];
};

const activations = { sigmoid: Sigmoid, tanh: Tanh, relu: ReLU } as const;
type Activation = keyof typeof activations;
const activationNames = Object.keys(activations) as Activation[];
const rates = { quick: [0.03, 0.3], full: [0.01, 0.03, 0.1, 0.3, 1] } as const;
const norms = ["none", "batch"] as const;
const [depth, width] = [8, 64];
const plan = { images: 3000, epochs: 4, batchSize: 64 };

const conditionOf = (activation: string, norm: string, lr: number): string => `${activation}, ${norm}, lr ${lr}`;
const error = (measures: AliveMeasures): number => measures.error;

function deepNet({ inputShape, classes }: StudyData, activation: Activation, norm: MakeNorm): Sequential {
  const sizes = [sizeOf(inputShape), ...new Array<number>(depth).fill(width)];
  const hidden = sizes
    .slice(1)
    .flatMap((size, k) => [new Linear(sizes[k], size), norm(size), new activations[activation]()]);
  return sequence(new Flatten(), ...hidden, new Linear(width, classes));
}

/** In %; see {@link AliveMeasures.idle}. */
function idleShare(values: Float32Array, activation: Activation): number {
  if (activation === "relu") {
    const isAlive = new Uint8Array(width);
    for (let k = 0; k < values.length; k++) if (values[k] > 0) isAlive[k % width] = 1;
    return (100 * isAlive.filter((alive) => alive === 0).length) / width;
  }
  const [low, high] = activation === "sigmoid" ? [0.05, 0.95] : [-0.9, 0.9];
  return (100 * values.filter((value) => value < low || value > high).length) / values.length;
}

const trials: Trials<AliveMeasures> = {
  name: "alive",
  async run(condition, seed, context) {
    const [name, norm, rate] = condition.split(", ");
    const activation = name as Activation;
    setSeed(seed);
    const model = deepNet(context.data, activation, norm === "batch" ? batchNorm : () => null);
    const weights = model.layers.flatMap((layer) => (layer instanceof Linear ? [layer.weight] : []));
    const { gradients } = await gradientsOf(model, weights, trainingImages(context, plan.batchSize, seed));
    const diverged = await train(model, seed, { ...plan, lr: Number(rate.slice("lr ".length)) }, context);
    model.eval();
    const units = model.layers.filter((layer) => layer instanceof activations[activation]);
    const outputs = await layerOutputs(model, units, testImages(context, 500));
    return {
      error: await errorOn(model, testImages(context, 1000), context),
      diverged: Number(diverged),
      idle: outputs.map((values) => idleShare(values, activation)),
      gradientNorms: gradients.map(euclideanNorm),
    };
  },
};

const ratesIn = (results: Results<AliveMeasures>): number[] =>
  rates.full.filter((lr) => results.has(conditionOf("relu", "batch", lr)));

/** The condition of the learning rate that is best on average over the seeds. */
function best(results: Results<AliveMeasures>, activation: Activation, norm: string): string {
  const conditions = ratesIn(results).map((lr) => conditionOf(activation, norm, lr));
  const means = conditions.map((condition) => results.values(condition, error).reduce((sum, value) => sum + value, 0));
  return conditions[means.indexOf(Math.min(...means))];
}

const chance = 90;

const staysAtChance: Question<AliveMeasures> = {
  claim:
    "The deep sigmoid network without batch norm stays at chance (90 % error), whichever learning rate of the grid it is given.",
  unit: "percentage points from chance",
  rule: { claim: "constancy", smallest: 5 },
  effects: (results) => results.values(best(results, "sigmoid", "none"), (measures) => chance - measures.error),
};

const sigmoidLearns: Question<AliveMeasures> = {
  claim: "With batch norm the deep sigmoid network learns: its error is lower, each at its best learning rate.",
  unit: "percentage points",
  rule: { claim: "effect", smallest: 10 },
  effects: (results) => results.differences(best(results, "sigmoid", "none"), best(results, "sigmoid", "batch"), error),
};

function bearsLargeRates(activation: Activation): Question<AliveMeasures> {
  return {
    claim: `At a learning rate of 0.3 the ${activation} network has a lower error with batch norm than without.`,
    unit: "percentage points",
    rule: { claim: "effect", smallest: 5 },
    effects: (results) =>
      results.differences(conditionOf(activation, "none", 0.3), conditionOf(activation, "batch", 0.3), error),
  };
}

/** Decades by which the gradient of the first weight is smaller than that of the last. */
const fading = ({ gradientNorms }: AliveMeasures): number =>
  Math.log10(gradientNorms[gradientNorms.length - 1] / Math.max(gradientNorms[0], 1e-30));

const keepsGradients: Question<AliveMeasures> = {
  claim: "At the start, gradients of the sigmoid network fade less from the last layer to the first with batch norm.",
  unit: "decades",
  rule: { claim: "effect", smallest: 1 },
  effects: (results) =>
    results.differences(conditionOf("sigmoid", "none", 0.3), conditionOf("sigmoid", "batch", 0.3), fading),
};

const fewerDead: Question<AliveMeasures> = {
  claim: "At a learning rate of 0.3 fewer ReLU units are dead with batch norm.",
  unit: "percentage points",
  rule: { claim: "effect", smallest: 5 },
  effects: (results) =>
    results.differences(conditionOf("relu", "none", 0.3), conditionOf("relu", "batch", 0.3), ({ idle }) =>
      meanOf(idle),
    ),
};

/** How many trainings met a loss that is not finite, in words. */
function divergence(results: Results<AliveMeasures>): string {
  const all = results.conditions.flatMap((condition) => results.values(condition, ({ diverged }) => diverged));
  return `${all.filter((diverged) => diverged === 1).length} of ${all.length} trainings diverged.`;
}

/** Deep networks with and without batch norm. */
export const alive: Experiment<AliveMeasures> = {
  name: "alive",
  title: "Deep networks that learn, and that do not",
  sources: [
    {
      words: "Ioffe & Szegedy 2015, Batch Normalization, arXiv:1502.03167, §4.2.2",
      link: "https://arxiv.org/abs/1502.03167",
    },
  ],
  hypothesis:
    "In deep networks with saturating activations gradients fade and nothing is learned; batch norm keeps every layer's inputs in the range where it answers, and bears larger learning rates.",
  method:
    `Networks of ${depth} hidden layers of ${width} units (linear, batch norm or none, sigmoid, tanh or ReLU) are trained on ${plan.images} images for ${plan.epochs} epochs with batches of ${plan.batchSize}: ` +
    "SGD, momentum 0.9, each learning rate of a grid falling along a cosine; initial weights uniform in ±1/√fan-in. Gradient norms are of each weight before the first step. After training, " +
    "a ReLU unit that is 0 on all of 500 test images is dead, and a value of a sigmoid or tanh within 5 % of an end of its range is saturated. Errors are of 1,000 test images. Where training " +
    "diverges the network is measured as it was before that step.",
  timeShare: { quick: 3, full: 2 },
  trials,
  conditions: (budget) =>
    activationNames.flatMap((activation) =>
      norms.flatMap((norm) => rates[budget].map((lr) => conditionOf(activation, norm, lr))),
    ),
  questions: () => [
    staysAtChance,
    sigmoidLearns,
    bearsLargeRates("tanh"),
    bearsLargeRates("relu"),
    keepsGradients,
    fewerDead,
  ],
  comparisons: (results) => [
    {
      what: "error of the sigmoid network without batch norm",
      published: "99.9 % (chance; ImageNet, Inception)",
      ours: results.estimate(best(results, "sigmoid", "none"), error).mean,
    },
    {
      what: "error of the sigmoid network with batch norm",
      published: "30.2 % (ImageNet, BN-x5-Sigmoid)",
      ours: results.estimate(best(results, "sigmoid", "batch"), error).mean,
    },
  ],
  figures: (results) => [
    {
      kind: "curves",
      title: "Test error against learning rate",
      description: `Chance is 90 %. ${divergence(results)}`,
      x: { label: "learning rate", scale: "log" },
      y: { label: "test error, %" },
      curves: activationNames.flatMap((activation) =>
        norms.map((norm) => ({
          name: `${activation}, ${norm === "none" ? "no norm" : "batch norm"}`,
          points: ratesIn(results).map(
            (lr) => [lr, results.estimate(conditionOf(activation, norm, lr), error)] as const,
          ),
        })),
      ),
    },
    {
      kind: "curves",
      title: "Gradient norm by depth, before the first step",
      description: "Of each layer's weight, from the input (1) to the output.",
      x: { label: "layer" },
      y: { label: "gradient norm", scale: "log" },
      curves: activationNames.flatMap((activation) =>
        norms.map((norm) => ({
          name: `${activation}, ${norm === "none" ? "no norm" : "batch norm"}`,
          points: Array.from(
            { length: depth + 1 },
            (_, k) =>
              [
                k + 1,
                results.estimate(conditionOf(activation, norm, 0.3), ({ gradientNorms }) => gradientNorms[k]),
              ] as const,
          ),
        })),
      ),
    },
    {
      kind: "bars",
      title: "Dead units and saturated values after training at a learning rate of 0.3",
      description:
        "Mean over the hidden layers: ReLU units that are 0 on every image, sigmoid and tanh values within 5 % of an end of their range.",
      x: { label: "share, %" },
      bars: activationNames.flatMap((activation) =>
        norms.map(
          (norm) =>
            [
              `${activation}, ${norm === "none" ? "no norm" : "batch norm"}`,
              results.estimate(conditionOf(activation, norm, 0.3), ({ idle }) => meanOf(idle)),
            ] as const,
        ),
      ),
    },
  ],
};
