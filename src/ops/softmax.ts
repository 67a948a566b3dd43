import { record } from "../autograd.js";
import { resolveAxis, sizeOf } from "../shape.js";
import { checkTensor, empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";

/** An op along an axis whose gradient is computed from its output; both are members of the backend. */
function alongAxis(
  name: "softmax" | "logSoftmax",
  gradient: "softmaxGradient" | "logSoftmaxGradient",
): (x: Tensor, axis?: number) => Tensor {
  return defineOp(name, (x: Tensor, axis: number = -1): Tensor => {
    const where = `${name}(x, axis)`;
    checkTensor(where, x);
    const k = resolveAxis(where, axis, x.rank);
    const [outer, count, inner] = [sizeOf(x.shape.slice(0, k)), x.shape[k], sizeOf(x.shape.slice(k + 1))];
    const y = empty(name, x.backend, x.shape);
    x.backend[name](x.block, y.block, outer, count, inner);
    return record(name, y, [x], [y], (dy, [saved]) => {
      const dx = empty(name, dy.backend, dy.shape);
      dy.backend[gradient](dy.block, saved.block, dx.block, outer, count, inner);
      return [dx];
    });
  });
}

/** eˣ / Σ eˣ along an axis. @param x - rank ≥ 1 @param axis - −1 by default */
export const softmax = alongAxis("softmax", "softmaxGradient");

/** x − ln Σ eˣ along an axis. @param x - rank ≥ 1 @param axis - −1 by default */
export const logSoftmax = alongAxis("logSoftmax", "logSoftmaxGradient");
