import { type Argument, SizeRef } from "../../../../graph/argument.js";
import type { OpenShape } from "../../../../graph/node.js";

/** A size as far as it is known: a number, what grows with an input, or null. */
export type Size = OpenShape[number];

/** As many as there are samples. */
export const batchSize = new SizeRef(0, 1);

/** Whether two sizes are known and equal. */
export function areEqual(a: Size | undefined, b: Size | undefined): boolean {
  if (a instanceof SizeRef && b instanceof SizeRef) return a.axis === b.axis && a.factor === b.factor;
  return typeof a === "number" && a === b;
}

/** Whether a size is the number of samples. */
export function isBatch(size: Size | undefined): boolean {
  return areEqual(size, batchSize);
}

/** a · b, as far as a size can say it. */
export function times(a: Size, b: Size): Size {
  if (typeof a === "number" && typeof b === "number") return a * b;
  if (a instanceof SizeRef && typeof b === "number") return new SizeRef(a.axis, a.factor * b);
  return typeof a === "number" && b instanceof SizeRef ? times(b, a) : null;
}

/** a / b where it is a whole number or a multiple of an input's size, else null. */
export function dividedBy(a: Size, b: Size): Size {
  if (typeof b === "number" && b > 0) {
    if (typeof a === "number") return Number.isInteger(a / b) ? a / b : null;
    if (a instanceof SizeRef) return Number.isInteger(a.factor / b) ? new SizeRef(a.axis, a.factor / b) : null;
  }
  if (!(a instanceof SizeRef && b instanceof SizeRef) || a.axis !== b.axis) return null;
  return Number.isInteger(a.factor / b.factor) ? a.factor / b.factor : null;
}

/** How many values a shape has. */
export function countOf(shape: OpenShape): Size {
  return shape.reduce<Size>(times, 1);
}

/** The shape that shapes broadcast to; null where one is not known. */
export function broadcastOpen(shapes: readonly (OpenShape | null)[]): OpenShape | null {
  let result: Size[] = [];
  for (const shape of shapes) {
    if (shape === null) return null;
    const rank = Math.max(result.length, shape.length);
    const at = (sizes: readonly Size[], axis: number): Size =>
      axis < rank - sizes.length ? 1 : sizes[axis - rank + sizes.length];
    result = Array.from({ length: rank }, (_, axis) => {
      const [a, b] = [at(result, axis), at(shape, axis)];
      if (a === 1) return b;
      return b === 1 || areEqual(a, b) ? a : typeof a === "number" ? a : typeof b === "number" ? b : null;
    });
  }
  return result;
}

/**
 * A shape as the setting of a reshape: one size that is not known, or the number of samples, is what is left; null if
 * more are not known.
 */
export function reshapeTo(shape: OpenShape): Argument[] | null {
  const unknown = shape.indexOf(null);
  if (unknown !== shape.lastIndexOf(null)) return null;
  const left = unknown >= 0 ? unknown : shape.findIndex((size) => size instanceof SizeRef);
  return shape.map((size, axis) => (axis === left ? -1 : size));
}
