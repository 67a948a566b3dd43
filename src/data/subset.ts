import type { Tensor } from "../tensor.js";
import type { Dataset, TensorData } from "./dataset.js";

/**
 * Some samples of a dataset, without copying them.
 *
 * @param indices - which, in their new order
 * @example
 * ```ts
 * const data = arrayDataset({ inputs: new Float32Array(3), shape: [1], labels: [4, 5, 6] });
 * subset(data, [2, 0]).batch([0, 1]).targets; // Int32Array [6, 4]
 * ```
 */
export function subset<Target, Inputs = Tensor | TensorData>(
  dataset: Dataset<Target, Inputs>,
  indices: ArrayLike<number>,
): Dataset<Target, Inputs> {
  return {
    length: indices.length,
    generators: dataset.generators ?? [],
    // A number beyond the subset maps to undefined, which the dataset refuses.
    batch: (numbers) => dataset.batch(Array.from(numbers, (k) => indices[k])),
  };
}
