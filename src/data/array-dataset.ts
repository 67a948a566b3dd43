import { ArgumentError, DataError, ShapeError } from "../errors.js";
import { checkOptions, type OptionNames } from "../options.js";
import { checkCount, checkShape, formatShape, type Shape, sizeOf } from "../shape.js";
import type { Dataset, TensorData } from "./dataset.js";
import { standardized } from "./moments.js";
import { channelTransform, type Preprocessing, type StoredValues } from "./preprocessing.js";
import { checkNumericInputs, isLabel, labelFault, targetFault } from "./values.js";

/** Samples in one typed array. */
interface ArrayInputs {
  /** All samples one after another, row-major. Bytes stay bytes until a batch is made of them. */
  readonly inputs: StoredValues;
  /** The shape of one sample: (C, …). */
  readonly shape: Shape;
  /** @defaultValue none */
  readonly preprocessing?: Preprocessing;
}

const inputNames: OptionNames<ArrayInputs> = { inputs: true, shape: true, preprocessing: true };

/** Samples with classes. */
export interface ArrayDatasetOptions extends ArrayInputs {
  /** The class of each sample, or of each of its places, row-major. */
  readonly labels: Int32Array | Uint8Array | readonly number[];
  /**
   * The places of a sample that have a label each: [H, W] for masks of images (C, H, W), whose network gives (N,
   * classes, H, W). A label of −100 does not count; another mark, such as 255, is the loss's `ignoreIndex`.
   * @defaultValue []: one label a sample
   */
  readonly labelShape?: Shape;
}

/** Samples with numbers to predict: a regression. */
export interface RegressionDatasetOptions extends ArrayInputs {
  /** The numbers of each sample, row-major (N, outputs). */
  readonly targets: Float32Array | Float64Array | readonly number[];
  /** How many numbers there are to each sample. @defaultValue 1 */
  readonly outputs?: number;
  /** Targets become (target − mean) / deviation. @defaultValue as they are */
  readonly targetScale?: TargetScale;
}

/** Brings targets to a scale that trains well: mean and deviation of each output over the training samples. */
export interface TargetScale {
  /** One for each output. */
  readonly mean: readonly number[];
  /** One for each output, > 0. */
  readonly deviation: readonly number[];
}

/**
 * Samples in memory, with labels of classes or with numbers to predict.
 *
 * @example
 * ```ts
 * const data = arrayDataset({ inputs: new Float32Array([1, 2, 3, 4]), shape: [2], labels: [0, 1] });
 * data.length; // 2
 * data.batch([1, 0]).targets; // Int32Array [1, 0]
 * const prices = arrayDataset({ inputs: Float32Array.of(1, 2), shape: [1], targets: [10, 30] });
 * prices.batch([1]).targets.shape; // [1, 1]
 * ```
 * @throws ShapeError if inputs and labels do not fit the shape
 * @throws DataError if a label is not a whole number ≥ 0, or a target not finite, naming its row
 */
export function arrayDataset(options: ArrayDatasetOptions): Dataset<Int32Array, TensorData>;
export function arrayDataset(options: RegressionDatasetOptions): Dataset<TensorData, TensorData>;
export function arrayDataset(
  options: ArrayDatasetOptions | RegressionDatasetOptions,
): Dataset<Int32Array | TensorData, TensorData> {
  if ("labels" in options)
    checkOptions("arrayDataset(options)", options, { ...inputNames, labels: true, labelShape: true });
  else
    checkOptions("arrayDataset(options)", options, { ...inputNames, targets: true, outputs: true, targetScale: true });
  const { inputs, shape, preprocessing = {} } = options;
  checkShape("arrayDataset({ shape })", shape);
  const size = sizeOf(shape);
  const [length, targetsOf] = "labels" in options ? gatherLabels(options) : gatherNumbers(options);
  if (inputs.length !== size * length) {
    throw new ShapeError({
      where: `arrayDataset({ inputs, shape, ${"labels" in options ? "labels" : "targets"} })`,
      expected: `${size * length} values for ${length} samples of shape ${formatShape(shape)}`,
      received: String(inputs.length),
      cure: `Correct the shape, or pass one ${"labels" in options ? "label" : "target"} for each sample.`,
    });
  }
  checkNumericInputs("arrayDataset({ inputs })", inputs);
  const transform = channelTransform(shape, preprocessing);
  return {
    length,
    batch(indices) {
      const values = new Float32Array(indices.length * size);
      for (let k = 0; k < indices.length; k++) {
        if (!(indices[k] >= 0 && indices[k] < length)) throw outOfRange(indices[k], length);
        transform(inputs, indices[k] * size, values, k * size);
      }
      return { inputs: { values, shape: [indices.length, ...shape] }, targets: targetsOf(indices) };
    },
  };
}

/** How many samples there are, and how the targets of some are gathered. */
type Gather<Target> = readonly [length: number, targetsOf: (indices: ArrayLike<number>) => Target];

function gatherLabels({ labels, labelShape = [] }: ArrayDatasetOptions): Gather<Int32Array> {
  const where = "arrayDataset({ labels })";
  checkShape("arrayDataset({ labelShape })", labelShape);
  const each = sizeOf(labelShape);
  for (let row = 0; row < labels.length; row++) {
    const mayBeNone = labelShape.length > 0 && labels[row] === -100;
    if (!isLabel(labels[row]) && !mayBeNone) throw labelFault(where, labels[row], row);
  }
  if (labelShape.length === 0) return [labels.length, (indices) => Int32Array.from(indices, (row) => labels[row])];
  if (each === 0 || labels.length % each !== 0) {
    const expected = `${each} labels for each sample, of shape ${formatShape(labelShape)}`;
    throw new DataError({ where, expected, received: `${labels.length} in all`, cure: "Correct labelShape." });
  }
  const gather = (indices: ArrayLike<number>): Int32Array => {
    const targets = new Int32Array(indices.length * each);
    for (let k = 0; k < indices.length; k++) {
      const from = indices[k] * each;
      targets.set(labels.slice(from, from + each), k * each);
    }
    return targets;
  };
  return [labels.length / each, gather];
}

function gatherNumbers({ targets, outputs = 1, targetScale }: RegressionDatasetOptions): Gather<TensorData> {
  const where = "arrayDataset({ targets, outputs })";
  checkCount(where, "outputs", outputs);
  const stray = targets.findIndex((target) => !Number.isFinite(target));
  if (stray >= 0) throw targetFault(where, targets[stray], Math.floor(stray / outputs));
  if (targets.length % outputs !== 0) {
    const expected = `${outputs} numbers for each sample`;
    throw new DataError({ where, expected, received: `${targets.length} in all`, cure: "Correct outputs." });
  }
  const { mean = [], deviation = [] } = targetScale ?? {};
  const gather = (indices: ArrayLike<number>): TensorData => {
    const values = new Float32Array(indices.length * outputs);
    for (let i = 0; i < values.length; i++) {
      const k = i % outputs;
      const target = targets[indices[(i - k) / outputs] * outputs + k];
      values[i] = standardized(target, { mean: mean[k] ?? 0, deviation: deviation[k] ?? 1 });
    }
    return { values, shape: [indices.length, outputs] };
  };
  return [targets.length / outputs, gather];
}

/** A number of no sample. */
export function outOfRange(index: number, length: number): ArgumentError {
  return new ArgumentError({
    where: "dataset.batch(indices)",
    expected: `sample numbers from 0 to ${length - 1}`,
    received: String(index),
    cure: "Number the samples from 0.",
  });
}
