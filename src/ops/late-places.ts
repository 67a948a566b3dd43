import { noGrad } from "../autograd.js";
import { ShapeError } from "../errors.js";
import { scope } from "../scope.js";
import type { Shape } from "../shape.js";
import { empty, type Tensor, upload } from "../tensor.js";
import { add, mul } from "./binary.js";
import { less } from "./comparison.js";
import { mostRows, strayIndex } from "./indices.js";

/**
 * Indices of an axis of `size` values that lie on a device, where they are checked and counted from the front: the next
 * read tells of one that is no place of the axis.
 */
export function latePlaces(where: string, indices: Tensor, size: number): Tensor {
  const { backend, block } = indices;
  const check = { is: "whole", low: -size, high: size - 1 } as const;
  backend.expect(check, block, indices.size, ({ place, value }) =>
    strayIndex(where, indices.shape, size, place, value),
  );
  return noGrad(() => scope(() => add(indices.detach(), mul(less(indices.detach(), 0), size))));
}

/**
 * The numbers of rows, as a block of i32 for `takeRows`: base + place · step for each place of `shape`. Whatever the
 * indices hold, they lie within `rows`.
 *
 * @param base - values of `shape`
 * @throws ShapeError if float32 cannot count the rows
 */
export function lateRows(
  where: string,
  places: Tensor,
  { base, shape, step, rows }: { base: Float32Array; shape: Shape; step: number; rows: number },
): Tensor {
  if (rows > mostRows) {
    throw new ShapeError({
      where,
      expected: `at most ${mostRows} rows of x for indices that lie on ${places.backend.name}`,
      received: String(rows),
      cure: "Pass the indices as an array, such as [0, 2], or take parts of x.",
    });
  }
  const { backend } = places;
  return noGrad(() =>
    scope(() => {
      const numbers = add(upload("gather", backend, shape, base), step === 1 ? places : mul(places, step));
      const found = empty("gather", backend, [numbers.size]);
      if (numbers.size > 0) backend.toIndices(numbers.block, found.block, numbers.size, Math.max(1, rows));
      return found;
    }),
  );
}
