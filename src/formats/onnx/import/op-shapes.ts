import { type Argument, ValueRef } from "../../../graph/argument.js";
import type { OpenShape } from "../../../graph/node.js";
import { arrayOpShapes } from "./array-op-shapes.js";
import { broadcastOpen, countOf, dividedBy, type Size } from "./open-shapes.js";

type ShapeRule = (shapes: readonly (OpenShape | null)[], args: readonly Argument[]) => OpenShape | null;

const broadcasting: ShapeRule = (shapes) => broadcastOpen(shapes.slice(0, 2));
const keeping: ShapeRule = ([x]) => x;

/** The shape of what an op makes, of the shapes of its arguments. Ops that the import does not write are not here. */
const rules: Readonly<Record<string, ShapeRule>> = {
  ...{ add: broadcasting, sub: broadcasting, mul: broadcasting, div: broadcasting, pow: broadcasting },
  ...{ neg: keeping, exp: keeping, log: keeping, sqrt: keeping, softmax: keeping, logSoftmax: keeping },
  ...{ relu: keeping, relu6: keeping },
  ...{ sum: reduced, mean: reduced, max: reduced, min: reduced, prod: reduced, norm: reduced, logSumExp: reduced },
  ...arrayOpShapes,
  matmul: ([a, b]) => {
    if (a === null || b === null || a.length < 2 || b.length < 2) return null;
    const batch = broadcastOpen([a.slice(0, -2), b.slice(0, -2)]);
    return batch && [...batch, a[a.length - 2], b[b.length - 1]];
  },
  transpose: ([x], [, order]) => x && ((order as readonly number[]) ?? []).map((axis) => x[axis]),
  reshape: ([x], [, to]) => {
    const sizes = to as readonly Size[];
    const left = sizes.indexOf(-1);
    if (left < 0) return sizes;
    const others = countOf(sizes.filter((_, axis) => axis !== left));
    return sizes.map((size, axis) => (axis === left ? (x === null ? null : dividedBy(countOf(x), others)) : size));
  },
  slice: ([x], [, start, end, axis]) =>
    x === null ? null : x.map((size, k) => (k === axis ? sliced(size, start, end) : size)),
  concat: (shapes, [, axis]) => {
    const [first] = shapes;
    if (first === null || shapes.some((shape) => shape === null)) return null;
    return first.map((size, k) => (k === axis ? shapes.reduce<Size>((sum, shape) => plus(sum, shape?.[k]), 0) : size));
  },
};

/** @param shapeOf - the shape of an argument */
export function shapeAfterOp(
  op: string,
  args: readonly Argument[],
  shapeOf: (argument: Argument) => OpenShape | null,
): OpenShape | null {
  const [first, ...rest] = args;
  const operands = Array.isArray(first)
    ? first
    : [first, ...rest.filter((argument) => argument instanceof ValueRef || !Array.isArray(argument))];
  return rules[op]?.(operands.map(shapeOf), args) ?? null;
}

function reduced([x]: readonly (OpenShape | null)[], [, axes, options]: readonly Argument[]): OpenShape | null {
  const { keepDims = false } = (options ?? {}) as { readonly keepDims?: boolean };
  const gone = axes as readonly number[];
  const kept = keepDims ? [1] : [];
  return x === null ? null : x.flatMap((size, axis) => (gone.includes(axis) ? kept : [size]));
}

function plus(a: Size, b: Size | undefined): Size {
  if (typeof a === "number" && typeof b === "number") return a + b;
  return null;
}

function sliced(size: Size, start: Argument, end: Argument): Size {
  if (typeof size !== "number") return null;
  const [from, to] = [Number(start), end === undefined ? size : Number(end)].map((at) => (at < 0 ? at + size : at));
  return to - from;
}
