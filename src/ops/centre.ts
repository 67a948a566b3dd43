import { noGrad, record } from "../autograd.js";
import type { Tensor } from "../tensor.js";
import { sub } from "./binary.js";
import { mean } from "./mean.js";

/** x less its mean over an axis; the gradient is dy less its mean. Inside layers only. */
export function centre(x: Tensor, axis: number): Tensor {
  const lowered = (t: Tensor): Tensor => sub(t, mean(t, axis, { keepDims: true }));
  // Twice, since the first mean is rounded to float32: what it leaves of a large mean is small.
  const y = noGrad(() => lowered(lowered(x)));
  return record("centre", y, [x], [], (dy) => [lowered(dy)]);
}
