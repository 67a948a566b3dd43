import { checkPositive } from "../../check-range.js";
import { ArgumentError, DataError, ShapeError } from "../../errors.js";
import { checkOptions } from "../../options.js";
import { type Generator, generator as globalGenerator } from "../../random.js";
import { checkCount, formatShape, sizeOf } from "../../shape.js";
import type { Batch, Dataset, TensorData } from "../dataset.js";
import { betaOf } from "./beta.js";

/** Options of {@link mixup} and {@link cutmix}. */
export interface MixOptions {
  /** How many classes there are: targets become a probability for each. */
  readonly classes: number;
  /**
   * α of the distribution Beta(α, α) of the shares, > 0: small ones leave most samples nearly as they are.
   *
   * @defaultValue mixup 0.2, cutmix 1
   */
  readonly alpha?: number;
}

type Mixer = (inputs: TensorData, mixed: Float32Array, pair: Pair, generator: Generator) => number;

/** Which sample of a batch is mixed with which, and how much of the first is meant to stay. */
interface Pair {
  readonly first: number;
  readonly second: number;
  readonly share: number;
}

/**
 * A dataset whose samples are blends of two of a batch, for training only (Zhang et al. 2018, arXiv:1710.09412): x =
 * λ·xᵢ + (1 − λ)·xⱼ, and the targets are probabilities blended likewise, which {@link crossEntropy} takes. λ is drawn
 * from Beta(α, α) for each sample; j by a permutation of the batch.
 *
 * @param dataset - samples with labels, of any shape, on the host
 * @param generator - the source of all draws; a checkpoint of {@link fit} keeps its state. Default: one split off the
 * generator that `seed()` sets
 * @throws ArgumentError if an option is out of range, or samples are no labelled values on the host
 * @throws DataError if a label is no class
 * @example
 * ```ts
 * const data = arrayDataset({ inputs: Float32Array.of(0, 1, 2, 3), shape: [1], labels: [0, 1, 0, 1] });
 * const { targets } = mixup(data, { classes: 2 }, new Generator(1)).batch([0, 1, 2, 3]);
 * targets.shape; // [4, 2]
 * ```
 */
export function mixup(
  dataset: Dataset<Int32Array>,
  options: MixOptions,
  generator: Generator = globalGenerator().split(),
): Dataset<TensorData, TensorData> {
  checkOptions("mixup(dataset, generator)", options, { classes: true, alpha: true });
  return mixing("mixup(dataset, options)", dataset, { alpha: 0.2, ...options }, generator, blend);
}

/**
 * A dataset of images into each of which a rectangle of another one of the batch is pasted, for training only (Yun et
 * al. 2019, arXiv:1905.04899): its share of the area is 1 − λ before it is cut at the border, with λ of Beta(α, α);
 * targets are probabilities by area.
 *
 * @param dataset - images (C, H, W) with labels, on the host
 * @param generator - as of {@link mixup}
 * @throws ArgumentError if an option is out of range, or samples are no labelled values on the host
 * @throws ShapeError if samples are no images
 * @throws DataError if a label is no class
 * @example
 * ```ts
 * const images = arrayDataset({ inputs: new Float32Array(32), shape: [1, 4, 4], labels: [0, 1] });
 * const { targets } = cutmix(images, { classes: 2 }, new Generator(1)).batch([0, 1]);
 * targets.values[0] + targets.values[1]; // 1
 * ```
 */
export function cutmix(
  dataset: Dataset<Int32Array>,
  options: MixOptions,
  generator: Generator = globalGenerator().split(),
): Dataset<TensorData, TensorData> {
  checkOptions("cutmix(dataset, generator)", options, { classes: true, alpha: true });
  return mixing("cutmix(dataset, options)", dataset, { alpha: 1, ...options }, generator, paste);
}

function mixing(
  where: string,
  dataset: Dataset<Int32Array>,
  { classes, alpha }: Required<MixOptions>,
  generator: Generator,
  mix: Mixer,
): Dataset<TensorData, TensorData> {
  checkCount(where, "classes", classes, 2);
  checkPositive(where, "alpha", alpha, { cure: "Pass 0.2 for mixup, 1 for cutmix." });
  return {
    length: dataset.length,
    generators: [...(dataset.generators ?? []), generator],
    batch(indices): Batch<TensorData, TensorData> {
      const { inputs, targets: labels } = dataset.batch(indices);
      const [samples] = inputs.shape;
      if (!("values" in inputs) || !(labels instanceof Int32Array) || labels.length !== samples) {
        const cure = "Mix what arrayDataset({ labels }) gives.";
        throw new ArgumentError({ where, expected: "values on the host with a label each", received: "others", cure });
      }
      const values = Float32Array.from(inputs.values);
      const targets = new Float32Array(samples * classes);
      const partners = generator.permutation(samples);
      for (let first = 0; first < samples; first++) {
        const second = partners[first];
        const share = betaOf(alpha, generator);
        const kept = mix(inputs, values, { first, second, share }, generator);
        for (const [row, part] of [
          [first, kept],
          [second, 1 - kept],
        ]) {
          if (!(labels[row] >= 0 && labels[row] < classes)) throw noClass(where, labels[row], classes);
          targets[first * classes + labels[row]] += part;
        }
      }
      return { inputs: { values, shape: inputs.shape }, targets: { values: targets, shape: [samples, classes] } };
    },
  };
}

function noClass(where: string, label: number, classes: number): DataError {
  const cure = "Pass as many classes as there are.";
  return new DataError({ where, expected: `labels from 0 to ${classes - 1}`, received: String(label), cure });
}

/** λ·xᵢ + (1 − λ)·xⱼ. */
const blend: Mixer = ({ values, shape }, mixed, { first, second, share }) => {
  const size = sizeOf(shape.slice(1));
  for (let i = 0; i < size; i++) {
    mixed[first * size + i] = share * values[first * size + i] + (1 - share) * values[second * size + i];
  }
  return share;
};

/** A rectangle of xⱼ in xᵢ. */
const paste: Mixer = ({ values, shape }, mixed, { first, second, share }, generator) => {
  if (shape.length !== 4) {
    throw new ShapeError({
      where: "cutmix(dataset, options)",
      expected: "images (C, H, W)",
      received: `samples of shape ${formatShape(shape.slice(1))}`,
      cure: "Use mixup for others.",
    });
  }
  const [, channels, height, width] = shape;
  const side = Math.sqrt(1 - share);
  const span = (extent: number): [from: number, to: number] => {
    const [middle, half] = [generator.below(extent), Math.floor((side * extent) / 2)];
    return [Math.max(0, middle - half), Math.min(extent, middle + half)];
  };
  const [[top, bottom], [left, right]] = [span(height), span(width)];
  for (let c = 0; c < channels; c++) {
    for (let y = top; y < bottom; y++) {
      const at = (sample: number): number => ((sample * channels + c) * height + y) * width;
      mixed.set(values.subarray(at(second) + left, at(second) + right), at(first) + left);
    }
  }
  return 1 - ((bottom - top) * (right - left)) / (height * width);
};
