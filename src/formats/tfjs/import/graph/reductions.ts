import { GlobalAvgPool2d } from "../../../../nn/pooling.js";
import { axisHere } from "../value.js";
import { type GraphStep, isNumbers, isValue, type Made } from "./graph-step.js";
import type { GraphRow } from "./row.js";

function reduction(op: string): GraphRow {
  return (at) => {
    const [given] = at.inputs;
    if (given !== undefined && !isValue(given)) return ofSizes(at, op);
    const x = at.value();
    const rank = x.shape.length;
    const axes = [...new Set(at.list(1).map((axis) => at.resolve(axis, rank)))].sort((a, b) => a - b);
    const keepDims = at.flag("keep_dims") || at.flag("keepdims");
    if (axes.length === 0) return x;
    const isFirst = x.order === "first";
    const here = axes.map((axis) => axisHere(axis, rank, x.order)).sort((a, b) => a - b);
    const shape = x.shape.flatMap((size, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [size]));
    if (op === "mean" && rank === 4 && isFirst && axes.join() === "1,2" && !keepDims) {
      return at.plain(
        at.apply(() => new GlobalAvgPool2d(), x.ref),
        shape,
      );
    }
    // What is left of planes keeps its order only where channels stay at the end.
    const isKept = isFirst && (keepDims || axes.length === rank - 2) && !axes.includes(rank - 1);
    const isRow = isFirst && !keepDims && isKept;
    if (isFirst && isKept) {
      const ref = at.op(op, x.ref, here, { keepDims });
      return { ref, shape, order: isRow ? "keras" : "first" };
    }
    return { ref: at.op(op, at.keras(x), axes, { keepDims }), shape, order: "keras" };
  };
}

/** The product of sizes. */
function ofSizes(at: GraphStep, op: string): Made {
  const { sizes } = at.sizesOf(0);
  if (op !== "prod" || !sizes.every((size) => typeof size === "number")) throw at.refuse("an input that is constant");
  const product = sizes.reduce<number>((all, size) => all * Number(size), 1);
  const [x] = at.inputs;
  return x !== undefined && isNumbers(x)
    ? { shape: [], data: Float64Array.of(product) }
    : { sizes: [product], isOne: true };
}

/** Sums, means and extremes over axes. */
export const reductionRows: Readonly<Record<string, GraphRow>> = {
  ...{
    Sum: reduction("sum"),
    Mean: reduction("mean"),
    Max: reduction("max"),
    Min: reduction("min"),
    Prod: reduction("prod"),
  },
};
