import { quantiles } from "../../diagnostics/quantiles.js";
import { ReLU, Sigmoid } from "../../nn/activations.js";
import { Flatten } from "../../nn/flatten.js";
import { Linear } from "../../nn/linear.js";
import type { AnyModule, Module } from "../../nn/module.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { Sequential } from "../../nn/sequential.js";
import { seed as setSeed } from "../../random.js";
import { sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { euclideanNorm, gradientsOf, layerOutputs } from "../activations.js";
import { meanOf } from "../bootstrap.js";
import type { Experiment, Question, StudyData, TrialContext, Trials } from "../experiment.js";
import { batchNorm } from "../networks.js";
import type { Results } from "../results.js";
import { testImages, train, trainingImages } from "../training.js";

type ShiftMeasures = {
  /**
   * For each hidden layer: how far the inputs of its activation move between two evaluations, in deviations
   * (Wasserstein-1), on average.
   */
  readonly drift: readonly number[];
  /**
   * The 15 %, 50 % and 85 % quantile of the first unit of the last hidden layer at each evaluation, one after another.
   */
  readonly low: readonly number[];
  readonly middle: readonly number[];
  readonly high: readonly number[];
  /** How much the loss varies over some step lengths along its gradient, on average over the evaluations. */
  readonly lossRange: number;
  /** ‖∇(θ − η∇) − ∇(θ)‖ / ‖η∇(θ)‖, the largest over the step lengths, on average: how fast the gradient changes. */
  readonly gradientChange: number;
};

const activations = { sigmoid: Sigmoid, relu: ReLU } as const;
type Activation = keyof typeof activations;
const activationNames = Object.keys(activations) as Activation[];
const norms = ["none", "batch"] as const;
const [depth, width] = [3, 100];
const plan = { images: 6400, epochs: 10, batchSize: 64, lr: 0.1, constantLr: true };
const evaluations = 20;
const steps = (plan.images / plan.batchSize) * plan.epochs;
const every = steps / evaluations;
const evaluated = 500;
/** In learning rates, as in the paper's figure 4. */
const stepLengths = [0.5, 1, 2, 4];
/** Of the training images, on which the loss along the gradient is measured. */
const probed = 256;

const conditionOf = (activation: string, norm: string): string => `${activation}, ${norm}`;

/**
 * The network of Ioffe & Szegedy's figure 1: three hidden layers of 100 units; with the layers that stand before its
 * activations.
 */
function shiftNet({ inputShape, classes }: StudyData, activation: Activation, norm: string) {
  const sizes = [sizeOf(inputShape), ...new Array<number>(depth).fill(width)];
  const hidden = sizes.slice(1).map((size, k): Module[] => {
    const linear = new Linear(sizes[k], size);
    const between = norm === "batch" ? batchNorm(size) : null;
    return between === null ? [linear] : [linear, between];
  });
  const blocks = hidden.flatMap((layers) => [...layers, new activations[activation]()]);
  const model = new Sequential(new Flatten(), ...blocks, new Linear(width, classes));
  return { model, observed: hidden.map((layers) => layers[layers.length - 1]) };
}

/** The values of each unit in ascending order: (N, units) → units × N. */
function sortedUnits(values: Float32Array): Float64Array[] {
  return Array.from({ length: width }, (_, unit) =>
    Float64Array.from({ length: values.length / width }, (_, n) => values[n * width + unit]).sort(),
  );
}

/** Wasserstein-1 of two samples of as many values, sorted, in deviations of the first. */
function movement(from: Float64Array, to: Float64Array): number {
  const mean = from.reduce((sum, value) => sum + value, 0) / from.length;
  const variance = from.reduce((sum, value) => sum + (value - mean) ** 2, 0) / from.length;
  const moved = from.reduce((sum, value, k) => sum + Math.abs(to[k] - value), 0) / from.length;
  return moved / Math.sqrt(variance + 1e-12);
}

function move(
  parameters: readonly Tensor[],
  values: readonly Float32Array[],
  along: readonly Float32Array[],
  by: number,
) {
  parameters.forEach((parameter, p) => {
    parameter.backend.write(
      parameter.block,
      values[p].map((value, i) => value - by * along[p][i]),
    );
    parameter.storage.version++;
  });
}

/** Stops running statistics from moving. @returns what puts all switches back */
function holdStatistics(model: Sequential): () => void {
  const undos = model.namedModules().map(([, module]) => module.saveMode());
  for (const [, module] of model.namedModules()) if (module instanceof RunningNorm) module.updateRunning = false;
  return () => {
    for (const undo of undos) undo();
  };
}

/** The loss and its gradient along the gradient; parameters and running statistics are afterwards as they were. */
async function smoothness(model: Sequential, seed: number, context: TrialContext) {
  const parameters = [...model.parameters()];
  const images = trainingImages(context, probed, seed);
  const values = await Promise.all(parameters.map((parameter) => parameter.data()));
  const restore = holdStatistics(model);
  const here = await gradientsOf(model, parameters, images);
  const size = Math.sqrt(here.gradients.reduce((sum, gradient) => sum + euclideanNorm(gradient) ** 2, 0));
  const losses: number[] = [];
  let change = 0;
  for (const length of stepLengths) {
    move(parameters, values, here.gradients, length * plan.lr);
    const there = await gradientsOf(model, parameters, images);
    await context.pause();
    losses.push(there.loss);
    const squares = there.gradients.map(
      (gradient, p) => euclideanNorm(gradient.map((value, i) => value - here.gradients[p][i])) ** 2,
    );
    const moved = Math.max(length * plan.lr * size, 1e-30);
    change = Math.max(change, Math.sqrt(squares.reduce((sum, square) => sum + square, 0)) / moved);
  }
  move(parameters, values, here.gradients, 0);
  restore();
  return { range: Math.max(...losses) - Math.min(...losses), change };
}

/** The inputs of the activations on the test images, by the statistics of these, as in training. */
async function inputsOfActivations(model: Sequential, observed: readonly AnyModule[], context: TrialContext) {
  const restore = holdStatistics(model);
  const outputs = await layerOutputs(model, observed, testImages(context, evaluated));
  restore();
  return outputs.map(sortedUnits);
}

const trials: Trials<ShiftMeasures> = {
  name: "shift",
  async run(condition, seed, context) {
    const [activation, norm] = condition.split(", ");
    setSeed(seed);
    const { model, observed } = shiftNet(context.data, activation as Activation, norm);
    const seen: Float64Array[][][] = [];
    const smooth: { readonly range: number; readonly change: number }[] = [];
    const epoch = Math.ceil(Math.min(plan.images, context.data.train.length) / plan.batchSize);
    const stride = Math.max(1, Math.floor((epoch * plan.epochs) / evaluations));
    const onStep = async (step: number): Promise<void> => {
      if ((step + 1) % stride !== 0) return;
      seen.push(await inputsOfActivations(model, observed, context));
      smooth.push(await smoothness(model, seed, context));
    };
    await train(model, seed, { ...plan, onStep }, context);
    const drift = observed.map((_, layer) =>
      meanOf(
        seen.slice(1).flatMap((now, k) => now[layer].map((values, unit) => movement(seen[k][layer][unit], values))),
      ),
    );
    const unit = seen.map((layers) => quantiles(layers[depth - 1][0], [0.15, 0.5, 0.85]));
    return {
      drift,
      low: unit.map(([low]) => low),
      middle: unit.map(([, middle]) => middle),
      high: unit.map(([, , high]) => high),
      lossRange: meanOf(smooth.map(({ range }) => range)),
      gradientChange: meanOf(smooth.map(({ change }) => change)),
    };
  },
};

/** By how many % a measure is smaller with batch norm, seed by seed. */
function reduction(
  activation: Activation,
  of: (measures: ShiftMeasures) => number,
  results: Results<ShiftMeasures>,
): number[] {
  const without = results.values(conditionOf(activation, "none"), of);
  return results.values(conditionOf(activation, "batch"), of).map((value, k) => 100 * (1 - value / without[k]));
}

function isSmaller(
  claim: string,
  activation: Activation,
  of: (measures: ShiftMeasures) => number,
): Question<ShiftMeasures> {
  return {
    claim,
    unit: "% less",
    rule: { claim: "effect", smallest: 20 },
    effects: (results) => reduction(activation, of, results),
  };
}

const lastDrift = ({ drift }: ShiftMeasures): number => drift[depth - 1];
const nameOf = (activation: string, norm: string): string =>
  `${activation}, ${norm === "none" ? "no norm" : "batch norm"}`;
const pairs = activationNames.flatMap((activation) => norms.map((norm) => [activation, norm] as const));

/** How layers' inputs move during training, and how smooth the loss is. */
export const shift: Experiment<ShiftMeasures> = {
  name: "shift",
  title: "Internal covariate shift, and the smoothness of the loss",
  sources: [
    {
      words: "Ioffe & Szegedy 2015, Batch Normalization, arXiv:1502.03167, §4.1, figure 1",
      link: "https://arxiv.org/abs/1502.03167",
    },
    {
      words: "Santurkar et al. 2018, How Does Batch Normalization Help Optimization?, arXiv:1805.11604, figure 4",
      link: "https://arxiv.org/abs/1805.11604",
    },
  ],
  hypothesis:
    "Ioffe & Szegedy say that batch norm keeps the inputs of layers from moving while the layers before them learn. Santurkar et al. dispute that this is why it helps, and say that it makes the loss smoother: along " +
    "the gradient the loss varies less, and the gradient changes more slowly.",
  method:
    `Three hidden layers of ${width} units (the network of the first paper's figure 1), sigmoid or ReLU, with batch norm or without, are trained on ${plan.images.toLocaleString("en")} images for ${plan.epochs} epochs with batches of ${plan.batchSize}: ` +
    `SGD, momentum 0.9, learning rate ${plan.lr}. After every ${every} steps the inputs of the activations for ${evaluated} test images are taken, by these images' own statistics; what they have moved by since the last time is ` +
    "Wasserstein-1 of each unit in units of its deviation, on average over units and times. At the same moments loss and gradient on " +
    `${probed} training images are measured after steps of ${stepLengths.join(", ")} learning rates along the gradient: the range of these losses, and the largest ‖change of the gradient‖ / ‖step‖.`,
  timeShare: { quick: 0, full: 1 },
  trials,
  conditions: () => pairs.map(([activation, norm]) => conditionOf(activation, norm)),
  questions: () => [
    isSmaller("With batch norm the inputs of the last sigmoid move less.", "sigmoid", lastDrift),
    isSmaller("With batch norm the inputs of the last ReLU move less.", "relu", lastDrift),
    isSmaller(
      "With batch norm the loss of the ReLU network varies less along its gradient.",
      "relu",
      ({ lossRange }) => lossRange,
    ),
    isSmaller(
      "With batch norm the gradient of the ReLU network changes more slowly.",
      "relu",
      ({ gradientChange }) => gradientChange,
    ),
  ],
  comparisons: () => [],
  figures: (results) => [
    {
      kind: "curves",
      title: "How far the inputs of activations move in 50 steps, by layer",
      description: "Mean Wasserstein-1 distance between consecutive evaluations, in deviations of each unit.",
      x: { label: "hidden layer" },
      y: { label: "deviations" },
      curves: pairs.map(([activation, norm]) => ({
        name: nameOf(activation, norm),
        points: Array.from(
          { length: depth },
          (_, k) => [k + 1, results.estimate(conditionOf(activation, norm), ({ drift }) => drift[k])] as const,
        ),
      })),
    },
    ...norms.map((norm) => ({
      kind: "curves" as const,
      title: `Quantiles of the inputs of one sigmoid of the last hidden layer, ${norm === "none" ? "no norm" : "batch norm"}`,
      description: "Of the first unit, over the test images; means over the seeds.",
      x: { label: "step" },
      y: { label: "input" },
      curves: (["low", "middle", "high"] as const).map((kind, k) => ({
        name: ["15 %", "50 %", "85 %"][k],
        points: results
          .measures(conditionOf("sigmoid", norm))[0]
          [kind].map(
            (_, n) =>
              [
                (n + 1) * every,
                results.estimate(conditionOf("sigmoid", norm), (measures) => measures[kind][n]),
              ] as const,
          ),
      })),
    })),
    {
      kind: "bars",
      title: "Range of the loss along its gradient",
      description: `Over steps of ${stepLengths.join(", ")} learning rates; mean over the training.`,
      x: { label: "loss" },
      bars: pairs.map(
        ([activation, norm]) =>
          [
            nameOf(activation, norm),
            results.estimate(conditionOf(activation, norm), ({ lossRange }) => lossRange),
          ] as const,
      ),
    },
    {
      kind: "bars",
      title: "Change of the gradient along itself",
      description: "‖change of the gradient‖ / ‖step‖, the largest over the step lengths; mean over the training.",
      x: { label: "per unit of step" },
      bars: pairs.map(
        ([activation, norm]) =>
          [
            nameOf(activation, norm),
            results.estimate(conditionOf(activation, norm), ({ gradientChange }) => gradientChange),
          ] as const,
      ),
    },
  ],
};
