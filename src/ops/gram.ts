import { record } from "../autograd.js";
import type { Tensor } from "../tensor.js";
import { applyBinary } from "./binary.js";
import { multiplyBatches } from "./matmul.js";
import { permuted } from "./transpose.js";

/**
 * x·xᵀ of matrices (…, m, k), in (…, m, m). It is symmetric, so that its gradient takes one product where those of two
 * operands take two. Inside layers only.
 */
export function gram(x: Tensor): Tensor {
  const batch = x.shape.slice(0, -2);
  return record("gram", multiplyBatches(x, false, x, true, batch), [x], [x], (dy, [saved]) => {
    const turned = permuted(dy, [...batch.map((_, k) => k), dy.rank - 1, dy.rank - 2]);
    return [multiplyBatches(applyBinary("add", dy, turned), false, saved, false, batch)];
  });
}
