import { ArgumentError, ShapeError } from "./errors.js";
import { shown } from "./shown.js";

/** The sizes of a tensor along its axes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** The largest rank of a tensor. */
export const maxRank = 5;

/** The number of values in a tensor of this shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** A shape as it stands in messages: `8×32×7×7`, or `scalar`. */
export function formatShape(shape: Shape): string {
  return shape.length === 0 ? "scalar" : shape.join("×");
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** The axes of a rank, from the first. */
export function allAxes(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Checks that every size is a whole number ≥ 0 that float64 holds exactly, and that there are at most five. */
export function checkShape(where: string, shape: Shape): void {
  const isList = Array.isArray(shape);
  const isShape = isList && shape.length <= maxRank && shape.every((extent) => Number.isInteger(extent) && extent >= 0);
  if (isShape && shape.every(Number.isSafeInteger)) return;
  throw new ShapeError({
    where,
    expected: isShape ? "sizes below 2^53" : `an array of at most ${maxRank} sizes, each a whole number of at least 0`,
    received: isList ? `[${shape.join(", ")}]` : String(shape),
    cure: "Correct the shape, an array such as [2, 3].",
  });
}

/** The axis counted from the front: −1 is the last. @throws ArgumentError if there is no such axis */
export function resolveAxis(where: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(axis) && resolved >= 0 && resolved < rank) return resolved;
  throw new ArgumentError({
    where,
    expected: rank === 0 ? "no axis, since a scalar has none" : `an axis from ${-rank} to ${rank - 1}`,
    received: shown(axis),
    cure: typeof axis === "number" ? "Name an axis that the tensor has." : "Pass the axis itself, such as 1 or -1.",
  });
}

/** The axes counted from the front, ascending, without repeats; all of them if none are named. */
export function resolveAxes(where: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return allAxes(rank);
  const list = (Array.isArray(axes) ? axes : [axes]).map((axis) => resolveAxis(where, axis, rank));
  return [...new Set(list)].sort((a, b) => a - b);
}

/**
 * The shape that two shapes broadcast to: aligned at the last axis, sizes equal or 1.
 *
 * @throws ShapeError if they do not fit
 */
export function broadcastShapes(where: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const result = new Array<number>(rank);
  for (let k = 1; k <= rank; k++) {
    const left = a[a.length - k] ?? 1;
    const right = b[b.length - k] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new ShapeError({
        where,
        expected: "shapes that broadcast (aligned at the last axis, sizes equal or 1)",
        received: `${formatShape(a)} and ${formatShape(b)}`,
        cure: "Reshape one of them.",
      });
    }
    result[rank - k] = left === 1 ? right : left;
  }
  return result;
}

/** Strides with which a tensor of shape `from` is read as if it had shape `to`: 0 along axes that repeat. */
export function broadcastStrides(from: Shape, to: Shape): number[] {
  const own = stridesOf(from);
  const missing = to.length - from.length;
  return to.map((_, axis) => (axis < missing || from[axis - missing] === 1 ? 0 : own[axis - missing]));
}

/**
 * A walk over up to five nested loops that read or write several tensors at once, each with its own strides in
 * elements.
 */
export interface StridedView {
  /** How often each loop runs, outermost first. */
  readonly extents: readonly number[];
  /** For each tensor: how far one turn of each loop moves in it. */
  readonly strides: readonly (readonly number[])[];
}

/**
 * The same walk with as few loops as possible: sizes of 1 are dropped, and loops that continue each other in every
 * tensor are joined.
 */
export function collapse({ extents, strides }: StridedView): StridedView {
  const kept: number[] = [];
  const keptStrides = strides.map((): number[] => []);
  for (let axis = 0; axis < extents.length; axis++) {
    if (extents[axis] === 1) continue;
    const last = kept.length - 1;
    const continues = last >= 0 && strides.every((s, t) => keptStrides[t][last] === s[axis] * extents[axis]);
    if (continues) {
      kept[last] *= extents[axis];
      strides.forEach((s, t) => {
        keptStrides[t][last] = s[axis];
      });
    } else {
      kept.push(extents[axis]);
      strides.forEach((s, t) => {
        keptStrides[t].push(s[axis]);
      });
    }
  }
  return { extents: kept, strides: keptStrides };
}

/** Checks that a size is a whole number of at least `minimum`, and returns it. @throws ArgumentError if it is not */
export function checkCount(where: string, name: string, value: number, minimum = 1): number {
  if (Number.isInteger(value) && value >= minimum) return value;
  throw new ArgumentError({
    where,
    expected: `${name} to be a whole number of at least ${minimum}`,
    received: String(value),
    cure: `Correct ${name}.`,
  });
}
