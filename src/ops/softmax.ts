import { record } from "../autograd.js";
import { resolveAxis, sizeOf } from "../shape.js";
import { checkTensor, empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";

function along(where: string, x: Tensor, axis: number): [outer: number, count: number, inner: number] {
  checkTensor(where, x);
  const k = resolveAxis(where, axis, x.rank);
  return [sizeOf(x.shape.slice(0, k)), x.shape[k], sizeOf(x.shape.slice(k + 1))];
}

/** eˣ / Σ eˣ along an axis. @param x - rank ≥ 1 @param axis - −1 by default */
export const softmax = defineOp("softmax", (x: Tensor, axis: number = -1): Tensor => {
  const [outer, count, inner] = along("softmax(x, axis)", x, axis);
  const y = empty("softmax", x.backend, x.shape);
  x.backend.softmax(x.block, y.block, outer, count, inner);
  return record("softmax", y, [x], [y], (dy, [saved]) => {
    const dx = empty("softmax", dy.backend, dy.shape);
    dy.backend.softmaxGradient(dy.block, saved.block, dx.block, outer, count, inner);
    return [dx];
  });
});

/** x − ln Σ eˣ along an axis. @param x - rank ≥ 1 @param axis - −1 by default */
export const logSoftmax = defineOp("logSoftmax", (x: Tensor, axis: number = -1): Tensor => {
  const [outer, count, inner] = along("logSoftmax(x, axis)", x, axis);
  const y = empty("logSoftmax", x.backend, x.shape);
  x.backend.logSoftmax(x.block, y.block, outer, count, inner);
  return record("logSoftmax", y, [x], [y], (dy, [saved]) => {
    const dx = empty("logSoftmax", dy.backend, dy.shape);
    dy.backend.logSoftmaxGradient(dy.block, saved.block, dx.block, outer, count, inner);
    return [dx];
  });
});
