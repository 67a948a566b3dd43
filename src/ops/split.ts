import { ArgumentError, ShapeError } from "../errors.js";
import { checkCount, formatShape, resolveAxis } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { slice } from "./slice.js";

/**
 * Cuts an axis into parts, as PyTorch does.
 *
 * @param x - rank ≥ 1
 * @param sizes - the size of every part, the last of which may be smaller; or the sizes of all parts, which add up to
 * the axis
 * @param axis - 0 by default
 * @returns the parts in their order, each a copy
 * @throws ShapeError if the sizes do not add up to that of the axis
 * @example
 * ```ts
 * const [head, tail] = split(tensor([1, 2, 3]), [1, 2]);
 * tail.dataSync(); // Float32Array [2, 3]
 * ```
 */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  const where = "split(x, sizes, axis)";
  checkTensor(where, x);
  const along = resolveAxis(where, axis, x.rank);
  return cut(
    x,
    typeof sizes === "number" ? equalSizes(x.shape[along], checkCount(where, "sizes", sizes)) : sizes,
    along,
  );
}

/**
 * Cuts an axis into `count` parts of equal size, of which the last ones may be smaller or missing, as PyTorch does: 7
 * values in 4 parts are 2, 2, 2 and 1, in 5 parts 2, 2, 2 and 1.
 *
 * @param x - rank ≥ 1
 * @param count - at least 1
 * @param axis - 0 by default
 * @returns the parts in their order, each a copy
 * @throws ArgumentError if `count` is no such number
 * @example
 * ```ts
 * chunk(tensor([1, 2, 3]), 2).map((part) => part.size); // [2, 1]
 * ```
 */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  const where = "chunk(x, count, axis)";
  checkTensor(where, x);
  const along = resolveAxis(where, axis, x.rank);
  const size = Math.max(1, Math.ceil(x.shape[along] / checkCount(where, "count", count)));
  return cut(x, equalSizes(x.shape[along], size), along);
}

/** Parts of one size, the last of which may be smaller. */
function equalSizes(total: number, size: number): number[] {
  const count = Math.max(1, Math.ceil(total / size));
  return Array.from({ length: count }, (_, k) => Math.min(size, total - k * size));
}

function cut(x: Tensor, sizes: readonly number[], along: number): Tensor[] {
  const where = "split(x, sizes, axis)";
  if (!Array.isArray(sizes) || !sizes.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ArgumentError({
      where,
      expected: "sizes to be a whole number of at least 1, or an array of whole numbers",
      received: JSON.stringify(sizes),
      cure: "Correct sizes.",
    });
  }
  const total = sizes.reduce((sum: number, size: number) => sum + size, 0);
  if (total !== x.shape[along]) {
    throw new ShapeError({
      where,
      expected: `sizes that add up to ${x.shape[along]}, the size of axis ${along} of ${formatShape(x.shape)}`,
      received: `[${sizes.join(", ")}], together ${total}`,
      cure: "Correct sizes.",
    });
  }
  let start = 0;
  return sizes.map((size: number) => {
    const from = start;
    start += size;
    return slice(x, from, start, along);
  });
}
