import { checkRange } from "../check-range.js";
import { add, mul, sub } from "../ops/binary.js";
import { checkOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { type Before, ComposedOptimizer, decayed, normOf, ratioOr1, type Stepped } from "./composed-optimizer.js";
import { type OptimizerOptions, optimizerNames, type Parameters } from "./optimizer.js";

/** Options of {@link Lars}. */
export interface LarsOptions extends OptimizerOptions {
  /** Share of the velocity that is kept, in [0, 1). @defaultValue 0.9 */
  readonly momentum?: number;
  /** η, the trust coefficient: how far a layer may move, in units of its norm, > 0. @defaultValue 0.001 */
  readonly trust?: number;
  /**
   * Which parameters have a rate of their own; the others move as with {@link Sgd}.
   *
   * @defaultValue those of rank 2 and more: no norms, no biases
   */
  readonly adapts?: (parameter: Tensor) => boolean;
}

/**
 * LARS, for large batches (You et al. 2017, arXiv:1708.03888, Algorithm 1): λ = η·‖p‖ / (‖g‖ + weightDecay·‖p‖) for
 * each parameter; v = momentum·v + lr·λ·(g + weightDecay·p); p −= v. Where ‖p‖ or the divisor is 0, λ is 1.
 *
 * @example
 * ```ts
 * const w = tensor([[1]], { requiresGrad: true });
 * const optimizer = new Lars([w], { lr: 100 });
 * w.mul(w).sum().backward();
 * optimizer.step();
 * w.item(); // 0.9
 * ```
 */
export class Lars extends ComposedOptimizer {
  /** Share of the velocity that is kept. */
  readonly momentum: number;
  /** How far a layer may move, in units of its norm. */
  readonly trust: number;
  readonly #adapts: (parameter: Tensor) => boolean;
  protected override readonly slots: readonly string[] = ["velocity"];

  /** @throws ArgumentError if a number is out of range */
  constructor(parameters: Parameters, options: LarsOptions) {
    checkOptions(`new ${new.target.name}(parameters)`, options, {
      momentum: true,
      trust: true,
      adapts: true,
      ...optimizerNames,
    });
    super(parameters, options);
    this.momentum = checkRange("new Lars(options)", "momentum", options.momentum ?? 0.9, 0, 1);
    this.trust = checkRange("new Lars(options)", "trust", options.trust ?? 0.001);
    this.#adapts = options.adapts ?? ((parameter) => parameter.rank > 1);
  }

  /** The norm of a gradient must fit float32. */
  override get largestGradient(): number {
    return 1.8e19;
  }

  protected override formula(before: Before): Stepped {
    const { parameter, gradient, moments, weightDecay, lr } = before;
    const direction = decayed(before);
    const scaled = mul(direction, lr);
    const size = this.#adapts(parameter) ? normOf(parameter) : null;
    const step =
      size === null
        ? scaled
        : mul(scaled, ratioOr1(mul(size, this.trust), add(normOf(gradient), mul(size, weightDecay))));
    const velocity = add(mul(moments["velocity"], this.momentum), step);
    return { parameter: sub(parameter, velocity), moments: { velocity } };
  }
}
