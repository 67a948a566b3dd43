import type { Argument } from "../../../../graph/argument.js";
import type { OpenShape } from "../../../../graph/node.js";
import { allAxes } from "../../../../shape.js";
import { broadcastOpen, countOf } from "../../../onnx/import/shapes/open-shapes.js";
import { printable } from "../../../printable.js";
import { isObject } from "../../model/json.js";
import type { LayerStep } from "../layer-step.js";
import { axisHere, type Value } from "../value.js";
import { named, softmax } from "./activations.js";
import { concatenated, merged } from "./merging.js";
import type { Row } from "./row.js";

function isValue(one: unknown): one is Value {
  return isObject(one) && "ref" in one && "order" in one;
}

/**
 * What a function is called with at a place, or by a name: a value of the network, or a constant as the file has it.
 * Keras 3 has settings in the configuration, Keras 2 in the call.
 */
function argument(at: LayerStep, place: number, ...names: string[]): unknown {
  const { args } = at.options;
  if (Array.isArray(args)) {
    if (place < args.length) {
      const one: unknown = args[place];
      return isObject(one) && typeof one["input"] === "number" ? at.inputs[one["input"]] : one;
    }
  } else if (place < at.inputs.length) return at.inputs[place];
  for (const name of names) {
    const found = at.options[name] ?? at.config[name];
    if (found !== undefined) return found;
  }
  return undefined;
}

function valueAt(at: LayerStep, place: number, ...names: string[]): Value {
  const found = argument(at, place, ...names);
  if (isValue(found)) return found;
  throw at.refuse(`${printable(found)} in the place of a value`);
}

/** A value in an order that has its axes. */
function planar(at: LayerStep, x: Value): { readonly ref: Argument; readonly order: "keras" | "first" } {
  return typeof x.order === "string" ? { ref: x.ref, order: x.order } : { ref: at.keras(x), order: "keras" };
}

/** A constant as a tensor. @throws Refusal if it holds something else than numbers */
function constantOf(at: LayerStep, given: unknown): { readonly ref: Argument; readonly shape: OpenShape } {
  const shape: number[] = [];
  for (let level: unknown = given; Array.isArray(level); level = level[0]) shape.push(level.length);
  const flat: unknown[] = Array.isArray(given) ? given.flat(8) : [given];
  const isWhole = flat.length === shape.reduce((product, size) => product * size, 1);
  if (!isWhole || !flat.every((one) => typeof one === "number" && Number.isFinite(one))) {
    throw at.refuse(`${printable(given)} in the place of a value`);
  }
  return { ref: at.constant({ shape, data: Float64Array.from(flat.map(Number)) }), shape };
}

/** An op of two values, either of which may be a constant; axes are aligned at the last. */
function binary(op: string): Row {
  return (at) => {
    const [a, b] = [argument(at, 0, "x"), argument(at, 1, "y")];
    if (isValue(a) && isValue(b)) {
      if (a.shape.length === b.shape.length) return merged(at, op, [a, b]);
      return broadcast(at, op, { ref: at.keras(a), shape: a.shape }, { ref: at.keras(b), shape: b.shape });
    }
    if (isValue(a) && typeof b === "number") return at.like(a, at.op(op, a.ref, b));
    if (typeof a === "number" && isValue(b)) return at.like(b, at.op(op, constantOf(at, a).ref, b.ref));
    const [left, right] = [a, b].map((one) =>
      isValue(one) ? { ref: at.keras(one), shape: one.shape } : constantOf(at, one),
    );
    return broadcast(at, op, left, right);
  };
}

interface Sized {
  readonly ref: Argument;
  readonly shape: OpenShape;
}

function broadcast(at: LayerStep, op: string, a: Sized, b: Sized): Value {
  const shape = broadcastOpen([a.shape, b.shape]);
  if (shape === null) throw at.refuse("inputs of unknown shape");
  return at.plain(at.op(op, a.ref, b.ref), shape);
}

/** An op of each value by itself. */
function unary(op: string, ...more: Argument[]): Row {
  return (at) => {
    const x = valueAt(at, 0, "x", "features", "input");
    return at.like(x, at.op(op, x.ref, ...more));
  };
}

/** A function that layers know as an activation. */
function activation(name: string): Row {
  return (at) => {
    const x = valueAt(at, 0, "x", "features");
    return at.like(x, named(at, x, name, ""));
  };
}

/** Axes of a value, counted from 0; all where there are none. */
function axesOf(at: LayerStep, given: unknown, rank: number): number[] {
  const all = allAxes(rank);
  const list: unknown[] = Array.isArray(given) ? given : [given];
  const axes = (given ?? null) === null ? all : list.map((axis) => Number(axis) + (Number(axis) < 0 ? rank : 0));
  if (!axes.every((axis) => all.includes(axis))) throw at.refuse(`axis ${printable(given)} of a value of rank ${rank}`);
  return axes;
}

/** The one axis that a function of one takes. */
function axisOf(at: LayerStep, given: unknown, rank: number): number {
  const [axis, ...others] = axesOf(at, given, rank);
  if (others.length > 0 || axis === undefined) throw at.refuse(`axes ${printable(given)}`);
  return axis;
}

/** A reduction over axes of samples. */
function reduction(op: string): Row {
  return (at) => {
    const x = valueAt(at, 0, "x", "input_tensor");
    const rank = x.shape.length;
    const axes = axesOf(at, argument(at, 1, "axis"), rank);
    if (axes.includes(0)) throw at.refuse("a reduction over the batch");
    const keepDims = argument(at, 2, "keepdims") === true;
    if (typeof argument(at, 3, "initial") === "number") throw at.refuse("a reduction with an initial value");
    // Of planes only what leaves channels alone keeps their order.
    const isOrdered = keepDims || (axes.length === rank - 2 && !axes.includes(rank - 1));
    const { ref, order } = isOrdered ? planar(at, x) : { ref: at.keras(x), order: "keras" as const };
    const here = axes.map((axis) => axisHere(axis, rank, order)).sort((a, b) => a - b);
    const y = at.op(op, ref, here, { keepDims });
    if (!keepDims) return at.plain(y);
    return { ref: y, shape: x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)), order };
  };
}

function isSizes(given: unknown): given is (number | null)[] {
  return Array.isArray(given) && given.every((size) => size === null || Number.isSafeInteger(size));
}

/** Samples in another shape; the batch stays the first axis. */
function importReshape(at: LayerStep): Value {
  const x = valueAt(at, 0, "x", "tensor");
  const to = argument(at, 1, "newshape", "shape");
  const all = countOf(x.shape.slice(1));
  if (!isSizes(to) || to.length < 1 || typeof all !== "number") throw at.refuse(`the shape ${printable(to)}`);
  const [batch, ...sizes] = to.map((size) => size ?? -1);
  if (batch !== -1 && batch !== x.shape[0]) throw at.refuse(`the shape ${printable(to)}, whose batch is ${batch}`);
  const others = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const open = sizes.filter((size) => size === -1).length;
  const isWhole = open === 0 ? others === all : open === 1 && Number.isInteger(all / others);
  if (!isWhole) throw at.refuse(`the shape ${printable(to)}, which parts samples of ${all} values`);
  const shape = [x.shape[0], ...sizes.map((size) => (size === -1 ? all / others : size))];
  return at.plain(at.reshape(at.keras(x), shape), shape);
}

function importTranspose(at: LayerStep): Value {
  const x = valueAt(at, 0, "x", "a");
  const given = argument(at, 1, "axes", "perm") ?? null;
  if (given === null) throw at.refuse("a transpose of all axes, the batch too");
  const axes = axesOf(at, given, x.shape.length);
  if (axes[0] !== 0 || new Set(axes).size !== x.shape.length) throw at.refuse(`axes ${axes.join(", ")}`);
  return at.plain(at.op("transpose", at.keras(x), axes));
}

function importExpandDims(at: LayerStep): Value {
  const x = valueAt(at, 0, "x", "input");
  const axis = axisOf(at, argument(at, 1, "axis"), x.shape.length + 1);
  if (axis === 0) throw at.refuse("axis 0, the batch");
  return at.plain(at.op("unsqueeze", at.keras(x), axis));
}

function importSqueeze(at: LayerStep): Value {
  const x = valueAt(at, 0, "x", "input");
  const given = argument(at, 1, "axis") ?? null;
  const all = axesOf(at, given, x.shape.length);
  const axes = given === null ? all.filter((axis) => axis > 0 && x.shape[axis] === 1) : all;
  if (axes.includes(0)) throw at.refuse("axis 0, the batch");
  return at.plain(axes.sort((a, b) => b - a).reduce((ref, axis) => at.op("squeeze", ref, axis), at.keras(x)));
}

/** Slices along axes, and places of which an axis is gone. */
function importGetItem(at: LayerStep): Value {
  const x = valueAt(at, 0, "x");
  const rank = x.shape.length;
  const given = argument(at, 1, "key", "slice_spec");
  // Keras 2 writes `...` as an object.
  const list = (Array.isArray(given) ? given : [given]).map((one: unknown) =>
    isObject(one) && one["class_name"] === "__ellipsis__" ? "..." : one,
  );
  const dots = list.indexOf("...");
  const whole = new Array<unknown>(Math.max(0, rank - list.length + 1)).fill({});
  const key = dots < 0 ? list : [...list.slice(0, dots), ...whole, ...list.slice(dots + 1)];
  if (key.length > rank) throw at.refuse(`the slice ${printable(given)}`);
  let ref = at.keras(x);
  const gone: number[] = [];
  for (const [axis, one] of key.entries()) {
    const size = x.shape[axis];
    if (isObject(one) && "class_name" in one) throw at.refuse(`the slice ${printable(given)}`);
    const bounds = isObject(one) ? [one["start"] ?? null, one["stop"] ?? null, one["step"] ?? 1] : null;
    if (bounds !== null && bounds[0] === null && bounds[1] === null && bounds[2] === 1) continue;
    const isBounds = bounds?.every((bound) => bound === null || Number.isSafeInteger(bound)) === true;
    if (axis === 0 || !(isBounds ? bounds[2] === 1 : Number.isSafeInteger(one)))
      throw at.refuse(`the slice ${printable(given)}`);
    const from = Number(isBounds ? (bounds[0] ?? 0) : one);
    const stop = isBounds ? bounds[1] : from === -1 ? null : from + 1;
    const end = stop === null ? undefined : typeof size === "number" ? Math.min(Number(stop), size) : Number(stop);
    ref = at.op("slice", ref, from, end, axis);
    if (!isBounds) gone.push(axis);
  }
  return at.plain(gone.reverse().reduce((y, axis) => at.op("squeeze", y, axis), ref));
}

function importMatmul(at: LayerStep): Value {
  const [a, b] = [valueAt(at, 0, "x1", "a"), valueAt(at, 1, "x2", "b")];
  if (["transpose_a", "transpose_b"].some((key) => at.options[key] === true)) throw at.refuse("transpose_a or _b");
  return at.plain(at.op("matmul", at.keras(a), at.keras(b)));
}

function importClip(at: LayerStep): Value {
  const x = valueAt(at, 0, "x", "t");
  const [low, high] = [argument(at, 1, "x_min", "clip_value_min"), argument(at, 2, "x_max", "clip_value_max")];
  if (typeof low !== "number" || typeof high !== "number") throw at.refuse(`limits ${printable([low, high])}`);
  return at.like(x, at.op("clamp", x.ref, low, high));
}

/** Numbers are float32 here; whole ones that are made of others would be rounded. */
function importCast(at: LayerStep): Value {
  const type = printable(argument(at, 1, "dtype"));
  if (/float/.test(type)) return valueAt(at, 0, "x");
  throw at.refuse(`a cast to ${type}`);
}

function importSoftmax(at: LayerStep): Value {
  const x = valueAt(at, 0, "x", "logits");
  const axis = axisOf(at, argument(at, 1, "axis") ?? -1, x.shape.length);
  return at.like(x, softmax(at, x, axis, ""));
}

function importConcat(at: LayerStep): Value {
  const [{ shape }] = at.inputs;
  const given: unknown = at.options["axis"] ?? at.config["axis"];
  return concatenated(at, axisOf(at, given ?? -1, shape.length));
}

/** Functions by their names in Keras 3 and, in TensorFlow, of Keras 2. */
const functions: readonly (readonly [keras3: string, keras2: string, row: Row])[] = [
  ["Add", "math.add __operators__.add", binary("add")],
  ["Subtract", "math.subtract", binary("sub")],
  ["Multiply", "math.multiply", binary("mul")],
  ["Divide TrueDivide", "math.divide math.truediv", binary("div")],
  ["Power", "math.pow", binary("pow")],
  ["Maximum", "math.maximum", binary("maximum")],
  ["Minimum", "math.minimum", binary("minimum")],
  ["Negative", "math.negative", unary("neg")],
  ["Abs Absolute", "math.abs", unary("abs")],
  ["Exp", "math.exp", unary("exp")],
  ["Log", "math.log", unary("log")],
  ["Sqrt", "math.sqrt", unary("sqrt")],
  ["Rsqrt", "math.rsqrt", unary("rsqrt")],
  ["Square", "math.square", unary("square")],
  ["Reciprocal", "math.reciprocal", unary("reciprocal")],
  ["Sin", "math.sin", unary("sin")],
  ["Cos", "math.cos", unary("cos")],
  ["Relu", "nn.relu", activation("relu")],
  ["Relu6", "nn.relu6", activation("relu6")],
  ["Sigmoid", "math.sigmoid nn.sigmoid", activation("sigmoid")],
  ["Tanh", "math.tanh nn.tanh", activation("tanh")],
  ["Silu Swish", "nn.silu nn.swish", activation("silu")],
  ["Softplus", "math.softplus nn.softplus", activation("softplus")],
  ["HardSigmoid", "", activation("hard_sigmoid")],
  ["HardSilu HardSwish", "", activation("hard_silu")],
  ["Softmax", "nn.softmax", importSoftmax],
  ["Mean", "math.reduce_mean", reduction("mean")],
  ["Sum", "math.reduce_sum", reduction("sum")],
  ["Max", "math.reduce_max", reduction("max")],
  ["Min", "math.reduce_min", reduction("min")],
  ["Var", "math.reduce_variance", reduction("variance")],
  ["Reshape", "reshape", importReshape],
  ["Transpose", "transpose", importTranspose],
  ["ExpandDims", "expand_dims", importExpandDims],
  ["Squeeze", "squeeze", importSqueeze],
  ["Concatenate", "concat", importConcat],
  ["GetItem", "__operators__.getitem", importGetItem],
  ["Matmul", "linalg.matmul", importMatmul],
  ["Clip", "clip_by_value", importClip],
  ["Cast", "cast", importCast],
];

const split = (names: string): string[] => names.split(" ").filter((name) => name !== "");
const ofTensorFlow = new Map(functions.flatMap(([, names, row]) => split(names).map((name) => [name, row] as const)));

/** A function of Keras 2, which names one of TensorFlow. */
function importLambda(at: LayerStep): Value {
  const name = String(at.config["function"]);
  const row = ofTensorFlow.get(name);
  if (row === undefined) throw at.refuse(`the function ${printable(name)}`);
  return row(at);
}

/** Functions that networks call beside layers: `x + 3`, `keras.ops.mean(x)`. */
export const operationRows: Readonly<Record<string, Row>> = {
  ...Object.fromEntries(functions.flatMap(([names, , row]) => split(names).map((name) => [`ops.${name}`, row]))),
  ...{ TFOpLambda: importLambda, SlicingOpLambda: importLambda },
};
