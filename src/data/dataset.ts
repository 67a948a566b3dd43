import type { Generator } from "../random.js";
import type { Shape } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** Values on the host with their shape: what becomes a tensor inside the step that uses it. */
export interface TensorData {
  /** Row-major. */
  readonly values: Float32Array;
  /** Its sizes; their product is the number of values. */
  readonly shape: Shape;
}

/**
 * Inputs and targets of one step.
 *
 * @typeParam Target - labels (Int32Array or numbers), a tensor, or {@link TensorData}
 * @typeParam Inputs - {@link TensorData} where they are known to be on the host
 */
export interface Batch<Target = Int32Array, Inputs = Tensor | TensorData> {
  /** (N, …) */
  readonly inputs: Inputs;
  /** N of them, or as many for each sample as it has places. */
  readonly targets: Target;
  /**
   * What is padding: ones and zeros, which the network's `forward(x, { mask })` gets beside the inputs.
   * {@link sequenceDataset} has it (N, T).
   */
  readonly mask?: Tensor | TensorData;
}

/** Samples that can be gathered by number. */
export interface Dataset<Target = Int32Array, Inputs = Tensor | TensorData> {
  /** How many samples there are. */
  readonly length: number;
  /** Generators that `batch` draws from, besides the one that `seed()` sets. @defaultValue none */
  readonly generators?: readonly Generator[];
  /** The samples of these numbers as a batch, in their order. */
  batch(indices: ArrayLike<number>): Batch<Target, Inputs>;
}

/** What targets are: labels of classes, or numbers to predict. */
export type Task = "classification" | "regression";
