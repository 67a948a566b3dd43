import { record } from "../autograd.js";
import { ShapeError } from "../errors.js";
import { formatShape, sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { defineOp } from "../tracing.js";
import { multiplyByWeight, product } from "./matmul.js";
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
  const { shape } = x;
  const rows = sizeOf(shape.slice(0, -1));
  const y = multiplyByWeight(x, rows, weight, bias, [...shape.slice(0, -1), outFeatures]);
  const ofX = { m: rows, n: inFeatures, k: outFeatures, transposeA: false, transposeB: false };
  const ofWeight = { m: outFeatures, n: inFeatures, k: rows, transposeA: true, transposeB: false };
  const inputs = bias === null ? [x, weight] : [x, weight, bias];
  record("linear", y, inputs, [x, weight], (dy, [input, w], needs) => [
    needs[0] ? product("linear", dy, w, null, ofX, shape) : null,
    needs[1] ? product("linear", dy, input, null, ofWeight, w.shape) : null,
    needs[2] ? sumTo(dy, [outFeatures]) : null,
  ]);
  return y;
});
