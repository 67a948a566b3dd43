import { ArgumentError } from "../../../errors.js";
import type { NormOfOptions } from "../../../ops/norm.js";
import type { ReduceOptions } from "../../../ops/sum.js";
import type { TopKOptions } from "../../../ops/top-k.js";
import type { VarianceOptions } from "../../../ops/variance.js";
import { resolveAxisOf } from "./attributes.js";
import type { OnnxValue } from "./onnx-writer.js";
import { asReal, type Op, reduction } from "./op-rows.js";

type Axes = number | readonly number[] | undefined;

/** The places of the largest or smallest, as reals; of all values where no axis is named. */
function places(opType: string): Op {
  return ({ args, shape }, graph) => {
    const [x, given, options] = args as [OnnxValue, number | undefined, ReduceOptions | undefined];
    const keepdims = options?.keepDims ? 1 : 0;
    const all = given === undefined;
    const row = all
      ? graph.node("Reshape", [x, graph.constant("shape", [1], [-1], "int64")], {}, { shape: ["all"] })
      : x;
    const axis = all ? 0 : resolveAxisOf(given, x.shape.length);
    const kept = x.shape.flatMap((size, k) => (k === axis ? (keepdims === 1 ? [1] : []) : [size]));
    const attributes = { axis, keepdims: all ? 0 : keepdims };
    const place = graph.node(opType, [row], attributes, { shape: all ? [] : (shape ?? kept), type: "int64" });
    if (!all || keepdims === 0) return asReal(place, graph);
    const ones = x.shape.map(() => 1);
    const sizes = graph.constant("shape", [ones.length], ones, "int64");
    return asReal(graph.node("Reshape", [place, sizes], {}, { shape: ones, type: "int64" }), graph);
  };
}

/** The mean square distance from the mean. */
const variance: Op = (op, graph) => {
  const [x, axis, options] = op.args as [OnnxValue, Axes, VarianceOptions | undefined];
  const { keepDims = false, unbiased = false } = options ?? {};
  const mean = reduction("ReduceMean");
  const centre = mean({ args: [x, axis, { keepDims: true }], shape: null }, graph);
  const centred = graph.node("Sub", [x, centre], {}, { shape: x.shape });
  const squares = graph.node("Mul", [centred, centred]);
  const biased = mean({ args: [squares, axis, { keepDims }], shape: op.shape }, graph);
  if (!unbiased) return biased;
  const axes =
    axis === undefined ? x.shape.map((_, k) => k) : [axis].flat().map((k) => resolveAxisOf(k, x.shape.length));
  const count = axes.reduce((product, k) => product * Number(x.shape[k]), 1);
  if (!Number.isInteger(count)) {
    throw new ArgumentError({
      where: "exportOnnx(model)",
      expected: "an unbiased variance over axes whose sizes are known",
      received: `one over ${axes.map((k) => x.shape[k]).join("×")} values`,
      cure: "Leave the batch axis out, or drop { unbiased }.",
    });
  }
  return graph.node("Mul", [biased, graph.constant("correction", [], [count / (count - 1)])]);
};

/** What reductions are in ONNX. */
export const reductionOps: Readonly<Record<string, Op>> = {
  sum: reduction("ReduceSum"),
  mean: reduction("ReduceMean"),
  max: reduction("ReduceMax"),
  min: reduction("ReduceMin"),
  prod: reduction("ReduceProd"),
  logSumExp: reduction("ReduceLogSumExp"),
  norm: (op, graph) => {
    const [x, axis, options] = op.args as [OnnxValue, Axes, NormOfOptions | undefined];
    const { p = 2, keepDims = false } = options ?? {};
    const [source, opType] =
      p === Number.POSITIVE_INFINITY ? [graph.node("Abs", [x]), "ReduceMax"] : [x, `ReduceL${p}`];
    return reduction(opType)({ args: [source, axis, { keepDims }], shape: op.shape }, graph);
  },
  variance,
  std: (op, graph) => graph.node("Sqrt", [variance(op, graph)]),
  argmax: places("ArgMax"),
  argmin: places("ArgMin"),
  topKIndices: ({ args, shape }, graph) => {
    const [x, k, options] = args as [OnnxValue, number, TopKOptions | undefined];
    const { axis = -1, largest = true } = options ?? {};
    const attributes = { axis, largest: largest ? 1 : 0, sorted: 1 };
    const count = graph.constant("k", [1], [k], "int64");
    const output = { shape: shape ?? x.shape, type: "int64", place: 1 } as const;
    return asReal(graph.node("TopK", [x, count], attributes, output), graph);
  },
  cumSum: ({ args, shape }, graph) => {
    const [x, axis = -1] = args as [OnnxValue, number | undefined];
    return graph.node("CumSum", [x, graph.constant("axis", [], [axis], "int64")], {}, { shape: shape ?? x.shape });
  },
};
