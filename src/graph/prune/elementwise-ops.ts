import * as activations from "../../ops/activations.js";
import * as comparisons from "../../ops/comparison.js";
import * as functions from "../../ops/functions.js";
import * as rounding from "../../ops/rounding.js";

const { glu: _twoChannels, prelu: _weighted, ...plainActivations } = activations;

/** Ops of one tensor, and settings, that work value by value. */
const unaryOps = new Set([
  ...Object.keys({ ...plainActivations, ...functions, ...rounding }),
  ...["neg", "exp", "log", "sqrt", "clamp", "pow", "detach"],
]);

/** Ops of two operands that work value by value. */
const binaryOps = new Set([...["add", "sub", "mul", "div", "pow", "minimum", "maximum"], ...Object.keys(comparisons)]);

/** Whether an op works value by value on its first argument, if what follows are settings. */
export function isUnary(op: string): boolean {
  return unaryOps.has(op) || binaryOps.has(op);
}

/** Whether an op works value by value on two operands. */
export function isBinary(op: string): boolean {
  return binaryOps.has(op);
}
