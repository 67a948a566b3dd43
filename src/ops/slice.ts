import { record } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import { collapse, resolveAxis, type Shape, stridesOf } from "../shape.js";
import { empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";

/**
 * The part of `axis` from `start` up to, not including, `end`; negative places count from the end, as in
 * `Array.prototype.slice`.
 */
export const slice = defineOp("slice", (x: Tensor, start: number, end?: number, axis: number = 0): Tensor => {
  const where = `${x.title}.slice(start, end, axis)`;
  const along = resolveAxis(where, axis, x.rank);
  const extent = x.shape[along];
  const from = start < 0 ? start + extent : start;
  const to = end === undefined ? extent : end < 0 ? end + extent : end;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || from > to || to > extent) {
    throw new ArgumentError({
      where,
      expected: `0 ≤ start ≤ end ≤ ${extent} along axis ${along}`,
      received: `start ${start}, end ${end ?? extent}`,
      cure: "Name a part that the axis has.",
    });
  }
  const shape = x.shape.map((n, k) => (k === along ? to - from : n));
  const y = empty("slice", x.backend, shape);
  move(x, y, shape, along, from, 0);
  const before = x.shape;
  return record("slice", y, [x], [], (dy) => {
    const addTo = (sum: Tensor): void => {
      const part = empty("slice", dy.backend, shape);
      move(sum, part, shape, along, from, 0);
      dy.backend.binary("add", part.block, dy.block, part.block, { extents: [dy.size], aStrides: [1], bStrides: [1] });
      move(part, sum, shape, along, 0, from);
      part.dispose();
    };
    return [{ shape: before, addTo }];
  });
});

/** Copies a part of `shape` that starts at `xStart` along `axis` of x to where `yStart` says in y. */
export function move(x: Tensor, y: Tensor, shape: Shape, axis: number, xStart: number, yStart: number): void {
  const from = stridesOf(x.shape);
  const to = stridesOf(y.shape);
  const { extents, strides } = collapse({ extents: shape, strides: [from, to] });
  x.backend.copy(x.block, y.block, {
    extents,
    xStrides: strides[0],
    xOffset: xStart * from[axis],
    yStrides: strides[1],
    yOffset: yStart * to[axis],
  });
}
