import { ArgumentError, ShapeError } from "../../errors.js";
import { add, div, mul, sub } from "../../ops/binary.js";
import { mean } from "../../ops/mean.js";
import { sqrt } from "../../ops/unary.js";
import { variance } from "../../ops/variance.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { formatShape } from "../../shape.js";
import { checkTensor, type Tensor } from "../../tensor.js";
import { positionAxes } from "./views.js";

/**
 * x with the style of another image: σ(style) · (x − μ(x)) / σ(x) + μ(style), with mean and deviation of each channel
 * of each sample over its positions, σ = √(variance + eps). Style transfer puts it between an encoder and a decoder.
 *
 * Source: Huang & Belongie 2017 (arXiv:1703.06868), equation 8.
 *
 * @param x - features of the content, (N, C, …) of rank 3 to 5
 * @param style - features of the style, of the same rank, N and C; other sizes may differ
 * @param options - `eps`, > 0, in units of x².
 *
 * @defaultValue 1e-5
 * @returns the shape of x
 * @throws ShapeError if the shapes do not fit
 * @throws ArgumentError if eps is out of range
 * @example
 * ```ts
 * const [x, style] = [tensor([[[1, 3]]]), tensor([[[10, 10, 30, 30]]])];
 * transferStyle(x, style).round().dataSync(); // Float32Array [10, 30]
 * ```
 */
export function transferStyle(x: Tensor, style: Tensor, options: { readonly eps?: number } = {}): Tensor {
  const { eps = 1e-5 } = options;
  const where = "transferStyle(x, style)";
  checkOptions(where, options, { eps: true });
  for (const t of [x, style]) checkTensor(where, t);
  const fits = x.rank >= 3 && style.rank === x.rank && [0, 1].every((axis) => x.shape[axis] === style.shape[axis]);
  if (!fits) {
    throw new ShapeError({
      where,
      expected: "x and style (N, C, …) of one rank, N and C",
      received: `${formatShape(x.shape)} and ${formatShape(style.shape)}`,
      cure: "Pass features of one layer, of as many images each.",
    });
  }
  if (!(eps > 0 && eps < Number.POSITIVE_INFINITY)) {
    throw new ArgumentError({
      where: "transferStyle(x, style, { eps })",
      expected: "a finite number above 0",
      received: String(eps),
      cure: "Pass a small one such as 1e-5.",
    });
  }
  return scope(() => {
    const axes = positionAxes(x);
    const deviation = (t: Tensor): Tensor => sqrt(add(variance(t, axes, { keepDims: true }), eps));
    const centred = sub(x, mean(x, axes, { keepDims: true }));
    return add(mul(centred, div(deviation(style), deviation(x))), mean(style, axes, { keepDims: true }));
  });
}
