import type { OpenShape } from "../../../../graph/node.js";
import { Flatten } from "../../../../nn/flatten.js";
import type { PadWidths } from "../../../../ops/pad.js";
import { areEqual, countOf, dividedBy, isBatch, type Size } from "../../../onnx/import/shapes/open-shapes.js";
import { type AxisOrder, axisHere, type Value } from "../value.js";
import { type GraphStep, isNumbers, isValue, type Made } from "./graph-step.js";
import { planesOf } from "./linear.js";
import type { GraphRow } from "./row.js";

/** Lists of a graph have so many sizes at most. */
const mostSizes = 64;

function importReshape(at: GraphStep): Made {
  const [given] = at.inputs;
  const { sizes: to } = at.sizesOf(1);
  if (given !== undefined && !isValue(given)) return reshapedConstant(at, to);
  const x = at.value();
  const all = countOf(x.shape);
  const left = to.indexOf(-1);
  const others = countOf(to.filter((_, k) => k !== left));
  const rest = left < 0 ? null : dividedBy(all, others);
  const shape: OpenShape = to.map((size, k) => (k === left ? rest : size));
  if (left < 0 && typeof all === "number" && typeof others === "number" && all !== others)
    throw at.refuse(`${others} values of ${all}`);
  return reshaped(at, x, shape);
}

function reshapedConstant(at: GraphStep, to: readonly Size[]): Made {
  const { data } = at.numbers(0);
  const known = to.reduce<number>((product, size) => (size === -1 ? product : product * Number(size)), 1);
  const shape = to.map((size) => (size === -1 ? data.length / known : Number(size)));
  if (shape.reduce((product, size) => product * size, 1) !== data.length) throw at.refuse("a constant of another size");
  return { shape, data };
}

/** A value with other sizes. Rows of planes are kept channel by channel; axes of size 1 come and go. */
function reshaped(at: GraphStep, x: Value, shape: OpenShape): Value {
  const rank = x.shape.length;
  const rest = countOf(x.shape.slice(1));
  const isRows = shape.length === 2 && (isBatch(shape[0]) || areEqual(shape[0], x.shape[0])) && rank > 2;
  const isSame = shape.length === rank && shape.every((size, axis) => areEqual(size, x.shape[axis]));
  if (isSame) return x;
  if (isRows && x.order === "first") {
    const channels = x.shape[rank - 1];
    const ref = at.apply(() => new Flatten(), x.ref);
    const rows = [x.shape[0], rest];
    const isMove = channels === 1 || x.shape.slice(1, -1).every((size) => size === 1);
    if (isMove) return at.plain(ref, rows);
    if (typeof channels === "number") return { ref, shape: rows, order: { channels } };
  }
  return at.plain(at.reshape(at.keras(x), shape), shape);
}

function importSqueeze(at: GraphStep): Value {
  const x = at.value();
  const rank = x.shape.length;
  const named = at.ints("squeeze_dims") ?? at.ints("axis") ?? [];
  const axes =
    named.length > 0
      ? named.map((axis) => at.resolve(axis, rank))
      : x.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  if (axes.some((axis) => x.shape[axis] !== 1)) throw at.refuse(`axes ${axes.join(", ")} that are not of size 1`);
  return reshaped(
    at,
    x,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

function importExpandDims(at: GraphStep): Made {
  const [given] = at.inputs;
  const [axis] = at.list(1);
  if (given !== undefined && !isValue(given)) {
    if (!isNumbers(given)) return { sizes: given.sizes, isOne: false };
    const place = at.resolve(axis, given.shape.length + 1);
    return { shape: [...given.shape.slice(0, place), 1, ...given.shape.slice(place)], data: given.data };
  }
  const x = at.value();
  const place = at.resolve(axis, x.shape.length + 1);
  return reshaped(at, x, [...x.shape.slice(0, place), 1, ...x.shape.slice(place)]);
}

function importTranspose(at: GraphStep): Value {
  const x = at.value();
  const order = at.list(1);
  if (order.length !== x.shape.length || [...order].sort((a, b) => a - b).some((axis, k) => axis !== k)) {
    throw at.refuse(`a perm ${order.join(", ")}`);
  }
  return at.plain(
    at.op("transpose", at.keras(x), order),
    order.map((axis) => x.shape[axis]),
  );
}

function importConcat(at: GraphStep): Made {
  const given = at.inputs.slice(0, -1);
  const [axis] = at.list(at.inputs.length - 1);
  const values = given.filter(isValue);
  if (values.length === 0) {
    const sizes = given.flatMap((_, k) => [...at.sizesOf(k).sizes]);
    if (given.every(isNumbers)) {
      if (given.some(({ shape }) => shape.length !== 1)) throw at.refuse("constants of other ranks than 1");
      return { shape: [sizes.length], data: Float64Array.from(sizes, Number) };
    }
    return { sizes: short(at, sizes), isOne: false };
  }
  const [first] = values;
  const rank = first.shape.length;
  if (given.some((one) => !("shape" in one) || one.shape.length !== rank)) throw at.refuse("inputs of different ranks");
  const place = at.resolve(axis, rank);
  const order: AxisOrder = values.some((one) => one.order === "first") ? "first" : "keras";
  const refs = given.map((one, k) =>
    isValue(one) ? at.ordered(one, order) : at.operand(at.numbers(k), rank, order, `part${k}`),
  );
  if (refs.some((ref) => typeof ref === "number")) throw at.refuse("a constant of one value among the inputs");
  const sizes = given.map((one) => ("shape" in one ? one.shape[place] : null));
  const whole = sizes.every((size) => typeof size === "number")
    ? sizes.reduce<number>((sum, size) => sum + Number(size), 0)
    : null;
  const shape = first.shape.map((size, k) => (k === place ? whole : size));
  return { ref: at.op("concat", refs, axisHere(place, rank, order)), shape, order };
}

function short(at: GraphStep, sizes: readonly Size[]): readonly Size[] {
  if (sizes.length <= mostSizes) return sizes;
  throw at.refuse(`${sizes.length} sizes`);
}

/** Constants and zeros around a value, or what it mirrors. */
function importPad(mode: "constant" | "mirror"): GraphRow {
  return (at) => {
    const x = at.value();
    const rank = x.shape.length;
    const { shape: wide, data } = at.numbers(1);
    if (wide.length !== 2 || wide[0] !== rank || wide[1] !== 2)
      throw at.refuse(`paddings of the shape ${wide.join("×")}`);
    const order = x.order === "first" ? "first" : "keras";
    const widths = new Array<PadWidths>(rank).fill([0, 0]);
    for (let axis = 0; axis < rank; axis++) widths[axisHere(axis, rank, order)] = [data[2 * axis], data[2 * axis + 1]];
    if (mode === "mirror" && at.text("mode", "REFLECT") !== "REFLECT") throw at.refuse("mode SYMMETRIC");
    const shape = x.shape.map((size, axis): Size => {
      const more = data[2 * axis] + data[2 * axis + 1];
      return more === 0 ? size : typeof size === "number" ? size + more : null;
    });
    const value = at.inputs.length > 2 ? at.list(2)[0] : 0;
    const options = mode === "mirror" ? { mode: "reflect" } : { value };
    const start = widths.findIndex(([before, after]) => before + after > 0);
    if (start < 0) return x;
    const settings = widths.slice(start).map(([before, after]) => [before, after]);
    return { ref: at.op("pad", at.ordered(x, order), settings, options), shape, order };
  };
}

/** A part of a value; of sizes, one of them or some. */
function importStridedSlice(at: GraphStep): Made {
  const [given] = at.inputs;
  const [begin, end, step] = [1, 2, 3].map((k) => at.list(k));
  const masks = ["begin_mask", "end_mask", "shrink_axis_mask", "ellipsis_mask", "new_axis_mask"].map((name) =>
    at.int(name, 0),
  );
  const [beginMask, endMask, shrinkMask, ellipsis, newAxis] = masks;
  if (ellipsis !== 0 || newAxis !== 0) throw at.refuse("an ellipsis or a new axis");
  const has = (mask: number, k: number): boolean => ((mask >> k) & 1) === 1;
  if (given !== undefined && !isValue(given)) {
    const { sizes } = at.sizesOf(0);
    if (begin.length !== 1 || step[0] !== 1) throw at.refuse("a part of constants that is no row");
    const from = has(beginMask, 0) ? 0 : begin[0];
    if (has(shrinkMask, 0)) return { sizes: [sizes.at(from) ?? null], isOne: true };
    return { sizes: sizes.slice(from, has(endMask, 0) ? undefined : end[0]), isOne: false };
  }
  const x = at.value();
  const rank = x.shape.length;
  if (begin.length > rank || end.length !== begin.length)
    throw at.refuse(`${begin.length} axes of a value of rank ${rank}`);
  const order = x.order === "first" ? "first" : "keras";
  const shape: Size[] = [...x.shape];
  let ref = at.ordered(x, order);
  const gone: number[] = [];
  for (const [axis, start] of begin.entries()) {
    const isOne = has(shrinkMask, axis);
    const size = shape[axis];
    const [from, to] = isOne
      ? [start, start === -1 ? undefined : start + 1]
      : [has(beginMask, axis) ? 0 : start, has(endMask, axis) ? undefined : end[axis]];
    if (isOne) gone.push(axis);
    if (step[axis] !== 1 && !isOne) throw at.refuse(`a step of ${step[axis]}`);
    if (from === 0 && (to === undefined || to === size) && !isOne) continue;
    const limits = [from, to].map((place, k) => limit(place, size, k));
    ref = at.op("slice", ref, limits[0] ?? 0, limits[1], axisHere(axis, rank, order));
    shape[axis] = isOne ? 1 : typeof size === "number" ? Number(limits[1] ?? size) - Number(limits[0]) : null;
    if (Number(shape[axis] ?? 0) < 0) throw at.refuse("a part without values");
  }
  const y: Value = { ref, shape, order };
  return gone.length === 0
    ? y
    : reshaped(
        at,
        y,
        shape.filter((_, axis) => !gone.includes(axis)),
      );
}

/** A place along an axis, within it where its size is known. */
function limit(place: number | undefined, size: Size, k: number): number | undefined {
  if (place === undefined || typeof size !== "number") return place;
  const resolved = Math.min(Math.max(place < 0 ? place + size : place, 0), size);
  return k === 1 && resolved === size ? undefined : resolved;
}

function importSlice(at: GraphStep): Made {
  const x = at.value();
  const rank = x.shape.length;
  const [begin, sizes] = [at.list(1), at.list(2)];
  if (begin.length !== rank || sizes.length !== rank)
    throw at.refuse(`${begin.length} axes of a value of rank ${rank}`);
  const order = x.order === "first" ? "first" : "keras";
  const shape: Size[] = [...x.shape];
  let ref = at.ordered(x, order);
  for (const [axis, start] of begin.entries()) {
    const size = x.shape[axis];
    const isRest = sizes[axis] === -1 || (start === 0 && sizes[axis] === size);
    if (start === 0 && isRest) continue;
    shape[axis] = isRest ? (typeof size === "number" ? size - start : null) : sizes[axis];
    ref = at.op("slice", ref, start, isRest ? undefined : start + sizes[axis], axisHere(axis, rank, order));
  }
  return { ref, shape, order };
}

function importSplit(at: GraphStep): Made[] {
  const isSized = at.node.op === "SplitV";
  const x = at.value(isSized ? 0 : 1);
  const [axis] = at.list(isSized ? 2 : 0);
  const rank = x.shape.length;
  const place = at.resolve(axis, rank);
  const size = x.shape[place];
  const count = at.int("num_split", 1);
  const sizes = isSized ? at.list(1) : new Array<number>(Math.min(count, mostSizes)).fill(Number(size) / count);
  if (!sizes.every((one) => Number.isInteger(one) && one > 0)) throw at.refuse("parts whose sizes are not known");
  const order = x.order === "first" ? "first" : "keras";
  const ref = at.ordered(x, order);
  let start = 0;
  return sizes.map((one): Value => {
    const part = at.op("slice", ref, start, start + one, axisHere(place, rank, order));
    start += one;
    return { ref: part, shape: x.shape.map((own, k) => (k === place ? one : own)), order };
  });
}

/** Sizes, or values, as a list. */
function importPack(at: GraphStep): Made {
  if (at.inputs.some(isValue)) {
    const [first] = at.inputs.map((_, k) => at.value(k));
    const place = at.resolve(at.int("axis", 0), first.shape.length + 1);
    const shape = [...first.shape.slice(0, place), at.inputs.length, ...first.shape.slice(place)];
    return at.plain(
      at.op(
        "stack",
        at.inputs.map((_, k) => at.keras(at.value(k))),
        place,
      ),
      shape,
    );
  }
  const sizes = at.inputs.map((_, k) => at.sizesOf(k));
  if (sizes.some(({ isOne }) => !isOne)) throw at.refuse("lists of constants");
  return {
    sizes: short(
      at,
      sizes.map((one) => one.sizes[0]),
    ),
    isOne: false,
  };
}

function importGather(at: GraphStep): Made {
  const [given] = at.inputs;
  if (given === undefined || isValue(given)) throw at.refuse("a value");
  const { sizes } = at.sizesOf(0);
  const indices = at.numbers(1);
  return { sizes: [...indices.data].map((index) => sizes.at(index) ?? null), isOne: indices.shape.length === 0 };
}

/** Planes at another size: the nearest value, or the mean of four. */
function resize(mode: "nearest" | "bilinear"): GraphRow {
  return (at) => {
    const x = at.value();
    if (x.shape.length !== 4) throw at.refuse(`an input of rank ${x.shape.length}`);
    const [height, width] = at.list(1);
    const [isAligned, isCentred] = [at.flag("align_corners"), at.flag("half_pixel_centers")];
    const [from, to] = [x.shape.slice(1, 3), [height, width]];
    const isWhole = from.every((size, k) => typeof size === "number" && Number.isInteger(to[k] / size));
    // Where each value is repeated, its own place is the nearest in any case.
    if (mode === "nearest" && (isAligned || (isCentred && !isWhole)))
      throw at.refuse("align_corners or half_pixel_centers");
    if (mode === "bilinear" && !isAligned && !isCentred) throw at.refuse("half_pixel_centers false");
    const { ref, wrap } = planesOf(at, x);
    const options = mode === "nearest" ? { size: to } : { size: to, mode, alignCorners: isAligned };
    return wrap(at.op("upsample", ref, null, options));
  };
}

const pass: GraphRow = (at) => {
  const [x] = at.inputs;
  if (x === undefined) throw at.refuse("no input 0");
  return x;
};

/** Operators that move values, and those that work out sizes. */
export const arrayRows: Readonly<Record<string, GraphRow>> = {
  ...{ Identity: pass, StopGradient: pass, PreventGradient: pass, Snapshot: pass, CheckNumerics: pass },
  Reshape: importReshape,
  Squeeze: importSqueeze,
  ExpandDims: importExpandDims,
  Transpose: importTranspose,
  ConcatV2: importConcat,
  ...{ Pad: importPad("constant"), PadV2: importPad("constant"), MirrorPad: importPad("mirror") },
  ...{ StridedSlice: importStridedSlice, Slice: importSlice, Split: importSplit, SplitV: importSplit },
  ...{ Pack: importPack, GatherV2: importGather },
  Shape: (at) => ({ sizes: at.value().shape, isOne: false }),
  ...{ ResizeNearestNeighbor: resize("nearest"), ResizeBilinear: resize("bilinear") },
};
