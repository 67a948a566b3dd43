import { tensor } from "../create.js";
import { type Generator, generator as globalGenerator } from "../random.js";
import { type Shape, sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";

/**
 * A parameter of uniform values in ±1/√fanIn: PyTorch's default for linear and convolutional weights and biases (Kaiming uniform, He
 * et al. 2015, arXiv:1502.01852, with a = √5).
 */
export function uniformParameter(shape: Shape, fanIn: number, generator: Generator = globalGenerator()): Tensor {
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  const values = Float32Array.from({ length: sizeOf(shape) }, () => generator.uniform(-bound, bound));
  return tensor(values, shape, { requiresGrad: true });
}
