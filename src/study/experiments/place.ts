import { ReLU } from "../../nn/activations.js";
import { Conv2d } from "../../nn/conv2d.js";
import { Linear } from "../../nn/linear.js";
import type { AnyModule } from "../../nn/module.js";
import { GlobalAvgPool2d } from "../../nn/pooling.js";
import type { Sequential } from "../../nn/sequential.js";
import { seed as setSeed } from "../../random.js";
import type { Experiment, Question, StudyData, Trials } from "../experiment.js";
import { batchNorm, sequence } from "../networks.js";
import { errorOn, testImages, train } from "../training.js";

type PlaceMeasures = {
  /** Test error in %. */
  readonly error: number;
};

/** Where batch norm stands: with which kinds of layers, and on which side of the activation behind them. */
const places = {
  "before activations": { conv: "before", linear: "before" },
  "after activations": { conv: "after", linear: "after" },
  "convolutions only": { conv: "before", linear: "nowhere" },
  "linear layers only": { conv: "nowhere", linear: "before" },
  nowhere: { conv: "nowhere", linear: "nowhere" },
} as const;
type Place = keyof typeof places;
type Side = (typeof places)[Place]["conv" | "linear"];
const placeNames = Object.keys(places) as Place[];

const plan = { images: 4000, epochs: 6, batchSize: 32, lr: 0.1, weightDecay: 1e-4 };
const testSize = 2000;
const error = (measures: PlaceMeasures): number => measures.error;

/** The network of the experiment “batch” with two hidden linear layers behind it. */
function placedNet({ inputShape, classes }: StudyData, place: Place): Sequential {
  const { conv, linear } = places[place];
  const block = (layer: AnyModule, channels: number, side: Side): (AnyModule | null)[] => [
    layer,
    side === "before" ? batchNorm(channels) : null,
    new ReLU(),
    side === "after" ? batchNorm(channels) : null,
  ];
  const convolution = (from: number, to: number, stride: number): (AnyModule | null)[] =>
    block(new Conv2d(from, to, 3, { padding: 1, stride }), to, conv);
  return sequence(
    ...convolution(inputShape[0], 16, 2),
    ...convolution(16, 16, 1),
    ...convolution(16, 32, 2),
    ...convolution(32, 32, 1),
    new GlobalAvgPool2d(),
    ...block(new Linear(32, 64), 64, linear),
    ...block(new Linear(64, 64), 64, linear),
    new Linear(64, classes),
  );
}

const trials: Trials<PlaceMeasures> = {
  name: "place",
  async run(condition, seed, context) {
    setSeed(seed);
    const model = placedNet(context.data, condition as Place);
    await train(model, seed, plan, context);
    model.eval();
    return { error: await errorOn(model, testImages(context, testSize), context) };
  },
};

/** That the first place has a lower error than the second. */
function isBetter(claim: string, place: Place, than: Place, smallest: number): Question<PlaceMeasures> {
  return {
    claim,
    unit: "percentage points",
    rule: { claim: "effect", smallest },
    effects: (results) => results.differences(than, place, error),
  };
}

/** Where batch norm stands. */
export const place: Experiment<PlaceMeasures> = {
  name: "place",
  title: "Before or after the activation, after convolutions or linear layers, or nowhere",
  sources: [
    {
      words: "Ioffe & Szegedy 2015, Batch Normalization, arXiv:1502.03167, §3.2",
      link: "https://arxiv.org/abs/1502.03167",
    },
  ],
  hypothesis:
    "The authors put batch norm between a layer and its activation, since the output of a layer is more like a normal distribution than what an activation gives, and expect it to serve after convolutions and linear layers alike.",
  method:
    `Four 3×3 convolutions (16, 16, 32, 32 channels), the mean of each plane, two hidden linear layers of 64 units and the output, ReLU behind each, are trained on ${plan.images.toLocaleString("en")} images for ` +
    `${plan.epochs} epochs with batches of ${plan.batchSize}: SGD, momentum 0.9, weight decay ${plan.weightDecay}, learning rate ${plan.lr} falling along a cosine. Initial weights are the same at each place. The error is that of ${testSize.toLocaleString("en")} test images.`,
  timeShare: { quick: 0, full: 2 },
  trials,
  conditions: () => placeNames,
  questions: () => [
    isBetter(
      "The test error is lower with batch norm before each activation than nowhere.",
      "before activations",
      "nowhere",
      2,
    ),
    isBetter(
      "It is lower with batch norm before activations than after them.",
      "before activations",
      "after activations",
      1,
    ),
    isBetter("Batch norm after linear layers alone lowers the test error too.", "linear layers only", "nowhere", 2),
    {
      claim: "Batch norm after convolutions alone gives the same test error as after all layers.",
      unit: "percentage points",
      rule: { claim: "constancy", smallest: 1 },
      effects: (results) => results.differences("convolutions only", "before activations", error),
    },
  ],
  comparisons: () => [],
  figures: (results) => [
    {
      kind: "bars",
      title: "Test error by the place of batch norm",
      description: "One network, trained alike.",
      x: { label: "test error, %" },
      bars: placeNames.map((name) => [name, results.estimate(name, error)] as const),
    },
  ],
};
