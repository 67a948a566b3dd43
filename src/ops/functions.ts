import { record } from "../autograd.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { defineComposite, defineOp } from "../tracing.js";
import { applyBinary, applyNumber, pow } from "./binary.js";
import { sqrt, unary } from "./unary.js";

/**
 * |x|; slope 0 at 0.
 *
 * @param x - any shape
 * @example
 * ```ts
 * abs(tensor([-1, 2])).dataSync(); // Float32Array [1, 2]
 * ```
 */
export const abs = defineOp("abs", (x: Tensor): Tensor => unary("abs", x, "input"));

/**
 * x².
 *
 * @param x - any shape
 * @example
 * ```ts
 * square(tensor([-3, 2])).dataSync(); // Float32Array [9, 4]
 * ```
 */
export const square = defineComposite("square", (x: Tensor): Tensor => {
  checkTensor("square(x)", x);
  // Half of what the gradient of x·x takes.
  return record("square", applyBinary("mul", x, x), [x], [x], (dy, [saved]) => [
    applyNumber("mul", applyBinary("mul", dy, saved), 2),
  ]);
});

/**
 * 1/x; ∞ at 0.
 *
 * @param x - any shape
 * @example
 * ```ts
 * reciprocal(tensor([4, -0.5])).dataSync(); // Float32Array [0.25, -2]
 * ```
 */
export const reciprocal = defineComposite("reciprocal", (x: Tensor): Tensor => pow(x, -1));

/**
 * 1/√x; ∞ at 0, NaN below.
 *
 * @param x - any shape
 * @example
 * ```ts
 * rsqrt(tensor([4, 0.25])).dataSync(); // Float32Array [0.5, 2]
 * ```
 */
export const rsqrt = defineComposite("rsqrt", (x: Tensor): Tensor => pow(sqrt(x), -1));

/**
 * The sine of x in radians, of any size; NaN at ±∞.
 *
 * @param x - any shape
 * @example
 * ```ts
 * sin(tensor([0, Math.PI / 2])).dataSync(); // Float32Array [0, 1]
 * ```
 */
export const sin = defineOp("sin", (x: Tensor): Tensor => unary("sin", x, "input"));

/**
 * The cosine of x in radians, of any size; NaN at ±∞.
 *
 * @param x - any shape
 * @example
 * ```ts
 * cos(tensor([0, Math.PI])).dataSync(); // Float32Array [1, -1]
 * ```
 */
export const cos = defineOp("cos", (x: Tensor): Tensor => unary("cos", x, "input"));

/**
 * The error function 2/√π · ∫₀ˣ e^(−t²) dt.
 *
 * @param x - any shape
 * @example
 * ```ts
 * erf(tensor([0, 9])).dataSync(); // Float32Array [0, 1]
 * ```
 */
export const erf = defineOp("erf", (x: Tensor): Tensor => unary("erf", x, "input"));

/**
 * ln(1 + x), without the cancellation of `x.add(1).log()` near 0; −∞ at −1, NaN below.
 *
 * @param x - any shape
 * @example
 * ```ts
 * log1p(tensor([0, 1e-10])).dataSync(); // Float32Array [0, 1e-10]
 * ```
 */
export const log1p = defineOp("log1p", (x: Tensor): Tensor => unary("log1p", x, "input"));

/**
 * eˣ − 1, without the cancellation of `x.exp().sub(1)` near 0.
 *
 * @param x - any shape
 * @example
 * ```ts
 * expm1(tensor([0, 1e-10])).dataSync(); // Float32Array [0, 1e-10]
 * ```
 */
export const expm1 = defineOp("expm1", (x: Tensor): Tensor => unary("expm1", x, "input"));
