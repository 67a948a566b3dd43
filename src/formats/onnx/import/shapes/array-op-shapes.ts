import type { OpenShape } from "../../../../graph/node.js";
import type { PadWidths } from "../../../../ops/pad.js";
import type { UpsampleOptions } from "../../../../ops/upsample.js";
import { broadcastOpen, type Size, times } from "./open-shapes.js";

type ShapeRule = (shapes: readonly (OpenShape | null)[], args: readonly unknown[]) => OpenShape | null;

const keeping: ShapeRule = ([x]) => x;
const pair: ShapeRule = (shapes) => broadcastOpen(shapes.slice(0, 2));
const keepers = [
  "abs",
  "sign",
  "floor",
  "ceil",
  "round",
  "square",
  "reciprocal",
  "sin",
  "cos",
  "erf",
  "mish",
  "flip",
  "cumSum",
  "log1p",
  "expm1",
  "rsqrt",
];
const pairs = ["minimum", "maximum", "equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"];

/** The shape with one axis exchanged. */
function withAxis(x: OpenShape | null, axis: unknown, ...sizes: Size[]): OpenShape | null {
  if (x === null) return null;
  const at = Number(axis) < 0 ? Number(axis) + x.length : Number(axis);
  return [...x.slice(0, at), ...sizes, ...x.slice(at + 1)];
}

/** The shape of nested numbers, or of a value. */
function shapeOf(indices: unknown, given: OpenShape | null | undefined): OpenShape | null {
  if (typeof indices !== "number" && !Array.isArray(indices)) return given ?? null;
  const shape: number[] = [];
  for (let level: unknown = indices; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

function plane(size: Size, scale: number): Size {
  return typeof size === "number" ? Math.floor(size * scale) : Number.isInteger(scale) ? times(size, scale) : null;
}

/** The shape of what ops of shapes, indices and choices make; see op-shapes.ts. */
export const arrayOpShapes: Readonly<Record<string, ShapeRule>> = {
  ...Object.fromEntries(keepers.map((op) => [op, keeping])),
  ...Object.fromEntries(pairs.map((op) => [op, pair])),
  unsqueeze: ([x], [, axis]) => x && [...x.slice(0, Number(axis)), 1, ...x.slice(Number(axis))],
  squeeze: ([x], [, axis]) =>
    x?.filter((_, k) => k !== (Number(axis) < 0 ? Number(axis) + x.length : Number(axis))) ?? null,
  lstmSequence: ([gates, weight]) => gates && weight && [2, ...gates.slice(0, 2), weight[1]],
  gruSequence: ([gates, weight]) => gates && weight && [...gates.slice(0, 2), weight[1]],
  clamp: (shapes) => broadcastOpen(shapes),
  where: (shapes) => broadcastOpen(shapes),
  argmax: places,
  argmin: places,
  topKIndices: ([x], [, k, options]) => withAxis(x, (options as { readonly axis: number }).axis, Number(k)),
  takeAlongAxis: ([x, taken], [, indices, axis]) => {
    const shape = shapeOf(indices, taken);
    const at = shape === null ? -1 : Number(axis) < 0 ? Number(axis) + shape.length : Number(axis);
    return shape === null ? null : withAxis(x, axis, shape[at]);
  },
  gather: ([x, taken], [, indices, axis]) => {
    const shape = shapeOf(indices, taken);
    return shape === null ? null : withAxis(x, axis, ...shape);
  },
  full: (_, [shape]) => shape as OpenShape,
  oneHot: ([x], [, classes]) => x && [...x, Number(classes)],
  broadcastTo: (_, [, shape]) => shape as OpenShape,
  tile: ([x], [, counts]) => {
    const repeats = counts as readonly number[];
    if (x === null) return null;
    const rank = Math.max(x.length, repeats.length);
    const at = <T>(list: readonly T[], k: number): T | undefined => list[k - rank + list.length];
    return Array.from({ length: rank }, (_, k) => times(at(x, k) ?? 1, at(repeats, k) ?? 1));
  },
  pad: ([x], [, widths]) => {
    const pairsOf = widths as readonly PadWidths[];
    return (
      x?.map((size, k) => {
        const [before, after] = pairsOf[k - x.length + pairsOf.length] ?? [0, 0];
        if (before + after === 0) return size;
        return typeof size === "number" ? size + before + after : null;
      }) ?? null
    );
  },
  upsample: ([x], [, scale, options]) => {
    const { size } = options as UpsampleOptions;
    if (x === null) return null;
    if (size !== undefined) return [x[0], x[1], ...[size].flat()];
    const [down, across] = scale as readonly number[];
    return [x[0], x[1], plane(x[2], down), plane(x[3], across)];
  },
  pixelShuffle: ([x], [, factor]) => {
    if (x === null) return null;
    const [batch, channels, height, width] = x;
    const all = typeof channels === "number" ? channels / Number(factor) ** 2 : null;
    return [batch, all, times(height, Number(factor)), times(width, Number(factor))];
  },
};

function places([x]: readonly (OpenShape | null)[], [, axis, options]: readonly unknown[]): OpenShape | null {
  return withAxis(x, axis, ...((options as { readonly keepDims: boolean }).keepDims ? [1] : []));
}
