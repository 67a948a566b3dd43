import { type Argument, SizeRef } from "../../../graph/argument.js";
import { PReLU, Softmax } from "../../../nn/activations.js";
import { GlobalAvgPool2d } from "../../../nn/pooling.js";
import { floatOf, intOf, intsOf } from "../file/attributes.js";
import { sizesOf } from "./import-sizes.js";
import type { ImportStep } from "./import-step.js";
import { withState } from "./imported-layer.js";
import { arrayOperators } from "./operators/import-arrays.js";
import { importConvOf, importPad } from "./operators/import-conv.js";
import { importConvTransposeOf } from "./operators/import-conv-transpose.js";
import { elementwiseOperators } from "./operators/import-elementwise.js";
import { functionOperators } from "./operators/import-functions.js";
import { importLayer, keyOf, layers } from "./operators/import-layers.js";
import { importGemm, importMatMul } from "./operators/import-linear.js";
import { lossOperators } from "./operators/import-losses.js";
import { importLayerNormOf } from "./operators/import-norm-statistics.js";
import { planesBehind } from "./operators/import-planes.js";
import { importAveragePool, importMaxPool } from "./operators/import-pooling.js";
import { importRecurrent } from "./operators/import-recurrent.js";
import { reducedAxes, reductionOperators } from "./operators/import-reductions.js";
import {
  alongMatrix,
  importFlatten,
  importReshape,
  importSqueeze,
  importUnsqueeze,
} from "./operators/import-reshape.js";
import { scatterOperators } from "./operators/import-scatter.js";
import { wholeQuotient } from "./operators/whole-numbers.js";
import type { Size } from "./shapes/open-shapes.js";

/** What a node's outputs are, in order; most operators have one. */
export type Operator = (at: ImportStep) => Argument | readonly Argument[];

/** Every operator that can be imported. A new one is a row here, or in `layers` where it is a layer by itself. */
export const operators: Readonly<Record<string, Operator>> = {
  ...Object.fromEntries(Object.keys(layers).map((opType): [string, Operator] => [opType, importLayer])),
  ...elementwiseOperators,
  ...reductionOperators,
  ...arrayOperators,
  ...functionOperators,
  ...lossOperators,
  ...scatterOperators,
  ConvTranspose: importConvTransposeOf,
  LayerNormalization: importLayerNormOf,
  Conv: importConvOf,
  MaxPool: importMaxPool,
  AveragePool: importAveragePool,
  Pad: importPad,
  LSTM: importRecurrent("LSTM"),
  GRU: importRecurrent("GRU"),
  RNN: importRecurrent("RNN"),
  Gemm: importGemm,
  MatMul: importMatMul,
  Add: arithmetic("add"),
  Sub: arithmetic("sub"),
  Mul: arithmetic("mul"),
  Div: (at) => (at.isWhole(0) || at.isWhole(1) ? wholeQuotient(at) : arithmetic("div")(at)),
  Pow: arithmetic("pow"),
  Sum: sumOf,
  Mean: (at) => at.op("div", sumOf(at), at.node.input.length),
  Neg: unary("neg"),
  Exp: unary("exp"),
  Log: unary("log"),
  Sqrt: unary("sqrt"),
  Selu: (at) => {
    const unit = at.op("elu", at.input(0), floatOf(at.node, "alpha", 1.6732631921768188));
    return at.op("mul", unit, floatOf(at.node, "gamma", 1.0507010221481323));
  },
  HardSigmoid: (at) => hardSigmoid(at, floatOf(at.node, "alpha", 0.2), floatOf(at.node, "beta", 0.5)),
  HardSwish: (at) => at.op("mul", at.input(0), hardSigmoid(at, 1 / 6, 0.5)),
  PRelu: (at) => {
    const slopes = slopesOf(at);
    if (slopes !== null) {
      const key = keyOf(at.node, at.graph);
      return at.layer(key, () => withState(new PReLU(slopes.length), { weight: slopes }));
    }
    const below = at.op("mul", at.op("relu", at.op("neg", at.input(0))), at.input(1));
    return at.op("sub", at.op("relu", at.input(0)), below);
  },
  Identity: (at) => at.input(0),
  Concat: (at) => at.op("concat", at.inputs(), at.axis("axis", 1, at.rank(0))),
  Split: importSplit,
  Slice: importSlice,
  Transpose: importTranspose,
  Reshape: importReshape,
  Flatten: importFlatten,
  Squeeze: importSqueeze,
  Unsqueeze: importUnsqueeze,
  ReduceSum: reduction("sum"),
  ReduceMean: reduction("mean"),
  ReduceMax: reduction("max"),
  GlobalAveragePool: (at) => importMean(at, rangeFrom(2, at.rank(0)), true),
  GlobalMaxPool: (at) => at.op("max", at.input(0), rangeFrom(2, at.rank(0)), { keepDims: true }),
  Softmax: (at) => {
    const layer = (axis: number): Argument => at.layer(null, () => new Softmax(axis));
    return at.graph.model.opset < 13
      ? alongMatrix(at, (x, axis) => at.op("softmax", x, axis), layer)
      : layer(intOf(at.node, "axis", -1));
  },
  LogSoftmax: (at) => {
    const op = (x: Argument, axis: number): Argument => at.op("logSoftmax", x, axis);
    return at.graph.model.opset < 13 ? alongMatrix(at, op) : op(at.input(0), intOf(at.node, "axis", -1));
  },
};

/** Operators whose inputs but the first are settings, which are no values of the graph. */
export const readsSettings: ReadonlySet<string> = new Set(
  ["Reshape", "Slice", "Split", "Pad", "Squeeze", "Unsqueeze", "ReduceSum", "ReduceMean", "ReduceMax"].concat([
    ...["Dropout", "Expand", "Resize", "Upsample", "Tile", "TopK", "CumSum", "OneHot", "Trilu"],
    ...["ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"],
  ]),
);

function sumOf(at: ImportStep): Argument {
  return at.inputs().reduce((sum, one) => at.op("add", sum, one));
}

/** The slopes of a PRelu that are constant, and one for all or for each channel; null if they are others. */
function slopesOf(at: ImportStep): Float64Array | null {
  // Before version 7 a slope was one for each channel, whatever its shape.
  const isOld = at.graph.model.opset < 7;
  if (!isOld && !at.graph.isConstant(at.node.input[1] ?? "")) return null;
  const { shape, data } = at.values(1);
  if (isOld || data.length === 1) return data;
  return shape.length === at.rank(0) - 1 && shape[0] === data.length ? data : null;
}

function arithmetic(op: string): Operator {
  return (at) => {
    // Before version 7 the axis said where the smaller one begins, which is now always at its end.
    if (at.node.attribute.some(({ name }) => name === "axis"))
      throw at.refuse(`axis ${intOf(at.node, "axis", 0)}, as before opset 7`);
    return at.op(op, at.input(0), at.input(1));
  };
}

function unary(op: string): Operator {
  return (at) => at.op(op, at.input(0));
}

/** max(0, min(1, αx + β)), by way of ReLU6. */
function hardSigmoid(at: ImportStep, alpha: number, beta: number): Argument {
  return at.op("div", at.op("relu6", at.op("add", at.op("mul", at.input(0), 6 * alpha), 6 * beta)), 6);
}

function reduction(op: string): Operator {
  return (at) => {
    const axes = reducedAxes(at);
    if (axes === null) return at.input(0);
    const keepDims = intOf(at.node, "keepdims", 1) !== 0;
    if (op === "mean" && at.isWhole(0)) throw at.refuse("a mean of whole numbers");
    return op === "mean" ? importMean(at, axes, keepDims) : at.op(op, at.input(0), axes, { keepDims });
  };
}

/** The mean of planes is a layer where its result is taken as rows. */
function importMean(at: ImportStep, axes: readonly number[], keepDims: boolean): Argument {
  const { node, graph, shapes, state } = at;
  if (axes.length === 0) return at.input(0);
  const arePlanes = at.rank(0) === 4 && [...axes].sort().join() === "2,3";
  if (arePlanes) {
    const [batch = null, channels = null] = at.shape(0) ?? [];
    if (keepDims) shapes.set(node.output[0], [batch, channels, 1, 1]);
    const planes = keepDims ? planesBehind(node, typeof channels === "number" ? channels : null, graph, shapes) : null;
    if (planes !== null) {
      for (const product of planes.products) state.products.add(product);
      state.passes.add(planes.end);
    }
    if (planes !== null || !keepDims) return at.layer(null, () => new GlobalAvgPool2d());
  }
  return at.op("mean", at.input(0), [...axes], { keepDims });
}

function importTranspose(at: ImportStep): Argument {
  const { node, state } = at;
  const merged = state.merged.get(node.input[0]);
  if (merged === undefined) return at.op("transpose", at.input(0), transposition(at));
  state.merged.set(node.output[0], []);
  return merged.reduce<Argument>((x, { shape, order }, k) => {
    const reshaped = k === 0 ? x : at.op("reshape", x, shape);
    return at.transposed(reshaped, order);
  }, at.input(0));
}

function transposition(at: ImportStep): number[] {
  const perm = intsOf(at.node, "perm");
  const rank = at.shape(0)?.length ?? perm?.length ?? at.rank(0);
  const order = perm?.map((axis) => at.resolve(axis, rank)) ?? rangeFrom(0, rank).reverse();
  if (order.length !== rank || new Set(order).size < rank) {
    throw at.refuse(`a perm of ${order.length} axes of a value of rank ${rank}`);
  }
  return order;
}

function importSlice(at: ImportStep): Argument {
  // First, since settings that are worked out of a refused input are no fault of their own.
  const shape = at.shape(0);
  const part = growingPart(at);
  if (part !== null) return part;
  const starts = at.list("starts", 1);
  const ends = at.list("ends", 2);
  const rank = at.rank(0);
  const axes = (at.list("axes", 3) ?? starts?.map((_, k) => k) ?? []).map((axis) => at.resolve(axis, rank));
  const steps = at.list("steps", 4);
  if (starts === null || ends === null || starts.length !== axes.length || ends.length !== axes.length) {
    throw at.refuse("starts, ends and axes of different length");
  }
  const isFlip = steps?.every((step, k) => step === -1 && starts[k] === -1 && ends[k] <= -(2 ** 30));
  if (isFlip) return at.op("flip", at.input(0), axes);
  if (steps?.some((step) => step !== 1)) return stepped(at, starts, ends, axes, steps);
  return axes.reduce<Argument>((x, axis, k) => {
    const size = shape?.[axis];
    const extent = typeof size === "number" ? size : null;
    const [start, end] = [within(starts[k], extent), within(ends[k], extent)];
    if (extent === null && start === null) throw at.refuse(`a start of ${starts[k]} in an axis of unknown size`);
    return at.op("slice", x, start ?? 0, end ?? undefined, axis);
  }, at.input(0));
}

/** A part whose ends grow with an input, as exporters write the halves of samples; null if it is another. */
function growingPart(at: ImportStep): Argument | null {
  const one = (k: number): Size => {
    const sizes = at.has(k) ? sizesOf(at.graph, at.shapes, at.node.input[k]) : null;
    return sizes?.length === 1 ? sizes[0] : null;
  };
  const [start, end, axis] = [one(1), one(2), one(3)];
  const grows = [start, end].some((place) => place instanceof SizeRef) && start !== null && end !== null;
  if (!grows || typeof axis !== "number" || (at.has(4) && one(4) !== 1)) return null;
  return at.op("slice", at.input(0), start, end, at.resolve(axis, at.rank(0)));
}

/** Places at equal distances. */
function stepped(
  at: ImportStep,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[],
  steps: readonly number[],
): Argument {
  const rank = at.rank(0);
  const isOpen = (axis: number, k: number): boolean => {
    const isToTheEnd = starts[k] >= 0 && ends[k] >= 2 ** 30 && steps[k] > 0;
    return isToTheEnd && rank > 2 && axis > 0 && typeof at.shape(0)?.[axis] !== "number";
  };
  const sizes = at.sizes(
    0,
    axes.filter((axis, k) => !isOpen(axis, k)),
  );
  return axes.reduce<Argument>((x, axis, k) => {
    const [size, step] = [sizes[axis], steps[k]];
    if (step === 0) throw at.refuse("a step of 0");
    if (isOpen(axis, k))
      return every(at, step, starts[k] === 0 ? x : at.op("slice", x, starts[k], undefined, axis), axis);
    const [least, most] = step > 0 ? [0, size] : [-1, size - 1];
    const place = (one: number): number => Math.min(Math.max(one < 0 ? one + size : one, least), most);
    const [first, end] = [place(starts[k]), place(ends[k])];
    const count = Math.max(0, Math.ceil((end - first) / step));
    if (step === 1) return at.op("slice", x, first, Math.max(first, end), axis);
    return at.op(
      "gather",
      x,
      Array.from({ length: count }, (_, i) => first + i * step),
      axis,
    );
  }, at.input(0));
}

/** Each place so many behind the one before it, along an axis of any size: a pooling by windows of one place. */
function every(at: ImportStep, step: number, x: Argument, axis: number): Argument {
  if (step === 1) return x;
  const rank = at.rank(0);
  const along = axis === 1 ? rank - 1 : axis;
  const swapped = rangeFrom(0, rank).with(axis, along).with(along, axis);
  const stride = rangeFrom(2, rank).map((one) => (one === along ? step : 1));
  const taken = at.op(`maxPool${rank - 2}d`, at.transposed(x, swapped), 1, { stride: rank === 3 ? step : stride });
  return at.transposed(taken, swapped);
}

/** A place in an axis, at its end if it lies behind it; null where that is not known. */
function within(place: number, size: number | null): number | null {
  if (size === null) return Math.abs(place) >= 2 ** 30 ? null : place;
  return Math.min(Math.max(place < 0 ? place + size : place, 0), size);
}

function importSplit(at: ImportStep): Argument[] {
  const axis = at.axis("axis", 0, at.rank(0));
  const count = at.node.output.length;
  const sizes = at.list("split", 1) ?? equalParts(at.sizes(0, [axis])[axis], count);
  if (sizes.length !== count || !sizes.every((one) => one >= 0)) throw at.refuse("parts whose sizes are not known");
  let start = 0;
  return sizes.map((one) => {
    const from = start;
    start += one;
    return at.op("slice", at.input(0), from, start, axis);
  });
}

/** So many parts of one size, of which the last may be shorter. */
function equalParts(size: number, count: number): number[] {
  const part = Math.ceil(size / count);
  return Array.from({ length: count }, (_, k) => Math.min(part, size - k * part));
}

function rangeFrom(first: number, end: number): number[] {
  return Array.from({ length: Math.max(end - first, 0) }, (_, k) => first + k);
}
