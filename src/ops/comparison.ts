import type { BinaryOp } from "../backend/backend.js";
import { Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { applyBinary, applyNumber } from "./binary.js";
import { type Operand, operandsOf } from "./operand.js";

type Comparison = (a: Operand, b: Operand) => Tensor;

/** An op that is 1 where two broadcast values compare so, else 0; NaN compares as IEEE 754 has it. */
function defineComparison(name: string, op: BinaryOp, isSwapped = false): Comparison {
  return defineComposite(name, (a: Operand, b: Operand): Tensor => {
    if (a instanceof Tensor && typeof b === "number") return applyNumber(op, a, b, isSwapped);
    if (typeof a === "number" && b instanceof Tensor) return applyNumber(op, b, a, !isSwapped);
    const [left, right] = operandsOf(`${name}(a, b)`, a, b);
    return isSwapped ? applyBinary(op, right, left) : applyBinary(op, left, right);
  });
}

/**
 * 1 where a = b, else 0, broadcast; NaN equals nothing. No gradient passes.
 *
 * @param a - a tensor or a number
 * @param b - a tensor or a number
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * equal(tensor([1, 2, 3]), 2).dataSync(); // Float32Array [0, 1, 0]
 * ```
 */
export const equal: Comparison = defineComparison("equal", "equal");

/**
 * 1 where a ≠ b, else 0, broadcast; NaN differs from everything. No gradient passes.
 *
 * @param a - a tensor or a number
 * @param b - a tensor or a number
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * notEqual(tensor([1, 2, 3]), 2).dataSync(); // Float32Array [1, 0, 1]
 * ```
 */
export const notEqual: Comparison = defineComparison("notEqual", "notEqual");

/**
 * 1 where a < b, else 0, broadcast. No gradient passes.
 *
 * @param a - a tensor or a number
 * @param b - a tensor or a number
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * less(tensor([1, 2, 3]), 2).dataSync(); // Float32Array [1, 0, 0]
 * ```
 */
export const less: Comparison = defineComparison("less", "less");

/**
 * 1 where a ≤ b, else 0, broadcast. No gradient passes.
 *
 * @param a - a tensor or a number
 * @param b - a tensor or a number
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * lessEqual(tensor([1, 2, 3]), 2).dataSync(); // Float32Array [1, 1, 0]
 * ```
 */
export const lessEqual: Comparison = defineComparison("lessEqual", "lessEqual");

/**
 * 1 where a > b, else 0, broadcast. No gradient passes.
 *
 * @param a - a tensor or a number
 * @param b - a tensor or a number
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * greater(tensor([1, 2, 3]), 2).dataSync(); // Float32Array [0, 0, 1]
 * ```
 */
export const greater: Comparison = defineComparison("greater", "less", true);

/**
 * 1 where a ≥ b, else 0, broadcast. No gradient passes.
 *
 * @param a - a tensor or a number
 * @param b - a tensor or a number
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * greaterEqual(tensor([1, 2, 3]), 2).dataSync(); // Float32Array [0, 1, 1]
 * ```
 */
export const greaterEqual: Comparison = defineComparison("greaterEqual", "lessEqual", true);
