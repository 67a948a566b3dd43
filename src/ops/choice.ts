import { record } from "../autograd.js";
import { ArgumentError } from "../errors.js";
import { broadcastShapes } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { applyBinary, applyNumber, timesInPlace } from "./binary.js";
import { type Operand, operandsOf } from "./operand.js";
import { sumTo } from "./sum.js";

/**
 * a where the condition is not 0, else b; all three broadcast. What is not chosen has no effect, whatever it holds, and
 * gets the gradient 0.
 *
 * @param condition - a comparison, or any values: all but 0 count as true
 * @param a - a tensor or a number
 * @param b - a tensor or a number
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * const x = tensor([-1, 2]);
 * where(less(x, 0), 0, x).dataSync(); // Float32Array [0, 2]
 * ```
 */
export const where = defineComposite("where", (condition: Operand, a: Operand, b: Operand): Tensor => {
  const title = "where(condition, a, b)";
  const [mask, left, right] = operandsOf(title, condition, a, b);
  const shape = broadcastShapes(title, broadcastShapes(title, mask.shape, left.shape), right.shape);
  const y = applyBinary("either", applyBinary("pass", left, mask, shape), applyBinary("pass", right, not(mask), shape));
  const shapes = [left.shape, right.shape];
  return record("where", y, [left, right], [mask], (dy, [saved], needs) => [
    needs[0] ? sumTo(applyBinary("pass", dy, saved, dy.shape), shapes[0]) : null,
    needs[1] ? sumTo(applyBinary("pass", dy, not(saved), dy.shape), shapes[1]) : null,
  ]);
});

/** 1 where a condition is 0, else 0. */
function not(condition: Tensor): Tensor {
  return applyNumber("equal", condition, 0);
}

/** An op that takes one of two values; where they are equal, each gets half of the gradient, as in PyTorch. */
function defineExtreme(name: "minimum" | "maximum"): (a: Operand, b: Operand) => Tensor {
  return defineComposite(name, (a: Operand, b: Operand): Tensor => {
    const [left, right] = operandsOf(`${name}(a, b)`, a, b);
    const y = applyBinary(name, left, right);
    return record(name, y, [left, right], [left, right], (dy, [first, second], needs) => {
      const share = (one: Tensor, other: Tensor): Tensor => {
        const [a, b] = name === "minimum" ? [other, one] : [one, other];
        return sumTo(timesInPlace(dy, applyBinary("maximumShare", a, b)), one.shape);
      };
      return [needs[0] ? share(first, second) : null, needs[1] ? share(second, first) : null];
    });
  });
}

/**
 * The smaller of two values, broadcast; NaN if either is. Where they are equal, each gets half of the gradient.
 *
 * @param a - a tensor or a number
 * @param b - a tensor or a number
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * minimum(tensor([1, 5]), 3).dataSync(); // Float32Array [1, 3]
 * ```
 */
export const minimum: (a: Operand, b: Operand) => Tensor = defineExtreme("minimum");

/**
 * The larger of two values, broadcast; NaN if either is. Where they are equal, each gets half of the gradient.
 *
 * @param a - a tensor or a number
 * @param b - a tensor or a number
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * maximum(tensor([1, 5]), 3).dataSync(); // Float32Array [3, 5]
 * ```
 */
export const maximum: (a: Operand, b: Operand) => Tensor = defineExtreme("maximum");

/**
 * min(max(x, low), high), broadcast. The gradient goes to x from `low` to `high`, both included, else to the limit, as
 * in PyTorch.
 *
 * @param x - any shape
 * @param low - a tensor or a number; null: no lower limit
 * @param high - a tensor or a number; null: no upper limit. Where it lies below `low`, it is the result
 * @throws ArgumentError if there is no limit
 * @throws ShapeError if the shapes do not fit
 * @example
 * ```ts
 * clamp(tensor([-2, 0.5, 9]), 0, 1).dataSync(); // Float32Array [0, 0.5, 1]
 * ```
 */
export const clamp = defineComposite("clamp", (x: Tensor, low?: Operand | null, high?: Operand | null): Tensor => {
  const title = "clamp(x, low, high)";
  checkTensor(title, x);
  const [least, largest] = [low ?? null, high ?? null];
  if (least === null && largest === null) {
    throw new ArgumentError({
      where: title,
      expected: "a limit or two",
      received: "none",
      cure: "Pass a number or a tensor, and null for a limit that there is not.",
    });
  }
  const raised = least === null ? x : limited("maximum", title, x, least);
  return largest === null ? raised : limited("minimum", title, raised, largest);
});

function limited(op: "minimum" | "maximum", title: string, x: Tensor, limit: Operand): Tensor {
  const [value, bound] = operandsOf(title, x, limit);
  const y = applyBinary(op, value, bound);
  return record(op, y, [value, bound], [value, bound], (dy, [saved, edge], needs) => {
    const [low, high] = op === "maximum" ? [edge, saved] : [saved, edge];
    return [
      needs[0] ? sumTo(applyBinary("pass", dy, applyBinary("lessEqual", low, high), dy.shape), saved.shape) : null,
      needs[1] ? sumTo(applyBinary("pass", dy, applyBinary("less", high, low), dy.shape), edge.shape) : null,
    ];
  });
}

/** min(max(x, low), high), with slope 1 between the limits alone, as activations have it. */
export function limitedInside(title: string, x: Tensor, low: number, high: number): Tensor {
  checkTensor(title, x);
  const [value, floor, ceiling] = operandsOf(title, x, low, high);
  const y = applyBinary("minimum", applyBinary("maximum", value, floor), ceiling);
  return record(title, y, [value], [y, floor, ceiling], (dy, [saved, least, largest]) => {
    const isInside = applyBinary("mul", applyBinary("less", least, saved), applyBinary("less", saved, largest));
    // NaN is not hidden.
    return [applyBinary("pass", dy, applyBinary("either", isInside, applyBinary("notEqual", saved, saved)))];
  });
}
