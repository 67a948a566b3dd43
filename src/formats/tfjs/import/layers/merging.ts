import type { Argument } from "../../../../graph/argument.js";
import type { OpenShape } from "../../../../graph/node.js";
import { broadcastOpen } from "../../../onnx/import/shapes/open-shapes.js";
import type { LayerStep } from "../layer-step.js";
import { type AxisOrder, axisHere, type Value } from "../value.js";
import type { Row } from "./row.js";

/** The order that values have in common once they are brought into it. */
function commonOrder(values: readonly Value[]): AxisOrder {
  const [{ order }] = values;
  const isEqual = values.every((one) => {
    if (typeof one.order === "string" || typeof order === "string") return one.order === order;
    return one.order.channels === order.channels;
  });
  if (isEqual) return order;
  const ranks = new Set(values.map(({ shape }) => shape.length));
  return ranks.size === 1 && values.some((one) => one.order === "first") ? "first" : "keras";
}

/** Values in one order; those of fewer axes get axes of size 1 behind the batch, as Keras does it. */
function aligned(
  at: LayerStep,
  inputs: readonly Value[] = at.inputs,
): {
  readonly refs: Argument[];
  readonly shapes: OpenShape[];
  readonly order: AxisOrder;
} {
  if (inputs.length === 0) throw at.refuse("no inputs");
  const rank = Math.max(...inputs.map(({ shape }) => shape.length));
  const order = inputs.every(({ shape }) => shape.length === rank) ? commonOrder(inputs) : "keras";
  const all = inputs.map((x) => {
    if (typeof order !== "string") return { ref: x.ref, shape: x.shape };
    const ref = at.ordered(x, order);
    if (x.shape.length === rank) return { ref, shape: x.shape };
    const ones = new Array<number>(rank - x.shape.length).fill(1);
    const shape = [x.shape[0], ...ones, ...x.shape.slice(1)];
    return { ref: at.reshape(ref, shape), shape };
  });
  return { refs: all.map(({ ref }) => ref), shapes: all.map(({ shape }) => shape), order };
}

/** What an op of two values makes of several, broadcast. */
export function merged(at: LayerStep, op: string, inputs: readonly Value[]): Value {
  const { refs, shapes, order } = aligned(at, inputs);
  const shape = broadcastOpen(shapes);
  if (shape === null) throw at.refuse("inputs of unknown shape");
  const sizes = shapes.map((one) =>
    one.map((size, axis) => (size === 1 || size === shape[axis] || typeof size !== "number" ? "" : axis)),
  );
  if (sizes.some((one) => one.some((axis) => axis !== ""))) throw at.refuse("inputs of shapes that do not broadcast");
  return { ref: refs.slice(1).reduce((result, one) => at.op(op, result, one), refs[0]), shape, order };
}

function merging(op: string, least = 1): Row {
  return (at) => {
    if (at.inputs.length < least) throw at.refuse(`${at.inputs.length} inputs`);
    return merged(at, op, at.inputs);
  };
}

function importSubtract(at: LayerStep): Value {
  if (at.inputs.length !== 2) throw at.refuse(`${at.inputs.length} inputs`);
  return merging("sub", 2)(at);
}

function importAverage(at: LayerStep): Value {
  const sum = merging("add")(at);
  return at.like(sum, at.op("div", sum.ref, at.inputs.length));
}

function importConcatenate(at: LayerStep): Value {
  return concatenated(at, at.axes("axis", -1)[0]);
}

/** All inputs along an axis of the file's shape. */
export function concatenated(at: LayerStep, axis: number): Value {
  const { refs, shapes, order } = aligned(at);
  const [first] = shapes;
  if (at.inputs.some(({ shape }) => shape.length !== first.length)) throw at.refuse("inputs of different ranks");
  if (axis === 0) throw at.refuse("axis 0, the batch");
  const rank = first.length;
  // Rows of planes that were flattened lose their order beside others.
  if (typeof order !== "string") {
    const ref = at.op(
      "concat",
      at.inputs.map((x) => at.keras(x)),
      1,
    );
    return at.plain(ref, joined(shapes, axis));
  }
  const ref = at.op("concat", refs, axisHere(axis, rank, order));
  const shape = joined(shapes, axis);
  return { ref, shape, order };
}

function joined(shapes: readonly OpenShape[], axis: number): OpenShape {
  const sizes = shapes.map((shape) => shape[axis]);
  const whole = sizes.every((size) => typeof size === "number")
    ? sizes.reduce<number>((sum, size) => sum + Number(size), 0)
    : null;
  return shapes[0].map((size, k) => (k === axis ? whole : size));
}

/** Layers of several inputs. */
export const mergingRows: Readonly<Record<string, Row>> = {
  ...{ Add: merging("add"), Multiply: merging("mul"), Subtract: importSubtract },
  ...{ Maximum: merging("maximum"), Minimum: merging("minimum"), Average: importAverage },
  Concatenate: importConcatenate,
};
