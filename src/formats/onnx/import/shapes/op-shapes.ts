import { type Argument, SizeRef, ValueRef } from "../../../../graph/argument.js";
import type { OpenShape } from "../../../../graph/node.js";
import type { AnyModule } from "../../../../nn/module.js";
import type { AvgPoolOptions } from "../../../../ops/pool.js";
import { resolvePadding, widthsAlong } from "../../../../ops/window-padding.js";
import { countWindows, type Pair } from "../../../../ops/windows.js";
import { Tensor } from "../../../../tensor.js";
import type { WrittenWindows } from "../../../foreign/layer-writers.js";
import { arrayOpShapes } from "./array-op-shapes.js";
import { broadcastOpen, countOf, dividedBy, type Size, times } from "./open-shapes.js";

/** @param shapes - those of the tensors among the arguments, x first */
type ShapeRule = (shapes: readonly (OpenShape | null)[], args: readonly unknown[]) => OpenShape | null;

const broadcasting: ShapeRule = (shapes) => broadcastOpen(shapes.slice(0, 2));
const keeping: ShapeRule = ([x]) => x;

/**
 * The shape of what an op makes, of the shapes of its arguments. Ops that no import writes, and no layer is, are not
 * here.
 */
const rules: Readonly<Record<string, ShapeRule>> = {
  ...{ add: broadcasting, sub: broadcasting, mul: broadcasting, div: broadcasting, pow: broadcasting },
  ...{ neg: keeping, exp: keeping, log: keeping, sqrt: keeping, softmax: keeping, logSoftmax: keeping },
  ...{ relu: keeping, relu6: keeping, elu: keeping, tanh: keeping },
  ...{ sum: reduced, mean: reduced, max: reduced, min: reduced, prod: reduced, norm: reduced, logSumExp: reduced },
  ...{ variance: reduced, std: reduced },
  ...arrayOpShapes,
  matmul: ([a, b]) => {
    if (a === null || b === null || a.length < 2 || b.length < 2) return null;
    const batch = broadcastOpen([a.slice(0, -2), b.slice(0, -2)]);
    return batch && [...batch, a[a.length - 2], b[b.length - 1]];
  },
  linear: ([x, weight]) => x && weight && [...x.slice(0, -1), weight[0]],
  ...{ conv1d: convolved, conv2d: convolved, conv3d: convolved },
  ...{ convTranspose1d: transposed, convTranspose2d: transposed },
  ...{
    maxPool1d: pooled(1),
    maxPool2d: pooled(2),
    maxPool3d: pooled(3),
    avgPool1d: pooled(1),
    avgPool2d: pooled(2),
    avgPool3d: pooled(3),
  },
  embedding: ([x, weight]) => x && weight && [...x, weight[1]],
  globalAvgPool2d: ([x]) => x?.slice(0, 2) ?? null,
  flatten: ([x], [, start]) => x && [...x.slice(0, Number(start)), countOf(x.slice(Number(start)))],
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
    return first.map((size, k) =>
      k === axis ? shapes.reduce<Size>((sum, shape) => plus(sum, shape?.[k] ?? null), 0) : size,
    );
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

/** The shape of what a layer makes of a shape; null where either is not known. */
export function shapeAfterLayer(layer: AnyModule, shape: OpenShape | null): OpenShape | null {
  if (shape === null) return null;
  const [op, ...settings] = layer.asOp() ?? [""];
  const rule = rules[op];
  if (rule === undefined) {
    if (layer.rankAfter(shape.length) !== shape.length) return null;
    const features = layer.channelAxis === "last" ? layer.channelsAfter(null) : null;
    return features === null ? shape : [...shape.slice(0, -1), features];
  }
  return rule([shape, ...settings.flatMap((one) => (one instanceof Tensor ? [one.shape] : []))], [shape, ...settings]);
}

/** A number for one axis, of those for all. */
function along(size: unknown, axis: number): number {
  return typeof size === "number" ? size : (size as readonly number[])[axis];
}

/** The shape of planes over which windows go; one per window of such a kernel. */
function slid(
  [batch, , ...planes]: OpenShape,
  channels: Size,
  kernel: readonly number[],
  { stride = 1, padding = 0, dilation = 1 }: WrittenWindows,
  isCeil = false,
): OpenShape {
  const given = resolvePadding("importOnnx(bytes)", padding, planes.length);
  const sizes = planes.map((size, axis): Size => {
    const moves = { kernel: kernel[axis], stride: along(stride, axis), dilation: along(dilation, axis) };
    const around = given[axis];
    if (typeof size === "number") {
      return countWindows(size, { ...moves, padding: widthsAlong(around, size, moves) }, isCeil);
    }
    const isKept = around === "same" || around[0] + around[1] === moves.dilation * (moves.kernel - 1);
    return moves.stride === 1 && isKept ? size : null;
  });
  return [batch, channels, ...sizes];
}

function convolved([x, weight]: readonly (OpenShape | null)[], args: readonly unknown[]): OpenShape | null {
  // What does not fit is refused when it runs.
  if (x === null || weight === null || x.length !== weight.length) return null;
  return slid(x, weight[0], weight.slice(2).map(Number), (args[3] ?? {}) as WrittenWindows);
}

function transposed([x, weight]: readonly (OpenShape | null)[], args: readonly unknown[]): OpenShape | null {
  if (x === null || weight === null || x.length !== weight.length) return null;
  const windows = (args[3] ?? {}) as WrittenWindows;
  const { stride = 1, padding = 0, dilation = 1, outputPadding = 0, groups = 1 } = windows;
  const planes = x.slice(2).map((size, axis): Size => {
    if (typeof size !== "number") return null;
    const span = along(dilation, axis) * (Number(weight[2 + axis]) - 1) + 1;
    const whole = (size - 1) * along(stride, axis) + span;
    return whole - 2 * along(padding, axis) + along(outputPadding, axis);
  });
  return [x[0], times(weight[1], groups), ...planes];
}

function pooled(axes: number): ShapeRule {
  return ([x], [, size, options]) => {
    if (x === null || x.length !== axes + 2) return null;
    const { stride = size, padding = 0, ceilMode = false } = options as AvgPoolOptions<unknown, unknown>;
    const kernel = Array.from({ length: axes }, (_, axis) => along(size, axis));
    return slid(x, x[1], kernel, { stride: stride as Pair, padding }, ceilMode);
  };
}

function reduced([x]: readonly (OpenShape | null)[], [, axes, options]: readonly unknown[]): OpenShape | null {
  const { keepDims = false } = (options ?? {}) as { readonly keepDims?: boolean };
  const gone = axes as readonly number[];
  const kept = keepDims ? [1] : [];
  return x === null ? null : x.flatMap((size, axis) => (gone.includes(axis) ? kept : [size]));
}

function plus(a: Size, b: Size): Size {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (a === 0 || b === 0) return a === 0 ? b : a;
  const areAlike = a instanceof SizeRef && b instanceof SizeRef && a.axis === b.axis;
  return areAlike ? new SizeRef(a.axis, a.factor + b.factor) : null;
}

function sliced(size: Size, start: unknown, end: unknown): Size {
  if (end instanceof SizeRef) return plus(end, times(start as Size, -1));
  if (typeof size !== "number" || start instanceof SizeRef) return null;
  const [from, to] = [Number(start), end === undefined ? size : Number(end)].map((at) => (at < 0 ? at + size : at));
  return to - from;
}
