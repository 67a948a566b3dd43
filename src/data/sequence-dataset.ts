import { DataError } from "../errors.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import { outOfRange } from "./array-dataset.js";
import type { Batch, Dataset, TensorData } from "./dataset.js";
import { checkNumericInputs, isLabel, labelFault } from "./values.js";

/** Options of {@link sequenceDataset}. */
export interface SequenceDatasetOptions {
  /** The steps of each sequence, row-major (T, features); of any lengths, at least one step. */
  readonly sequences: readonly ArrayLike<number>[];
  /** Values of a step. @defaultValue 1, and then inputs are (N, T) of numbers, as an {@link Embedding} takes them */
  readonly features?: number;
  /** A class for each sequence, or a list of one for each step. */
  readonly labels: ArrayLike<number> | readonly ArrayLike<number>[];
}

/** What a step of padding has as its label: {@link crossEntropy} leaves it out. */
const ignoredLabel = -100;

/**
 * Sequences of different lengths, each batch padded with zeros to its longest. The batch has a `mask` (N, T), ones for
 * real steps, which `fit` and `evaluate` pass on: the network's `forward(x, { mask })`. Labels of steps are padded with
 * −100, which {@link crossEntropy} leaves out, of outputs (N, classes, T).
 *
 * @throws DataError if a sequence is empty or no whole number of steps, there are not as many labels, or one is no
 * class, naming the sequence
 * @example
 * ```ts
 * const data = sequenceDataset({ sequences: [[1, 2, 3], [4]], labels: [[0, 1, 0], [1]] });
 * const { inputs, targets, mask } = data.batch([0, 1]);
 * inputs.values; // Float32Array [1, 2, 3, 4, 0, 0]
 * targets; // Int32Array [0, 1, 0, 1, -100, -100]
 * mask?.shape; // [2, 3]
 * ```
 */
export function sequenceDataset(options: SequenceDatasetOptions): Dataset<Int32Array, TensorData> {
  const { sequences, features, labels } = options;
  const where = "sequenceDataset({ sequences, labels })";
  checkOptions(where, options, { sequences: true, features: true, labels: true });
  const width = features ?? 1;
  checkCount(where, "features", width);
  const lengths = Uint32Array.from(sequences, (sequence, k) => {
    checkNumericInputs(where, sequence);
    const length = sequence.length / width;
    if (Number.isInteger(length) && length > 0) return length;
    const expected = `at least one step of ${width} values in each sequence`;
    throw new DataError({
      where,
      expected,
      received: `${sequence.length} values in sequence ${k}`,
      cure: "Correct features, or leave it out.",
    });
  });
  if (labels.length !== sequences.length) {
    const expected = `labels for ${sequences.length} sequences`;
    throw new DataError({ where, expected, received: String(labels.length), cure: "Pass one, or one list, for each." });
  }
  const ofSteps = typeof labels[0] === "object" ? (labels as readonly ArrayLike<number>[]) : null;
  for (const [k, length] of lengths.entries()) {
    const own = ofSteps === null ? [Number(labels[k])] : Array.from(ofSteps[k]);
    if (ofSteps !== null && own.length !== length) {
      const expected = `a label for each of the ${length} steps of sequence ${k}`;
      throw new DataError({
        where,
        expected,
        received: String(own.length),
        cure: "Label every step; -100 does not count.",
      });
    }
    const stray = own.find((label) => !isLabel(label) && label !== ignoredLabel);
    if (stray !== undefined) throw labelFault(where, stray, k);
  }
  return {
    length: sequences.length,
    batch(indices): Batch<Int32Array, TensorData> {
      const rows = Array.from(indices);
      const stray = rows.find((k) => !(k >= 0 && k < sequences.length));
      if (stray !== undefined) throw outOfRange(stray, sequences.length);
      const steps = rows.reduce((most, k) => Math.max(most, lengths[k]), 0);
      const values = new Float32Array(rows.length * steps * width);
      const mask = new Float32Array(rows.length * steps);
      const targets = ofSteps === null ? new Int32Array(rows.length) : new Int32Array(mask.length).fill(ignoredLabel);
      for (const [row, k] of rows.entries()) {
        values.set(sequences[k], row * steps * width);
        mask.fill(1, row * steps, row * steps + lengths[k]);
        if (ofSteps === null) targets[row] = Number(labels[k]);
        else targets.set(ofSteps[k], row * steps);
      }
      const shape = features === undefined ? [rows.length, steps] : [rows.length, steps, width];
      return { inputs: { values, shape }, targets, mask: { values: mask, shape: [rows.length, steps] } };
    },
  };
}
