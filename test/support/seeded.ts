import { Generator, type Shape, type Tensor, type TensorOptions, tensor } from "evenkeel";

/** Normal deviates of a shape from a seed. */
export function normal(shape: Shape, seed: number, options: TensorOptions = {}): Tensor {
  return tensor(
    normalValues(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
    options,
  );
}

/** Normal deviates from a seed. */
export function normalValues(length: number, seed: number, mean = 0, deviation = 1): Float32Array {
  const generator = new Generator(seed);
  return Float32Array.from({ length }, () => generator.normal(mean, deviation));
}
