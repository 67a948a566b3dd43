import { noGrad } from "../autograd.js";
import { checkRange } from "../check-range.js";
import { ArgumentError } from "../errors.js";
import { div, mul } from "../ops/binary.js";
import { where as choose, maximum } from "../ops/choice.js";
import { greater } from "../ops/comparison.js";
import { sum } from "../ops/sum.js";
import { sqrt } from "../ops/unary.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { copyInto } from "../tensor-copies.js";

/** Options of {@link clipGradAdaptively}. */
export interface AdaptiveClipOptions {
  /** λ: the norm that a gradient may have, in units of the weights' norm, > 0. @defaultValue 0.01 */
  readonly factor?: number;
  /** The least that the weights' norm counts as, > 0, so that zeros can move. @defaultValue 1e-3 */
  readonly eps?: number;
  /** Which parameters are left alone; the paper leaves out the last linear layer. @defaultValue none */
  readonly skips?: (parameter: Tensor) => boolean;
}

/**
 * Adaptive gradient clipping (Brock et al. 2021, arXiv:2102.06171, equation 3): the gradient of each unit i (a row of a
 * matrix, a filter of a convolution; a parameter of rank 1 is one unit) is scaled to λ·max(‖w_i‖, eps) where its norm
 * exceeds that. What norm-free networks need.
 *
 * @param parameters - those without gradient are passed over
 * @throws ArgumentError if a number is out of range
 * @example
 * ```ts
 * const w = tensor([[3, 4], [0, 0]], { requiresGrad: true });
 * w.mul(tensor([[1, 0], [1, 0]])).sum().backward();
 * clipGradAdaptively([w], { factor: 0.1 });
 * w.grad?.dataSync(); // Float32Array [0.5, 0, 0.0001, 0]
 * ```
 */
export function clipGradAdaptively(parameters: Iterable<Tensor>, options: AdaptiveClipOptions = {}): void {
  const { factor, eps, skips } = checkAdaptiveClip("clipGradAdaptively(parameters, options)", options);
  for (const parameter of parameters) {
    const { grad } = parameter;
    if (grad === null || skips(parameter)) continue;
    scope(() =>
      noGrad(() => {
        const most = mul(maximum(unitNorms(parameter.detach()), eps), factor);
        const norms = unitNorms(grad);
        // What is not finite stays so, and is found by whoever looks for it.
        copyInto(mul(grad, choose(greater(norms, most), div(most, norms), 1)), grad);
      }),
    );
  }
}

/** @throws ArgumentError if a number is out of range */
export function checkAdaptiveClip(where: string, options: AdaptiveClipOptions): Required<AdaptiveClipOptions> {
  checkOptions(where, options, { factor: true, eps: true, skips: true });
  const { factor = 0.01, eps = 1e-3, skips = () => false } = options;
  for (const [name, value] of Object.entries({ factor, eps })) {
    checkRange(where, name, value);
    if (value > 0) continue;
    throw new ArgumentError({ where, expected: `${name} above 0`, received: "0", cure: "At 0 nothing would move." });
  }
  return { factor, eps, skips };
}

/** One norm for each place of axis 0, of the tensor's rank; one for a tensor of rank 1. */
function unitNorms(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis).slice(x.rank > 1 ? 1 : 0);
  return sqrt(sum(mul(x, x), axes, { keepDims: true }));
}
