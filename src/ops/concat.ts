import { record } from "../autograd.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape, resolveAxis } from "../shape.js";
import { checkTensor, commonBackend, empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { move } from "./slice.js";

/**
 * Joins tensors along one axis.
 *
 * @param list - at least one; all sizes equal but along `axis`
 * @param axis - 0 by default; negative ones count from the end
 * @throws ShapeError if other sizes differ
 * @example
 * ```ts
 * concat([tensor([[1, 2]]), tensor([[3, 4]])], 0).shape; // [2, 2]
 * ```
 */
export const concat = defineOp("concat", (list: readonly Tensor[], axis: number = 0): Tensor => {
  const isList: boolean = Array.isArray(list);
  if (!isList || list.length === 0) {
    throw new ArgumentError({
      where: "concat(list, axis)",
      expected: "at least one tensor",
      received: isList ? "none" : String(list),
      cure: "Pass the tensors to join.",
    });
  }
  for (const t of list) checkTensor("concat(list, axis)", t);
  const first = list[0];
  const along = resolveAxis("concat(list, axis)", axis, first.rank);
  for (const t of list) {
    if (t.rank === first.rank && t.shape.every((n, k) => k === along || n === first.shape[k])) continue;
    throw new ShapeError({
      where: "concat(list, axis)",
      expected: `shapes equal to ${formatShape(first.shape)} but along axis ${along}`,
      received: formatShape(t.shape),
      cure: "Reshape or slice the tensors so that only that axis differs.",
    });
  }
  const backend = commonBackend("concat(list, axis)", ...list);
  const shape = [...first.shape];
  shape[along] = list.reduce((total, t) => total + t.shape[along], 0);
  const y = empty("concat", backend, shape);
  const parts = list.map((t) => t.shape);
  const starts: number[] = [];
  let start = 0;
  for (const t of list) {
    move(t, y, t.shape, along, 0, start);
    starts.push(start);
    start += t.shape[along];
  }
  return record("concat", y, list, [], (dy, _, needs) =>
    parts.map((part, k) => {
      if (!needs[k]) return null;
      const dx = empty("concat", dy.backend, part);
      move(dy, dx, part, along, starts[k], 0);
      return dx;
    }),
  );
});
