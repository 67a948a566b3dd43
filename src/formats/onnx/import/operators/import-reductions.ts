import type { Argument } from "../../../../graph/argument.js";
import { allAxes } from "../../../../shape.js";
import { intOf } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";
import type { Operator } from "../operators.js";

type Reduce = (
  at: ImportStep,
  x: Argument,
  axes: readonly number[],
  options: { readonly keepDims: boolean },
) => Argument;

/** The axes that a reduction names, or all of them; null where it names none and then changes nothing. */
export function reducedAxes(at: ImportStep): number[] | null {
  const given = at.list("axes", 1);
  const rank = at.rank(0);
  if (given !== null && given.length > 0) return given.map((axis) => at.resolve(axis, rank));
  if (intOf(at.node, "noop_with_empty_axes", 0) !== 0) return null;
  return allAxes(rank);
}

function reduction(reduce: Reduce): Operator {
  return (at) => {
    const axes = reducedAxes(at);
    const keepDims = intOf(at.node, "keepdims", 1) !== 0;
    // Without axes each value is reduced by itself.
    return reduce(at, at.input(0), axes ?? [], { keepDims });
  };
}

function places(op: string): Operator {
  return (at) => {
    if (intOf(at.node, "select_last_index", 0) !== 0) throw at.refuse("the last of equal ones");
    const keepDims = intOf(at.node, "keepdims", 1) !== 0;
    return at.op(op, at.input(0), at.axis("axis", 0, at.rank(0)), { keepDims });
  };
}

/** A running sum, from the other end or without each value itself. */
function importCumSum(at: ImportStep): Argument {
  const axis = at.resolve(at.values(1).data[0], at.rank(0));
  const isReversed = intOf(at.node, "reverse", 0) !== 0;
  const turned = (x: Argument): Argument => (isReversed ? at.op("flip", x, axis) : x);
  let x = turned(at.input(0));
  if (intOf(at.node, "exclusive", 0) !== 0) {
    const widths = Array.from({ length: at.rank(0) - axis }, (_, k) => (k === 0 ? [1, 0] : [0, 0]));
    x = at.op("pad", at.op("slice", x, 0, -1, axis), widths);
  }
  return turned(at.op("cumSum", x, axis));
}

/** Values and places of the largest or smallest. */
function importTopK(at: ImportStep): Argument[] {
  const x = at.input(0);
  const k = at.list("k", 1)?.[0] ?? intOf(at.node, "k", 1);
  const axis = at.axis("axis", -1, at.rank(0));
  const indices = at.op("topKIndices", x, k, { axis, largest: intOf(at.node, "largest", 1) !== 0 });
  return [at.op("takeAlongAxis", x, indices, axis), indices];
}

/** Operators that make fewer values of many, and running sums. */
export const reductionOperators: Readonly<Record<string, Operator>> = {
  ReduceMin: reduction((at, x, axes, options) => at.op("min", x, [...axes], options)),
  ReduceProd: reduction((at, x, axes, options) => at.op("prod", x, [...axes], options)),
  ReduceLogSumExp: reduction((at, x, axes, options) => at.op("logSumExp", x, [...axes], options)),
  ReduceL1: reduction((at, x, axes, options) => at.op("norm", x, [...axes], { ...options, p: 1 })),
  ReduceL2: reduction((at, x, axes, options) => at.op("norm", x, [...axes], options)),
  ReduceSumSquare: reduction((at, x, axes, options) => at.op("sum", at.op("square", x), [...axes], options)),
  ReduceLogSum: reduction((at, x, axes, options) => at.op("log", at.op("sum", x, [...axes], options))),
  ArgMax: places("argmax"),
  ArgMin: places("argmin"),
  CumSum: importCumSum,
  TopK: importTopK,
};
