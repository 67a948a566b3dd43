import { record } from "../autograd.js";
import type { UnaryGradientOp, UnaryOp } from "../backend/backend.js";
import { checkTensor, empty, type Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";

/**
 * Applies a function to each value; what its derivative is computed from (`UnaryGradientOp`) is kept for the gradient.
 */
export function unary(op: UnaryGradientOp, x: Tensor, saves: "input" | "output", parameter = 0): Tensor {
  const y = apply(op, x, parameter);
  return record(op, y, [x], [saves === "input" ? x : y], (dy, [saved]) => {
    const dx = empty(op, dy.backend, dy.shape);
    dy.backend.unaryGradient(op, dy.block, saved.block, dx.block, dy.size, parameter);
    return [dx];
  });
}

/** Applies a function with steps, through which no gradient passes. */
export function stepped(op: Exclude<UnaryOp, UnaryGradientOp>, x: Tensor): Tensor {
  return apply(op, x, 0);
}

function apply(op: UnaryOp, x: Tensor, parameter: number): Tensor {
  checkTensor(`${op}(x)`, x);
  const y = empty(op, x.backend, x.shape);
  x.backend.unary(op, x.block, y.block, x.size, parameter);
  return y;
}

/** −x */
export const neg = defineOp("neg", (x: Tensor): Tensor => {
  return record("neg", apply("neg", x, 0), [x], [], (dy) => [apply("neg", dy, 0)]);
});

/** eˣ */
export const exp = defineOp("exp", (x: Tensor): Tensor => {
  return unary("exp", x, "output");
});

/** ln x */
export const log = defineOp("log", (x: Tensor): Tensor => {
  return unary("log", x, "input");
});

/** √x */
export const sqrt = defineOp("sqrt", (x: Tensor): Tensor => {
  return unary("sqrt", x, "output");
});
