import { ArgumentError, DataError, ShapeError } from "../errors.js";
import { checkShape, formatShape, type Shape, sizeOf } from "../shape.js";
import type { Dataset } from "./dataset.js";

/** How stored values become inputs: (value · scale − mean[c]) / deviation[c], c being the channel. */
export interface Preprocessing {
  /** @defaultValue 1; 1/255 for bytes */
  readonly scale?: number;
  /** One for each channel, or one for all. @defaultValue 0 */
  readonly mean?: readonly number[];
  /** One for each channel, or one for all; > 0. @defaultValue 1 */
  readonly deviation?: readonly number[];
}

/** Samples in one typed array. */
export interface ArrayDatasetOptions {
  /** All samples one after another, row-major. Bytes stay bytes until a batch is made of them. */
  readonly inputs: Float32Array | Uint8Array;
  /** The shape of one sample: (C, …). */
  readonly shape: Shape;
  /** The class of each sample. */
  readonly labels: Int32Array | Uint8Array | readonly number[];
  /** @defaultValue none */
  readonly preprocessing?: Preprocessing;
}

/**
 * Labelled samples in memory.
 *
 * @example
 * ```ts
 * const data = arrayDataset({ inputs: new Float32Array([1, 2, 3, 4]), shape: [2], labels: [0, 1] });
 * data.length; // 2
 * data.batch([1, 0]).targets; // Int32Array [1, 0]
 * ```
 * @throws ShapeError if inputs and labels do not fit the shape
 * @throws DataError if a label is not a whole number ≥ 0, naming its row
 */
export function arrayDataset({ inputs, shape, labels, preprocessing = {} }: ArrayDatasetOptions): Dataset {
  checkShape("arrayDataset({ shape })", shape);
  const size = sizeOf(shape);
  const length = labels.length;
  if (inputs.length !== size * length) {
    throw new ShapeError({
      where: "arrayDataset({ inputs, shape, labels })",
      expected: `${size * length} values for ${length} samples of shape ${formatShape(shape)}`,
      received: String(inputs.length),
      cure: "Correct the shape, or pass one label for each sample.",
    });
  }
  const stray = Array.from(labels).findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < 2 ** 31));
  if (stray >= 0) {
    throw new DataError({
      where: "arrayDataset({ labels })",
      expected: "whole numbers from 0",
      received: `${labels[stray]} in row ${stray}`,
      cure: "Number the classes from 0.",
    });
  }
  const transform = channelTransform(shape, preprocessing);
  return {
    length,
    batch(indices) {
      const values = new Float32Array(indices.length * size);
      const targets = new Int32Array(indices.length);
      for (let k = 0; k < indices.length; k++) {
        const start = indices[k] * size;
        if (!(indices[k] >= 0 && indices[k] < length)) throw outOfRange(indices[k], length);
        transform(inputs, start, values, k * size);
        targets[k] = labels[indices[k]];
      }
      return { inputs: { values, shape: [indices.length, ...shape] }, targets };
    },
  };
}

function outOfRange(index: number, length: number): ArgumentError {
  return new ArgumentError({
    where: "dataset.batch(indices)",
    expected: `sample numbers from 0 to ${length - 1}`,
    received: String(index),
    cure: "Number the samples from 0.",
  });
}

/** A loop that preprocesses one sample from its place in `from` to its place in `to`. */
function channelTransform(
  shape: Shape,
  { scale = 1, mean = [0], deviation = [1] }: Preprocessing,
): (from: Float32Array | Uint8Array, start: number, to: Float32Array, at: number) => void {
  const channels = shape[0] ?? 1;
  const plane = channels === 0 ? 0 : sizeOf(shape) / channels;
  for (const [name, list] of Object.entries({ mean, deviation })) {
    const fits = list.length === 1 || list.length === channels;
    if (fits && list.every((value) => Number.isFinite(value) && (name === "mean" || value > 0))) continue;
    throw new ArgumentError({
      where: "arrayDataset({ preprocessing })",
      expected: `${name} to hold 1 or ${channels} finite numbers${name === "deviation" ? " above 0" : ""}`,
      received: `[${list.join(", ")}]`,
      cure: `Pass one ${name} for each channel.`,
    });
  }
  return (from, start, to, at) => {
    for (let c = 0; c < channels; c++) {
      const factor = scale / (deviation[c] ?? deviation[0]);
      const shift = -(mean[c] ?? mean[0]) / (deviation[c] ?? deviation[0]);
      for (let i = c * plane; i < (c + 1) * plane; i++) to[at + i] = from[start + i] * factor + shift;
    }
  };
}
