import { noGrad } from "../../autograd.js";
import { Conv2d } from "../../nn/conv2d.js";
import { BatchNorm } from "../../nn/norms/batch-norm.js";
import { add, mul, sub } from "../../ops/binary.js";
import { sum } from "../../ops/sum.js";
import { Generator, seed as setSeed } from "../../random.js";
import { scope } from "../../scope.js";
import type { Tensor } from "../../tensor.js";
import { inputsOf } from "../../train/step.js";
import type { Experiment, Trials } from "../experiment.js";
import { trainingImages } from "../training.js";

type LinearMeasures = {
  /** By running statistics. */
  readonly inference: number;
  /** By those of the batch. */
  readonly training: number;
};

const sizes = [2, 8, 32, 128];
const channels = 16;
const steps = 20;

const conditionOf = (size: number): string => `batch ${size}`;

/** ‖f(½x + ½z) − ½f(x) − ½f(z)‖ / ‖½f(x) + ½f(z)‖: 0 for any affine f. */
async function superpositionError(f: (x: Tensor) => Tensor, x: Tensor, z: Tensor): Promise<number> {
  const [error, size] = scope(() =>
    noGrad(() => {
      const half = (a: Tensor, b: Tensor): Tensor => mul(add(a, b), 0.5);
      const mean = half(f(x), f(z));
      const squares = (t: Tensor): Tensor => sum(mul(t, t));
      return [squares(sub(f(half(x, z)), mean)), squares(mean)];
    }),
  );
  const [[errorSquared], [sizeSquared]] = await Promise.all([error.data(), size.data()]);
  for (const t of [error, size]) t.dispose();
  return Math.sqrt(errorSquared / sizeSquared);
}

const trials: Trials<LinearMeasures> = {
  name: "linear",
  async run(condition, seed, context) {
    const size = Number(condition.split(" ")[1]);
    setSeed(seed);
    const images = trainingImages(context, size * (steps + 2), seed);
    const conv = new Conv2d(context.data.inputShape[0], channels, 3);
    const norm = new BatchNorm(channels, { momentum: 0.9, warmUp: false });
    const generator = new Generator(seed);
    norm.weight?.backend.write(
      norm.weight.block,
      Float32Array.from({ length: channels }, () => generator.normal(1, 0.3)),
    );
    const batchOf = (k: number): Tensor => {
      const rows = Array.from({ length: size }, (_, row) => (k * size + row) % images.length);
      return scope(() => noGrad(() => conv.forward(inputsOf(images.batch(rows)))));
    };
    for (let k = 0; k < steps; k++) {
      scope(() => noGrad(() => norm.forward(batchOf(k))));
      await context.pause();
    }
    const [x, z] = [batchOf(steps), batchOf(steps + 1)];
    norm.updateRunning = false;
    const training = await superpositionError((t) => norm.forward(t), x, z);
    norm.eval();
    const inference = await superpositionError((t) => norm.forward(t), x, z);
    for (const t of [x, z]) t.dispose();
    return { inference, training };
  },
};

/** Batch norm as a map of its input. */
export const linear: Experiment<LinearMeasures> = {
  name: "linear",
  title: "An affine map at inference, but not in training",
  sources: [
    {
      words: "Ioffe & Szegedy 2015, Batch Normalization, arXiv:1502.03167, §3.1",
      link: "https://arxiv.org/abs/1502.03167",
    },
  ],
  hypothesis:
    "At inference batch norm is a fixed affine map for each channel, which is why it can be folded into the layer before it. In training it divides by the " +
    "batch's own deviation and is not: the mean of two batches does not give the mean of their outputs, however large they are, since deviations do not add.",
  method:
    "Features of a random 3×3 convolution with 16 channels, of two batches x and z of training images, go through a batch norm that has seen 20 batches. The error " +
    "of superposition is ‖f(½x + ½z) − ½f(x) − ½f(z)‖ / ‖½f(x) + ½f(z)‖, with batch statistics and with running ones. For independent values theory says √2 − 1 = 0.41 in training, at any batch size; images are alike, so less is to be expected.",
  timeShare: { quick: 1, full: 0.2 },
  trials,
  conditions: () => sizes.map(conditionOf),
  questions: () => [
    {
      claim: "At inference batch norm is an affine map: its superposition error at batches of 32 is that of float32.",
      unit: "relative error",
      rule: { claim: "constancy", smallest: 1e-5 },
      effects: (results) => results.values(conditionOf(32), ({ inference }) => inference),
    },
    {
      claim: "In training it is not: its superposition error at batches of 128 is above 1 %.",
      unit: "relative error",
      rule: { claim: "effect", smallest: 0.01 },
      effects: (results) => results.values(conditionOf(128), ({ training }) => training),
    },
  ],
  comparisons: (results) => [
    {
      what: "superposition error in training, batch 128",
      published: "√2 − 1 = 0.41 (theory, independent values)",
      ours: results.estimate(conditionOf(128), ({ training }) => training).mean,
    },
  ],
  figures: (results) => [
    {
      kind: "curves",
      title: "Error of superposition",
      description: "0 for an affine map; float32 rounds at about 1e-7.",
      x: { label: "batch size", scale: "log" },
      y: { label: "relative error", scale: "log" },
      curves: (["training", "inference"] as const).map((mode) => ({
        name: mode,
        points: sizes.map((size) => [size, results.estimate(conditionOf(size), (measures) => measures[mode])] as const),
      })),
    },
  ],
};
