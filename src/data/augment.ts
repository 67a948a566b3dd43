import { ArgumentError } from "../errors.js";
import { type Generator, generator as globalGenerator } from "../random.js";
import { checkCount, formatShape } from "../shape.js";
import type { Batch, Dataset, TensorData } from "./dataset.js";
import { bilinear, clamp, type Planes, planesOf, redraw } from "./image-plane.js";

/** Options of {@link augment}: what is done to each sample, in this order. */
export interface AugmentOptions {
  /**
   * Cuts out a window at random and stretches it (bilinear) to the whole image; each side keeps at least this share, in
   * (0, 1].
   */
  readonly crop?: number | undefined;
  /** Moves an image by up to so many pixels along each axis; the edge is repeated. A whole number. */
  readonly shift?: number | undefined;
  /** Mirrors left and right, half of the time. @defaultValue false */
  readonly flip?: boolean | undefined;
  /** Adds normal noise of this deviation to each value, in the units of preprocessed inputs. */
  readonly noise?: number | undefined;
}

/**
 * A dataset that changes its samples at random each time they are gathered, for training only.
 *
 * @param dataset - images (C, H, W); any shape if there is only noise
 * @param generator - the source of all draws, made inside `batch`; a checkpoint of {@link fit} keeps its state. Default:
 * one split off the generator that `seed()` sets
 * @throws ArgumentError if an option is out of its range, or images are needed and the samples are none
 * @example
 * ```ts
 * const data = arrayDataset({ inputs: Float32Array.of(1, 2, 3), shape: [1, 1, 3], labels: [0] });
 * const { inputs } = augment(data, { flip: true }, new Generator(1)).batch([0]);
 * inputs.values; // Float32Array [3, 2, 1]
 * ```
 */
export function augment<Target>(
  dataset: Dataset<Target>,
  options: AugmentOptions,
  generator: Generator = globalGenerator().split(),
): Dataset<Target, TensorData> {
  checkOptions(options);
  const { crop = 1, shift = 0, flip = false, noise = 0 } = options;
  return {
    length: dataset.length,
    generators: [...(dataset.generators ?? []), generator],
    batch(indices): Batch<Target, TensorData> {
      const { inputs, targets } = dataset.batch(indices);
      if (!("values" in inputs)) throw fault("inputs on the host ({ values, shape })", "a tensor");
      const values = Float32Array.from(inputs.values);
      if (crop < 1 || shift > 0 || flip) {
        for (const image of imagesOf(inputs, values)) {
          if (crop < 1) cropImage(image, crop, generator);
          if (shift > 0) shiftImage(image, shift, generator);
          if (flip && generator.uniform() < 0.5) flipImage(image);
        }
      }
      if (noise > 0) for (let i = 0; i < values.length; i++) values[i] += generator.normal(0, noise);
      return { inputs: { values, shape: inputs.shape }, targets };
    },
  };
}

function checkOptions({ crop = 1, shift = 0, noise = 0 }: AugmentOptions): void {
  if (!(crop > 0 && crop <= 1)) throw fault("crop to be a share above 0, at most 1", String(crop));
  checkCount("augment(dataset, options)", "shift", shift, 0);
  if (!(noise >= 0 && Number.isFinite(noise))) throw fault("noise to be a finite number of at least 0", String(noise));
}

function fault(expected: string, received: string, cure = "Correct it."): ArgumentError {
  return new ArgumentError({ where: "augment(dataset, options)", expected, received, cure });
}

function imagesOf({ shape }: TensorData, values: Float32Array): Planes[] {
  if (shape.length !== 4) {
    throw fault(
      "images (C, H, W)",
      `samples of shape ${formatShape(shape.slice(1))}`,
      "Leave crop, shift and flip out.",
    );
  }
  return planesOf(values, shape);
}

function cropImage(image: Planes, least: number, generator: Generator): void {
  const { height, width } = image;
  const share = generator.uniform(least, 1);
  const top = generator.uniform(0, (1 - share) * height);
  const left = generator.uniform(0, (1 - share) * width);
  // Centres of pixels lie at halves.
  redraw(image, (plane, y, x) => bilinear(plane, image, top + share * (y + 0.5) - 0.5, left + share * (x + 0.5) - 0.5));
}

function shiftImage(image: Planes, most: number, generator: Generator): void {
  const { height, width } = image;
  const down = generator.below(2 * most + 1) - most;
  const right = generator.below(2 * most + 1) - most;
  redraw(image, (plane, y, x) => plane[clamp(y - down, height - 1) * width + clamp(x - right, width - 1)]);
}

function flipImage(image: Planes): void {
  redraw(image, (plane, y, x) => plane[y * image.width + image.width - 1 - x]);
}
