import { ReLU } from "../nn/activations.js";
import { Conv2d } from "../nn/conv2d.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule, Module } from "../nn/module.js";
import { BatchNorm } from "../nn/norms/batch-norm.js";
import { GlobalAvgPool2d } from "../nn/pooling.js";
import { Sequential } from "../nn/sequential.js";
import type { StudyData } from "./experiment.js";

/** A norm for layers of so many channels; null for none. */
export type MakeNorm = (channels: number) => Module | null;

/** Batch norm as the studies use it: momentum 0.9, since trainings are short. */
export const batchNorm: MakeNorm = (channels) => new BatchNorm(channels, { momentum: 0.9, warmUp: false });

/**
 * The convolutional network of the studies: two stages of two 3×3 convolutions with 16 and 32 channels, each stage
 * halving height and width, norm and ReLU behind each, the mean of each plane, linear. Convolutions have a bias
 * whatever the norm is, so that equal seeds give equal weights.
 */
export function convNet({ inputShape, classes }: StudyData, norm: MakeNorm): Sequential {
  const [channels] = inputShape;
  const layers = [
    [channels, 16, 2],
    [16, 16, 1],
    [16, 32, 2],
    [32, 32, 1],
  ].map(([from, to, stride]) => [new Conv2d(from, to, 3, { padding: 1, stride }), norm(to), new ReLU()]);
  return sequence(...layers.flat(), new GlobalAvgPool2d(), new Linear(32, classes));
}

/** Layers one after another, without those that are null. */
export function sequence(...layers: (AnyModule | null)[]): Sequential {
  return new Sequential(...layers.filter((layer): layer is Module => layer !== null));
}
