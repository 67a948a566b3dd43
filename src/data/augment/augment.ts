import { ArgumentError } from "../../errors.js";
import { checkOptions } from "../../options.js";
import { type Generator, generator as globalGenerator } from "../../random.js";
import { checkCount, formatShape } from "../../shape.js";
import type { Batch, Dataset, TensorData } from "../dataset.js";
import { bilinear, nearestInside, type Planes, planesOf, redraw } from "./image-plane.js";

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
 * A dataset that changes its samples at random each time they are gathered, for training only. Masks of images (labels
 * with a place for each pixel, or targets (N, …, H, W)) are moved with them, by the nearest pixel.
 *
 * @param dataset - images (C, H, W); any shape if there is only noise
 * @param generator - the source of all draws, made inside `batch`; a checkpoint of {@link fit} keeps its state.
 * Default: one split off the generator that `seed()` sets
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
  checkOptions("augment(dataset, options)", options, { crop: true, shift: true, flip: true, noise: true });
  checkRanges(options);
  const { crop = 1, shift = 0, flip = false, noise = 0 } = options;
  return {
    length: dataset.length,
    generators: [...(dataset.generators ?? []), generator],
    batch(indices): Batch<Target, TensorData> {
      const { inputs, targets } = dataset.batch(indices);
      if (!("values" in inputs)) throw fault("inputs on the host ({ values, shape })", "a tensor");
      const values = Float32Array.from(inputs.values);
      let moved = targets;
      if (crop < 1 || shift > 0 || flip) {
        const images = imagesOf(inputs, values);
        const masks = masksOf(inputs, targets);
        for (const [k, image] of images.entries()) {
          const mask = masks?.planes[k] ?? null;
          if (crop < 1) cropImage(image, mask, crop, generator);
          if (shift > 0) shiftImage(image, mask, shift, generator);
          if (flip && generator.uniform() < 0.5) for (const one of [image, mask]) if (one !== null) flipImage(one);
        }
        if (masks !== null) moved = masks.targets() as Target;
      }
      if (noise > 0) for (let i = 0; i < values.length; i++) values[i] += generator.normal(0, noise);
      return { inputs: { values, shape: inputs.shape }, targets: moved };
    },
  };
}

function checkRanges({ crop = 1, shift = 0, noise = 0 }: AugmentOptions): void {
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

/**
 * What targets say of each pixel, as planes, and how they become targets again; null where they say nothing of pixels.
 */
function masksOf({ shape }: TensorData, targets: unknown): { planes: Planes[]; targets: () => unknown } | null {
  const [samples, , height, width] = shape;
  const places = samples * height * width;
  if (targets instanceof Int32Array) {
    if (targets.length !== places || height * width === 1) return null;
    const values = Float32Array.from(targets);
    return { planes: planesOf(values, [samples, 1, height, width]), targets: () => Int32Array.from(values) };
  }
  const given = targets as Partial<TensorData> | null;
  if (given?.values === undefined || given.shape === undefined || given.shape.length < 3) return null;
  if (given.shape[0] !== samples || given.shape.at(-2) !== height || given.shape.at(-1) !== width) return null;
  const values = Float32Array.from(given.values);
  const planes = planesOf(values, [samples, values.length / places, height, width]);
  return { planes, targets: () => ({ values, shape: given.shape }) };
}

function cropImage(image: Planes, mask: Planes | null, least: number, generator: Generator): void {
  const { height, width } = image;
  const share = generator.uniform(least, 1);
  const top = generator.uniform(0, (1 - share) * height);
  const left = generator.uniform(0, (1 - share) * width);
  // Centres of pixels lie at halves.
  const at = (start: number, place: number): number => start + share * (place + 0.5) - 0.5;
  redraw(image, (plane, y, x) => bilinear(plane, image, at(top, y), at(left, x)));
  const nearest = (place: number, most: number): number => nearestInside(Math.round(place), most);
  if (mask === null) return;
  redraw(mask, (plane, y, x) => plane[nearest(at(top, y), height - 1) * width + nearest(at(left, x), width - 1)]);
}

function shiftImage(image: Planes, mask: Planes | null, most: number, generator: Generator): void {
  const { height, width } = image;
  const down = generator.below(2 * most + 1) - most;
  const right = generator.below(2 * most + 1) - most;
  for (const one of [image, mask]) {
    if (one === null) continue;
    redraw(
      one,
      (plane, y, x) => plane[nearestInside(y - down, height - 1) * width + nearestInside(x - right, width - 1)],
    );
  }
}

function flipImage(image: Planes): void {
  redraw(image, (plane, y, x) => plane[y * image.width + image.width - 1 - x]);
}
