import { broadcastShapes, broadcastStrides, type Shape, sameShape, sizeOf } from "../../../shape.js";
import { scaled } from "./export-norms.js";
import { elementsOf, sameOrder, TfjsConstant, type TfjsValue } from "./tfjs-value.js";
import type { TfjsWriter } from "./tfjs-writer.js";

/** What arithmetic takes. */
type Operand = TfjsValue | number;

/** What a number does to values: it multiplies them or is added to them. */
interface NumberMap {
  readonly by: "gamma" | "beta";
  /** What of the number does so. */
  readonly of: (number: number) => number;
}

const scale: NumberMap = { by: "gamma", of: (number) => number };
const shift: NumberMap = { by: "beta", of: (number) => number };
const shiftDown: NumberMap = { by: "beta", of: (number) => -number };
const divide: NumberMap = { by: "gamma", of: (number) => 1 / number };

export function exportAdd([a, b]: readonly Operand[], graph: TfjsWriter): TfjsValue {
  if (isFixed(b)) return mapped(a as TfjsValue, b, shift, graph);
  return isFixed(a) ? mapped(b, a, shift, graph) : merged("Add", "add", [a, b], graph);
}

export function exportSub([a, b]: readonly Operand[], graph: TfjsWriter): TfjsValue {
  if (isFixed(b)) return mapped(a as TfjsValue, b, shiftDown, graph);
  const negative = mapped(b, -1, scale, graph, "negative");
  return isFixed(a) ? mapped(negative, a, shift, graph) : merged("Add", "sub", [a, negative], graph);
}

export function exportMul([a, b]: readonly Operand[], graph: TfjsWriter): TfjsValue {
  if (isFixed(b)) return mapped(a as TfjsValue, b, scale, graph);
  return isFixed(a) ? mapped(b, a, scale, graph) : merged("Multiply", "mul", [a, b], graph);
}

/** By numbers alone: TF.js has no layer that divides. */
export function exportDiv([a, b]: readonly Operand[], graph: TfjsWriter): TfjsValue {
  if (isFixed(b)) return mapped(a as TfjsValue, b, divide, graph);
  return graph.refuse(
    "div by numbers, parameters or constants, since TF.js has no layer that divides",
    "div by a computed value",
    "Compute it otherwise, or give its class toTfjs(x, graph).",
  );
}

export function exportNeg([x]: readonly Operand[], graph: TfjsWriter): TfjsValue {
  return mapped(x as TfjsValue, -1, scale, graph);
}

/** The highest power that is written as products. */
const mostFactors = 8;

export function exportPow([x, exponent]: readonly Operand[], graph: TfjsWriter): TfjsValue {
  if (typeof exponent === "number" && Number.isInteger(exponent) && exponent >= 1 && exponent <= mostFactors) {
    const factors = new Array<TfjsValue>(exponent).fill(x as TfjsValue);
    return exponent === 1 ? factors[0] : graph.layer("Multiply", factors, {}, { isPositive: exponent % 2 === 0 });
  }
  return graph.refuse(
    `powers of whole numbers from 1 to ${mostFactors}, since TF.js has products alone`,
    typeof exponent === "number" ? `pow(x, ${exponent})` : "pow of a tensor",
    "Compute it otherwise, or give its class toTfjs(x, graph).",
  );
}

/** x repeated along axes, or in front of them: the batch alone, of numbers of the network itself. */
export function exportBroadcast(x: TfjsValue, shape: Shape, graph: TfjsWriter): TfjsValue {
  if (!(x instanceof TfjsConstant)) {
    const zeros = new Float32Array(sizeOf(shape));
    return sameShape(x.shape, shape) ? x : merged("Add", "broadcastTo", [x, graph.repeated(zeros, shape)], graph);
  }
  const given = x.tensor.dataSync();
  const sizes = x.shape.length > shape.length ? x.shape.slice(1) : x.shape;
  const strides = broadcastStrides(sizes, shape);
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, k) => given[placeOf(k, shape, strides)]);
  return graph.repeated(values, shape);
}

/** The place of an element, counted in a shape, by other strides. */
export function placeOf(k: number, shape: Shape, strides: readonly number[]): number {
  let [rest, place] = [k, 0];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    place += (rest % shape[axis]) * strides[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return place;
}

function isFixed(side: Operand): side is TfjsConstant | number {
  return typeof side === "number" || side instanceof TfjsConstant;
}

/** A sum or product of two values, one of which may be repeated along axes. */
function merged(className: string, op: string, sides: readonly TfjsValue[], graph: TfjsWriter): TfjsValue {
  const [a, b] = sides.map(({ shape }) => shape);
  const shape = broadcastShapes(`${op} in ${graph.path === "" ? "the network" : graph.path}`, a, b);
  const isPositive = sides.every((side) => side.isPositive);
  const options = { shape, isPositive };
  if (a.length === b.length) {
    const isEqual = sameOrder(sides[0].order, sides[1].order);
    const isLast = sides.some(({ order }) => order === "channelsLast");
    if (isEqual) return graph.layer(className, sides, {}, options);
    const ordered = sides.map((side) => (isLast ? graph.channelsLast(side) : graph.here(side)));
    return graph.layer(className, ordered, {}, options);
  }
  const aligned = sides.map((side) => {
    const here = graph.here(side);
    const full = [...new Array<number>(shape.length - side.shape.length).fill(1), ...side.shape];
    return full.length === side.shape.length ? here : graph.reshape(here, full, { shape: full });
  });
  return graph.layer(className, aligned, {}, options);
}

/** x with numbers that multiply it or are added to it: one, or a tensor of them that is repeated along x. */
function mapped(
  x: TfjsValue,
  given: TfjsConstant | number,
  { by, of }: NumberMap,
  graph: TfjsWriter,
  role?: string,
): TfjsValue {
  const along = (y: TfjsValue, at: (k: number) => number): TfjsValue =>
    scaled(y, { [by]: (k: number) => of(at(k)) }, role, graph);
  if (typeof given === "number") return whole(x, (y) => along(y, () => given), graph);
  const { shape } = x;
  const sizes = fittingSizes(given, x, graph);
  const values = given.tensor.dataSync();
  const axes = sizes.flatMap((size, axis) => (size > 1 ? [axis] : []));
  if (axes.length === 0) return whole(x, (y) => along(y, () => values[0]), graph);
  if (shape.length === 1) {
    const elements = elementsOf(x);
    return along(x, (k) => values[elements === null ? k : elements[k]]);
  }
  const [first, last] = [axes[0], axes[axes.length - 1]];
  if (last === 0) return along(graph.channelsLast(x), (k) => values[k]);
  // Layers have numbers for the last axis alone: the axes from the first to the last that differ become that one.
  const source = graph.here(x);
  const middle = shape.slice(first, last + 1);
  const [before, after] = [sizeOf(shape.slice(0, first)), sizeOf(shape.slice(last + 1))];
  const steps = broadcastStrides(sizes.slice(first, last + 1), middle);
  const at = (k: number): number => values[placeOf(k, middle, steps)];
  if (first === last && after === 1) return along(source, at);
  const size = sizeOf(middle);
  const rows: Shape = [before, size, after];
  const grouped = graph.reshape(source, rows, { shape: rows, role: "rows" });
  const swap = (y: TfjsValue, swapped: Shape, name: string): TfjsValue =>
    graph.layer("Permute", [y], { dims: [1, 3, 2] }, { shape: swapped, role: name });
  const y = swap(along(swap(grouped, [before, after, size], "swap"), at), rows, "back");
  return graph.reshape(y, shape, { shape });
}

/** Applies a layer to samples that may have no axes, which layers do not take. */
function whole(x: TfjsValue, apply: (y: TfjsValue) => TfjsValue, graph: TfjsWriter): TfjsValue {
  if (x.shape.length > 0) return apply(x);
  const y = apply(graph.reshape(x, [1], { shape: [1] }));
  return graph.reshape(y, [], { shape: [] });
}

/** The sizes of a constant beside a sample of x. @throws ArgumentError if x would have to be repeated */
function fittingSizes({ name, shape: given }: TfjsConstant, { shape }: TfjsValue, graph: TfjsWriter): Shape {
  const missing = shape.length + 1 - given.length;
  const [batch, ...sizes] = [...new Array<number>(Math.max(0, missing)).fill(1), ...given];
  if (missing >= 0 && batch === 1 && sizes.every((size, axis) => size === 1 || size === shape[axis])) return sizes;
  return graph.refuse(
    `parameters and constants that are repeated along values of N×${shape.join("×")}, since TF.js repeats no values along them`,
    `${name} of ${given.join("×")}`,
    "Reshape it, or repeat the values before.",
  );
}
