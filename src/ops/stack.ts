import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape, sameShape } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { unsqueeze } from "./axes-of-one.js";
import { concat } from "./concat.js";

/**
 * Joins tensors of one shape along a new axis.
 *
 * @param list - at least one, of up to four axes
 * @param axis - where the new axis stands in the result; 0 by default
 * @throws ShapeError if the shapes differ
 * @example
 * ```ts
 * stack([tensor([1, 2]), tensor([3, 4])], 1).dataSync(); // Float32Array [1, 3, 2, 4]
 * ```
 */
export const stack = defineComposite("stack", (list: readonly Tensor[], axis: number = 0): Tensor => {
  const where = "stack(list, axis)";
  const isList: boolean = Array.isArray(list);
  if (!isList || list.length === 0) {
    throw new ArgumentError({
      where,
      expected: "an array of at least one tensor",
      received: isList ? "none" : String(list),
      cure: "Pass the tensors to join.",
    });
  }
  for (const t of list) checkTensor(where, t);
  const [first] = list;
  const other = list.find((t) => !sameShape(t.shape, first.shape));
  if (other !== undefined) {
    throw new ShapeError({
      where,
      expected: `tensors of one shape, ${formatShape(first.shape)} as the first`,
      received: formatShape(other.shape),
      cure: "Use concat() to join along an axis that they have.",
    });
  }
  return concat(
    list.map((t) => unsqueeze(t, axis)),
    axis < 0 ? axis + first.rank + 1 : axis,
  );
});
