import { ArgumentError } from "../errors.js";
import { checkCount, checkShape, resolveAxis, sizeOf } from "../shape.js";
import { shown } from "../shown.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { broadcastTo } from "./broadcast-to.js";
import { reshape } from "./reshape.js";

/**
 * Each value along an axis `count` times, one after another, as NumPy's `repeat` and PyTorch's `repeat_interleave`.
 * PyTorch's `repeat` is {@link tile}.
 *
 * @param x - rank ≥ 1
 * @param count - at least 0
 * @param axis - 0 by default
 * @throws ArgumentError if `count` is no such number
 * @example
 * ```ts
 * repeat(tensor([1, 2]), 2).dataSync(); // Float32Array [1, 1, 2, 2]
 * ```
 */
export const repeat = defineComposite("repeat", (x: Tensor, count: number, axis: number = 0): Tensor => {
  const where = "repeat(x, count, axis)";
  checkTensor(where, x);
  const along = resolveAxis(where, axis, x.rank);
  checkCount(where, "count", count, 0);
  const [outer, inner] = [sizeOf(x.shape.slice(0, along + 1)), sizeOf(x.shape.slice(along + 1))];
  const repeated = broadcastTo(reshape(x, [outer, 1, inner]), [outer, count, inner]);
  return reshape(
    repeated,
    x.shape.map((size, k) => (k === along ? size * count : size)),
  );
});

/**
 * x as a whole, so often along each axis, as NumPy's and PyTorch's `tile`.
 *
 * @param x - any shape
 * @param counts - one for each axis, aligned at the last: axes that x lacks stand before it, axes without a count have
 * 1
 * @throws ArgumentError if a count is no whole number of at least 0
 * @throws ShapeError if there are more than five
 * @example
 * ```ts
 * tile(tensor([1, 2]), [2, 2]).dataSync(); // Float32Array [1, 2, 1, 2, 1, 2, 1, 2]
 * ```
 */
export const tile = defineComposite("tile", (x: Tensor, counts: readonly number[]): Tensor => {
  const where = "tile(x, counts)";
  checkTensor(where, x);
  if (!Array.isArray(counts) || !counts.every((count) => Number.isInteger(count) && count >= 0)) {
    throw new ArgumentError({
      where,
      expected: "an array of whole numbers of at least 0",
      received: shown(counts),
      cure: "Pass one count for each axis.",
    });
  }
  const rank = Math.max(x.rank, counts.length);
  const one = (length: number): number[] => new Array<number>(Math.max(0, length)).fill(1);
  const times = [...one(rank - counts.length), ...counts];
  const sizes = [...one(rank - x.rank), ...x.shape];
  checkShape(where, sizes);
  let y = reshape(x, sizes);
  for (let k = rank - 1; k >= 0; k--) {
    if (times[k] === 1) continue;
    const [outer, inner] = [sizeOf(y.shape.slice(0, k)), sizeOf(y.shape.slice(k))];
    const repeated = broadcastTo(reshape(y, [outer, 1, inner]), [outer, times[k], inner]);
    const { shape } = y;
    y = reshape(
      repeated,
      shape.map((size, axis) => (axis === k ? size * times[k] : size)),
    );
  }
  return y;
});
