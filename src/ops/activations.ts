import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { defineComposite, defineOp } from "../tracing.js";
import { add } from "./binary.js";
import { neg, unary } from "./unary.js";

/** max(x, 0); slope 0 at 0. @param x - any shape @example relu(tensor([-1, 2])).dataSync(); // Float32Array [0, 2] */
export const relu = defineOp("relu", (x: Tensor): Tensor => {
  return unary("relu", x, "output");
});

/**
 * min(max(x, 0), 6) (Howard et al. 2017, arXiv:1704.04861), computed as 6 − max(6 − max(x, 0), 0): to 2.4e-7. Slope 0 at 0 and at 6.
 *
 * @param x - any shape
 */
export const relu6 = defineComposite("relu6", (x: Tensor): Tensor => {
  return add(neg(relu(add(neg(relu(x)), 6))), 6);
});

/** x for x > 0, else negativeSlope·x (Maas et al. 2013). @param x - any shape @param negativeSlope - 0.01 by default, as PyTorch */
export const leakyRelu = defineOp("leakyRelu", (x: Tensor, negativeSlope: number = 0.01): Tensor => {
  return unary("leakyRelu", x, "input", finite("leakyRelu(x, negativeSlope)", negativeSlope));
});

/** x for x > 0, else alpha·(eˣ − 1) (Clevert et al. 2015, arXiv:1511.07289). @param x - any shape @param alpha - 1 by default */
export const elu = defineOp("elu", (x: Tensor, alpha: number = 1): Tensor => {
  return unary("elu", x, "input", finite("elu(x, alpha)", alpha));
});

/** x·Φ(x) with the exact normal distribution function (Hendrycks & Gimpel 2016, arXiv:1606.08415). @param x - any shape */
export const gelu = defineOp("gelu", (x: Tensor): Tensor => {
  return unary("gelu", x, "input");
});

/** x·sigmoid(x), also called swish (Ramachandran et al. 2017, arXiv:1710.05941). @param x - any shape */
export const silu = defineOp("silu", (x: Tensor): Tensor => {
  return unary("silu", x, "input");
});

/** 1 / (1 + e⁻ˣ). @param x - any shape */
export const sigmoid = defineOp("sigmoid", (x: Tensor): Tensor => {
  return unary("sigmoid", x, "output");
});

/** (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ). @param x - any shape */
export const tanh = defineOp("tanh", (x: Tensor): Tensor => {
  return unary("tanh", x, "output");
});

function finite(where: string, value: number): number {
  if (Number.isFinite(value)) return value;
  throw new ArgumentError({ where, expected: "a finite number", received: String(value), cure: "Pass a number." });
}
