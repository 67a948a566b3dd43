import { claimValues, tensor, zeros } from "../create.js";
import { generator } from "../random.js";
import { type Shape, sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";

let isGiven = false;

/** Makes layers whose parameters are given other values at once: none are drawn for them. */
export function withoutInitialValues<T>(make: () => T): T {
  const before = isGiven;
  isGiven = true;
  try {
    return make();
  } finally {
    isGiven = before;
  }
}

/**
 * A parameter of uniform values in ±1/√fanIn: PyTorch's default for linear and convolutional weights and biases
 * (Kaiming uniform, He et al. 2015, arXiv:1502.01852, with a = √5).
 */
export function uniformParameter(shape: Shape, fanIn: number): Tensor {
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  if (isGiven) return zeros(shape, { requiresGrad: true });
  const random = generator();
  return tensor(
    drawn(sizeOf(shape), () => random.uniform(-bound, bound)),
    shape,
    { requiresGrad: true },
  );
}

/** So many standard normal deviates. */
export function normalValues(length: number): Float32Array {
  const random = generator();
  return drawn(length, () => random.normal());
}

function drawn(length: number, draw: () => number): Float32Array {
  claimValues(length);
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = draw();
  return values;
}
