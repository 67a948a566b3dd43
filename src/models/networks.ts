import { ArgumentError } from "../errors.js";
import { ReLU } from "../nn/activations.js";
import { BatchNorm } from "../nn/batch-norm.js";
import { Conv2d } from "../nn/conv2d.js";
import { Flatten } from "../nn/flatten.js";
import { Linear } from "../nn/linear.js";
import type { Module } from "../nn/module.js";
import { MaxPool2d } from "../nn/pooling.js";
import { Sequential } from "../nn/sequential.js";

/** Which normalisation a network built by name has. */
export const normNames = ["batch", "none"] as const;
/** Which normalisation a network built by name has: batch norm, or none. */
export type NormName = (typeof normNames)[number];

/** How a network built by name is normalised. */
export interface NormOptions {
  /** @defaultValue "batch" */
  readonly norm?: NormName;
  /** As {@link BatchNorm}'s momentum. @defaultValue 0.99 */
  readonly normMomentum?: number;
  /** @defaultValue 1e-5 */
  readonly normEps?: number;
}

/** What a network built by name takes and gives. */
export interface NetworkOptions extends NormOptions {
  /** The shape of one input: (C, H, W). */
  readonly inputShape: readonly [number, number, number];
  /** How many classes it tells apart. */
  readonly classes: number;
}

/** The norm after a layer of so many channels: none or one module. */
function normLayers(features: number, { norm = "batch", normMomentum, normEps }: NormOptions): Module[] {
  if (norm === "none") return [];
  const momentum = normMomentum === undefined ? {} : { momentum: normMomentum };
  const eps = normEps === undefined ? {} : { eps: normEps };
  return [new BatchNorm(features, { ...momentum, ...eps })];
}

/**
 * The convolutional network of the main job: conv 16 – norm – ReLU – pool – conv 32 – norm – ReLU – pool – linear 128 – norm – ReLU –
 * linear. Layers before a norm have no bias, since the norm would take it out again.
 *
 * @throws ArgumentError if images are smaller than 4×4
 */
export function cnn({ inputShape, classes, ...options }: NetworkOptions): Sequential {
  const [channels, height, width] = inputShape;
  if (height < 4 || width < 4) {
    throw new ArgumentError({
      where: "cnn({ inputShape })",
      expected: "images of at least 4×4",
      received: `${height}×${width}`,
      cure: "Use larger images.",
    });
  }
  const bias = options.norm === "none";
  const features = 32 * Math.floor(height / 4) * Math.floor(width / 4);
  return new Sequential(
    new Conv2d(channels, 16, 3, { padding: 1, bias }),
    ...normLayers(16, options),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(16, 32, 3, { padding: 1, bias }),
    ...normLayers(32, options),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(features, 128, { bias }),
    ...normLayers(128, options),
    new ReLU(),
    new Linear(128, classes),
  );
}

/** Networks that can be built by name. */
export const networks = { cnn } as const;
/** See {@link networks}. */
export type NetworkName = keyof typeof networks;
