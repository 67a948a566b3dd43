import { checkRange } from "../check-range.js";
import { pow } from "../elementary.js";
import { add, div, mul, sub } from "../ops/binary.js";
import { sqrt } from "../ops/unary.js";
import { checkOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import type { AdamOptions } from "./adam.js";
import { type Before, blended, ComposedOptimizer, normOf, ratioOr1, type Stepped } from "./composed-optimizer.js";
import { checkBetas, optimizerNames, type Parameters } from "./optimizer.js";

/** Options of {@link Lamb}; `eps` is 1e-6 by default. */
export interface LambOptions extends AdamOptions {
  /**
   * Which parameters have a rate of their own; the others move as with {@link AdamW}.
   *
   * @defaultValue those of rank 2 and more: no norms, no biases
   */
  readonly adapts?: (parameter: Tensor) => boolean;
}

/**
 * LAMB, for large batches (You et al. 2020, arXiv:1904.00962, Algorithm 2, with φ(z) = z): r = m̂ / (√v̂ + eps) as of
 * {@link Adam}; u = r + weightDecay·p; p −= lr·‖p‖/‖u‖·u for each parameter. Where ‖p‖ or ‖u‖ is 0, their ratio counts
 * as 1.
 *
 * @example
 * ```ts
 * const w = tensor([[2]], { requiresGrad: true });
 * const optimizer = new Lamb([w], { lr: 0.1 });
 * w.mul(w).sum().backward();
 * optimizer.step();
 * w.item(); // 1.8
 * ```
 */
export class Lamb extends ComposedOptimizer {
  /** How much of the old first and second moment is kept. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment. */
  readonly eps: number;
  readonly #adapts: (parameter: Tensor) => boolean;
  protected override readonly slots: readonly string[] = ["first", "second"];

  /** @throws ArgumentError if a number is out of range */
  constructor(parameters: Parameters, options: LambOptions) {
    checkOptions(`new ${new.target.name}(parameters)`, options, {
      adapts: true,
      betas: true,
      eps: true,
      ...optimizerNames,
    });
    super(parameters, options);
    const where = "new Lamb(options)";
    this.betas = checkBetas(where, options.betas ?? [0.9, 0.999]);
    this.eps = checkRange(where, "eps", options.eps ?? 1e-6);
    this.#adapts = options.adapts ?? ((parameter) => parameter.rank > 1);
  }

  /** Second moments are means of squares: they fit float32 where every square does. */
  override get largestGradient(): number {
    return 1.8e19;
  }

  protected override formula({ parameter, gradient, moments, weightDecay, lr, step }: Before): Stepped {
    const [beta1, beta2] = this.betas;
    const first = blended(moments["first"], gradient, beta1);
    const second = blended(moments["second"], mul(gradient, gradient), beta2);
    const mean = div(first, 1 - pow(beta1, step));
    const root = sqrt(div(second, 1 - pow(beta2, step)));
    const ratio = div(mean, add(root, this.eps));
    const u = weightDecay === 0 ? ratio : add(ratio, mul(parameter, weightDecay));
    const scaled = mul(u, lr);
    const move = this.#adapts(parameter) ? mul(scaled, ratioOr1(normOf(parameter), normOf(u))) : scaled;
    return { parameter: sub(parameter, move), moments: { first, second } };
  }
}
