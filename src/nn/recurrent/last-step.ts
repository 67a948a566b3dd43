import { reshape } from "../../ops/reshape.js";
import { slice } from "../../ops/slice.js";
import type { Tensor } from "../../tensor.js";

/**
 * The state behind the step that is computed last, of those of all steps (T, N, H); the first state if there are none.
 */
export function lastStep(steps: Tensor, first: Tensor, isReversed: boolean): Tensor {
  const [count] = steps.shape;
  if (count === 0) return first;
  const at = isReversed ? 0 : count - 1;
  return reshape(slice(steps, at, at + 1), steps.shape.slice(1));
}
