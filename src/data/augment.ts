import { ArgumentError } from "../errors.js";
import type { Generator } from "../random.js";
import { checkCount, formatShape } from "../shape.js";
import type { Batch, Dataset, TensorData } from "./dataset.js";

/** Options of {@link augment}: what is done to each sample, in this order. */
export interface AugmentOptions {
  /** Cuts out a window at random and stretches it (bilinear) to the whole image; each side keeps at least this share, in (0, 1]. */
  readonly crop?: number | undefined;
  /** Moves an image by up to so many pixels along each axis; the edge is repeated. A whole number. */
  readonly shift?: number | undefined;
  /** Mirrors left and right, half of the time. @defaultValue false */
  readonly flip?: boolean | undefined;
  /** Adds normal noise of this deviation to each value, in the units of preprocessed inputs. */
  readonly noise?: number | undefined;
}

/** One image of a batch: C planes of height × width from `start` on. */
interface Plane {
  readonly values: Float32Array;
  readonly start: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/**
 * A dataset that changes its samples at random each time they are gathered, for training only.
 *
 * @param dataset - images (C, H, W); any shape if there is only noise
 * @param generator - the source of all draws, made inside `batch`; a checkpoint of {@link fit} keeps its state
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
  generator: Generator,
): Dataset<Target> {
  checkOptions(options);
  const { crop = 1, shift = 0, flip = false, noise = 0 } = options;
  return {
    length: dataset.length,
    generators: [...(dataset.generators ?? []), generator],
    batch(indices): Batch<Target> {
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

function imagesOf({ shape }: TensorData, values: Float32Array): Plane[] {
  const [count, channels, height, width] = shape;
  if (shape.length !== 4) {
    throw fault(
      "images (C, H, W)",
      `samples of shape ${formatShape(shape.slice(1))}`,
      "Leave crop, shift and flip out.",
    );
  }
  const size = channels * height * width;
  return Array.from({ length: count }, (_, k) => ({ values, start: k * size, channels, height, width }));
}

/** Fills every pixel of an image from its former self: `at(y, x)` reads plane `c`. */
function redraw(
  { values, start, channels, height, width }: Plane,
  pixel: (plane: Float32Array, y: number, x: number) => number,
): void {
  for (let c = 0; c < channels; c++) {
    const from = start + c * height * width;
    const plane = values.slice(from, from + height * width);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) values[from + y * width + x] = pixel(plane, y, x);
    }
  }
}

const clamp = (value: number, most: number): number => Math.min(Math.max(value, 0), most);

function cropImage(image: Plane, least: number, generator: Generator): void {
  const { height, width } = image;
  const share = generator.uniform(least, 1);
  const top = generator.uniform(0, (1 - share) * height);
  const left = generator.uniform(0, (1 - share) * width);
  redraw(image, (plane, y, x) => {
    // Centres of pixels lie at halves.
    const fromY = clamp(top + share * (y + 0.5) - 0.5, height - 1);
    const fromX = clamp(left + share * (x + 0.5) - 0.5, width - 1);
    const x0 = Math.floor(fromX);
    const x1 = Math.min(x0 + 1, width - 1);
    const upper = Math.floor(fromY) * width;
    const lower = Math.min(upper + width, (height - 1) * width);
    const right = fromX - x0;
    const down = fromY - Math.floor(fromY);
    const above = plane[upper + x0] * (1 - right) + plane[upper + x1] * right;
    const below = plane[lower + x0] * (1 - right) + plane[lower + x1] * right;
    return above * (1 - down) + below * down;
  });
}

function shiftImage(image: Plane, most: number, generator: Generator): void {
  const { height, width } = image;
  const down = generator.below(2 * most + 1) - most;
  const right = generator.below(2 * most + 1) - most;
  redraw(image, (plane, y, x) => plane[clamp(y - down, height - 1) * width + clamp(x - right, width - 1)]);
}

function flipImage(image: Plane): void {
  redraw(image, (plane, y, x) => plane[y * image.width + image.width - 1 - x]);
}
