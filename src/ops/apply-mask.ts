import { record } from "../autograd.js";
import type { Tensor } from "../tensor.js";
import { applyBinary } from "./binary.js";

/** x where the mask is not 0, and 0 elsewhere, whatever x holds there; so is its gradient. The mask broadcasts to x. */
export function applyMask(x: Tensor, mask: Tensor): Tensor {
  const y = applyBinary("pass", x, mask, x.shape);
  return record("applyMask", y, [x], [mask], (dy, [saved]) => [applyBinary("pass", dy, saved, dy.shape)]);
}
