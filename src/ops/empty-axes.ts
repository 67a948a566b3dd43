/**
 * The rule for axes of size 0, which every op follows.
 *
 * - What a formula gives without values is computed: a sum is 0, a mean NaN, the largest value of a pooling window on
 *   padding alone −∞ (`pool2d.ts`), and a result of no values has its shape. A gradient is 0 for values that nothing
 *   was computed from, and is written like any other.
 * - What has no value is refused, with the axis ({@link checkHasValues}): the largest of no values, a kernel without
 *   taps, the loss of no samples.
 */
import { ShapeError } from "../errors.js";
import { formatShape, type Shape } from "../shape.js";

/** Checks that the axes which an op reduces have values. @throws ShapeError naming the first that has none */
export function checkHasValues(where: string, shape: Shape, axes: readonly number[], cure: string): void {
  const none = axes.find((axis) => shape[axis] === 0);
  if (none === undefined) return;
  throw new ShapeError({
    where,
    expected: `at least one value along axis ${none}`,
    received: `none (shape ${formatShape(shape)})`,
    cure,
  });
}
