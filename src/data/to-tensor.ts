import { tensor } from "../create.js";
import { Tensor } from "../tensor.js";
import type { TensorData } from "./dataset.js";

/**
 * A batch's inputs or targets as a tensor: values of the host are copied into a new one, a tensor is given back.
 *
 * @example
 * ```ts
 * const data = arrayDataset({ inputs: Float32Array.of(1, 2, 3, 4), shape: [2], labels: [0, 1] });
 * toTensor(data.batch([0, 1]).inputs).shape; // [2, 2]
 * ```
 */
export function toTensor(data: Tensor | TensorData): Tensor {
  return data instanceof Tensor ? data : tensor(data.values, data.shape);
}
