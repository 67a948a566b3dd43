import { record } from "../autograd.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape, resolveAxis } from "../shape.js";
import { checkTensor, type Tensor, view } from "../tensor.js";
import { defineComposite, defineOp } from "../tracing.js";
import { add, applyBinary, div, mul } from "./binary.js";
import { limitedInside } from "./choice.js";
import { slice } from "./slice.js";
import { sumTo } from "./sum.js";
import { unary } from "./unary.js";

/**
 * max(x, 0); slope 0 at 0, 1 at NaN.
 *
 * @param x - any shape @example relu(tensor([-1, 2])).dataSync(); // Float32Array [0, 2]
 */
export const relu = defineOp("relu", (x: Tensor): Tensor => {
  return unary("relu", x, "output");
});

/**
 * min(max(x, 0), 6) (Howard et al. 2017, arXiv:1704.04861). Slope 0 at 0 and at 6.
 *
 * @param x - any shape
 */
export const relu6 = defineComposite("relu6", (x: Tensor): Tensor => {
  return limitedInside("relu6(x)", x, 0, 6);
});

/**
 * x for x > 0, else negativeSlope·x (Maas et al. 2013).
 *
 * @param x - any shape
 * @param negativeSlope - 0.01 by default, as PyTorch
 */
export const leakyRelu = defineOp("leakyRelu", (x: Tensor, negativeSlope: number = 0.01): Tensor => {
  return unary("leakyRelu", x, "input", finite("leakyRelu(x, negativeSlope)", negativeSlope));
});

/**
 * x for x > 0, else weight·x, with one slope for all or one per channel, which are learned (He et al. 2015,
 * arXiv:1502.01852). Its slope at 0 is the weight.
 *
 * @param x - any shape; (N, C, …) for one slope per channel
 * @param weight - (1) or (C)
 * @throws ShapeError if there are neither one slope nor as many as channels
 */
export const prelu = defineOp("prelu", (x: Tensor, weight: Tensor): Tensor => {
  checkTensor("prelu(x, weight)", x);
  checkTensor("prelu(x, weight)", weight);
  const { shape } = weight;
  const isPerChannel = x.rank >= 2 && weight.size === x.shape[1];
  if (weight.rank !== 1 || !(weight.size === 1 || isPerChannel)) {
    const channels = x.rank < 2 ? "no channels" : `${x.shape[1]} channels (shape ${formatShape(x.shape)})`;
    throw new ShapeError({
      where: "prelu(x, weight)",
      expected: "one slope, or one for each channel of axis 1",
      received: `slopes ${formatShape(shape)} for ${channels}`,
      cure: "Give the weight as many values as x has channels, or one.",
    });
  }
  const slopes = view("prelu", weight, isPerChannel ? [weight.size, ...x.shape.slice(2).map(() => 1)] : [1]);
  const y = applyBinary("prelu", x, slopes, x.shape);
  record("prelu", y, [x, weight], [x, slopes], (dy, [input, w], needs) => [
    needs[0] ? applyBinary("mul", dy, applyBinary("preluSlope", input, w, input.shape)) : null,
    needs[1] ? view("prelu", sumTo(applyBinary("timesNegative", dy, input), w.shape), shape) : null,
  ]);
  slopes.dispose();
  return y;
});

/**
 * x for x > 0, else alpha·(eˣ − 1) (Clevert et al. 2015, arXiv:1511.07289).
 *
 * @param x - any shape
 * @param alpha - 1 by default
 */
export const elu = defineOp("elu", (x: Tensor, alpha: number = 1): Tensor => {
  return unary("elu", x, "input", finite("elu(x, alpha)", alpha));
});

/**
 * x·Φ(x) with the exact normal distribution function (Hendrycks & Gimpel 2016, arXiv:1606.08415).
 *
 * @param x - any shape
 */
export const gelu = defineOp("gelu", (x: Tensor): Tensor => {
  return unary("gelu", x, "input");
});

/** x·sigmoid(x), also called swish (Ramachandran et al. 2017, arXiv:1710.05941). @param x - any shape */
export const silu = defineOp("silu", (x: Tensor): Tensor => {
  return unary("silu", x, "input");
});

/**
 * ln(1 + eˣ), computed as max(x, 0) + ln(1 + e^−|x|), which never overflows: a smooth ReLU, whose slope is
 * {@link sigmoid} (Dugas et al. 2000). PyTorch's with beta 1.
 *
 * @param x - any shape
 */
export const softplus = defineOp("softplus", (x: Tensor): Tensor => {
  return unary("softplus", x, "input");
});

/**
 * x·min(max(x + 3, 0), 6)/6, a cheap {@link silu} (Howard et al. 2019, arXiv:1905.02244). Slope 0 at −3 and 1 at 3.
 *
 * @param x - any shape
 */
export const hardSwish = defineOp("hardSwish", (x: Tensor): Tensor => {
  return unary("hardSwish", x, "input");
});

/**
 * x·tanh(ln(1 + eˣ)) (Misra 2019, arXiv:1908.08681).
 *
 * @param x - any shape
 * @example
 * ```ts
 * mish(tensor([0, 40])).dataSync(); // Float32Array [0, 40]
 * ```
 */
export const mish = defineOp("mish", (x: Tensor): Tensor => {
  return unary("mish", x, "input");
});

/**
 * min(max(x + 3, 0), 6)/6, a cheap {@link sigmoid} (Howard et al. 2019, arXiv:1905.02244), as in PyTorch; slope 0 at −3
 * and at 3. Keras 2 and TF.js have another slope.
 *
 * @param x - any shape
 * @example
 * ```ts
 * hardSigmoid(tensor([-4, 0, 4])).dataSync(); // Float32Array [0, 0.5, 1]
 * ```
 */
export const hardSigmoid = defineComposite("hardSigmoid", (x: Tensor): Tensor => {
  return div(limitedInside("hardSigmoid(x)", add(x, 3), 0, 6), 6);
});

/**
 * min(max(x, low), high), a cheap {@link tanh}; slope 0 at both limits, where `clamp` has slope 1.
 *
 * @param x - any shape
 * @param low - −1 by default
 * @param high - 1 by default, above `low`
 * @throws ArgumentError if the limits are not finite, or not in this order
 * @example
 * ```ts
 * hardTanh(tensor([-2, 0.5, 2])).dataSync(); // Float32Array [-1, 0.5, 1]
 * ```
 */
export const hardTanh = defineComposite("hardTanh", (x: Tensor, low: number = -1, high: number = 1): Tensor => {
  const where = "hardTanh(x, low, high)";
  if (finite(where, low) >= finite(where, high)) {
    throw new ArgumentError({
      where,
      expected: "low below high",
      received: `${low} and ${high}`,
      cure: "Swap them.",
    });
  }
  return limitedInside(where, x, low, high);
});

/**
 * a·sigmoid(b) of the two halves a and b of an axis, the gated linear unit (Dauphin et al. 2016, arXiv:1612.08083).
 *
 * @param x - of an even size along the axis
 * @param axis - −1 by default
 * @returns half as large along the axis
 * @throws ShapeError if the axis has an odd size
 * @example
 * ```ts
 * glu(tensor([3, 0])).dataSync(); // Float32Array [1.5]
 * ```
 */
export const glu = defineComposite("glu", (x: Tensor, axis: number = -1): Tensor => {
  checkTensor("glu(x, axis)", x);
  const along = resolveAxis("glu(x, axis)", axis, x.rank);
  const size = x.shape[along];
  if (size % 2 !== 0) {
    throw new ShapeError({
      where: "glu(x, axis)",
      expected: `an even size along axis ${along}`,
      received: `${size} (shape ${formatShape(x.shape)})`,
      cure: "Give the layer before it twice as many outputs as the gate shall have.",
    });
  }
  return mul(slice(x, 0, size / 2, along), sigmoid(slice(x, size / 2, size, along)));
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
