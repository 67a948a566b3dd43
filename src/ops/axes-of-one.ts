import { ShapeError } from "../errors.js";
import { checkShape, formatShape, resolveAxes, resolveAxis } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { reshape } from "./reshape.js";

/**
 * x without axes of size 1, in the same memory.
 *
 * @param axis - one axis or several; all of size 1 by default
 * @throws ShapeError if a named axis has another size
 */
export const squeeze = defineComposite("squeeze", (x: Tensor, axis?: number | readonly number[]): Tensor => {
  const where = `${x.title}.squeeze(axis)`;
  checkTensor(where, x);
  const named = axis === undefined ? null : resolveAxes(where, axis, x.rank);
  const stray = named?.find((k) => x.shape[k] !== 1);
  if (stray !== undefined) {
    throw new ShapeError({
      where,
      expected: `axis ${stray} to have size 1`,
      received: `${x.shape[stray]} (shape ${formatShape(x.shape)})`,
      cure: "Reduce it, or use flatten() or reshape().",
    });
  }
  return reshape(
    x,
    x.shape.filter((size, k) => (named === null ? size !== 1 : !named.includes(k))),
  );
});

/**
 * x with a further axis of size 1, in the same memory.
 *
 * @param axis - where it stands in the result; −1 is the last
 * @throws ShapeError if x has five axes already
 */
export const unsqueeze = defineComposite("unsqueeze", (x: Tensor, axis: number): Tensor => {
  const where = `${x.title}.unsqueeze(axis)`;
  checkTensor(where, x);
  const at = resolveAxis(where, axis, x.rank + 1);
  const shape = [...x.shape.slice(0, at), 1, ...x.shape.slice(at)];
  checkShape(where, shape);
  return reshape(x, shape);
});
