import type { Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { stepped } from "./unary.js";

/**
 * 1 above 0, −1 below, and 0 at 0; NaN stays. No gradient passes.
 *
 * @param x - any shape
 * @example
 * ```ts
 * sign(tensor([-2, 0, 3])).dataSync(); // Float32Array [-1, 0, 1]
 * ```
 */
export const sign = defineOp("sign", (x: Tensor): Tensor => stepped("sign", x));

/**
 * The largest whole number that is not above x. No gradient passes.
 *
 * @param x - any shape
 * @example
 * ```ts
 * floor(tensor([-1.5, 1.5])).dataSync(); // Float32Array [-2, 1]
 * ```
 */
export const floor = defineOp("floor", (x: Tensor): Tensor => stepped("floor", x));

/**
 * The smallest whole number that is not below x. No gradient passes.
 *
 * @param x - any shape
 * @example
 * ```ts
 * ceil(tensor([0.5, 1.5])).dataSync(); // Float32Array [1, 2]
 * ```
 */
export const ceil = defineOp("ceil", (x: Tensor): Tensor => stepped("ceil", x));

/**
 * The nearest whole number, the even one of two, as in PyTorch, NumPy and ONNX (`Math.round` rounds halves up). No
 * gradient passes.
 *
 * @param x - any shape
 * @example
 * ```ts
 * round(tensor([0.5, 1.5, 2.6])).dataSync(); // Float32Array [0, 2, 3]
 * ```
 */
export const round = defineOp("round", (x: Tensor): Tensor => stepped("round", x));
