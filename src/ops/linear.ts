import { record } from "../autograd.js";
import { ShapeError } from "../errors.js";
import { formatShape, sizeOf } from "../shape.js";
import { type Tensor, view } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { multiply, multiplyByWeight } from "./matmul.js";
import { sumTo } from "./sum.js";

/**
 * y = x·weightᵀ + bias.
 *
 * @param x - (…, inFeatures)
 * @param weight - (outFeatures, inFeatures)
 * @param bias - (outFeatures), or null
 * @returns (…, outFeatures)
 * @throws ShapeError if the sizes do not fit
 */
export const linear = defineOp("linear", (x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor => {
  const [outFeatures, inFeatures] = weight.shape;
  const fits = weight.rank === 2 && x.rank >= 1 && x.shape[x.rank - 1] === inFeatures;
  if (!fits || (bias !== null && (bias.rank !== 1 || bias.size !== outFeatures))) {
    throw new ShapeError({
      where: "linear(x, weight, bias)",
      expected: "(…, in), (out, in) and (out)",
      received: [x, weight, bias].map((t) => (t === null ? "no bias" : formatShape(t.shape))).join(", "),
      cure: "Give the weight as many columns as x has features.",
    });
  }
  const rows = sizeOf(x.shape.slice(0, -1));
  const x2 = view("linear", x, [rows, inFeatures]);
  const y2 = multiplyByWeight(x2, weight, bias);
  const y = view("linear", y2, [...x.shape.slice(0, -1), outFeatures]);
  const inputs = bias === null ? [x, weight] : [x, weight, bias];
  const { shape } = x;
  record("linear", y, inputs, [x2, weight], (dy, [input, w], needs) => {
    const dy2 = view("linear", dy, [rows, outFeatures]);
    return [
      needs[0] ? view("linear", multiply(dy2, false, w, false), shape) : null,
      needs[1] ? multiply(dy2, true, input, false) : null,
      needs[2] ? sumTo(dy2, [outFeatures]) : null,
    ];
  });
  x2.dispose();
  y2.dispose();
  return y;
});
