import { record } from "../autograd.js";
import { ShapeError } from "../errors.js";
import { checkShape, resolveAxis, type Shape, sizeOf } from "../shape.js";
import { type Tensor, view } from "../tensor.js";
import { defineOp } from "../tracing.js";

/**
 * The same values in another shape, in the same memory; one size may be −1, which stands for what is left, unless the
 * others are 0.
 */
export const reshape = defineOp("reshape", (x: Tensor, shape: Shape): Tensor => {
  const where = `${x.title}.reshape(shape)`;
  const open = shape.indexOf(-1);
  const filled = [...shape];
  if (open >= 0) {
    filled[open] = 1;
    const rest = sizeOf(filled);
    if (rest === 0 && x.size === 0) {
      throw new ShapeError({
        where,
        expected: "sizes that say what −1 stands for",
        received: `[${shape.join(", ")}], in which any size gives 0 values`,
        cure: "Write the size instead of −1.",
      });
    }
    filled[open] = x.size / rest;
  }
  if (!Number.isInteger(filled[open] ?? 0) || sizeOf(filled) !== x.size) {
    throw new ShapeError({
      where,
      expected: `a shape of ${x.size} values`,
      received: `[${shape.join(", ")}]`,
      cure: "Choose sizes whose product is the number of values; one of them may be −1.",
    });
  }
  checkShape(where, filled);
  const before = x.shape;
  return record("reshape", view("reshape", x, filled), [x], [], (dy) => [view("reshape", dy, before)]);
});

/** Joins all axes from `startAxis` on into one. */
export const flatten = defineOp("flatten", (x: Tensor, startAxis: number = 0): Tensor => {
  if (x.rank === 0) return reshape(x, [1]);
  const start = resolveAxis(`${x.title}.flatten(startAxis)`, startAxis, x.rank);
  return reshape(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start))]);
});
