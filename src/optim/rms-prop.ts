import { checkRange } from "../check-range.js";
import { add, div, mul, sub } from "../ops/binary.js";
import { sqrt } from "../ops/unary.js";
import { checkOptions } from "../options.js";
import { type Before, blended, ComposedOptimizer, decayed, type Stepped } from "./composed-optimizer.js";
import { type OptimizerOptions, optimizerNames, type Parameters } from "./optimizer.js";

/** Options of {@link RmsProp}. */
export interface RmsPropOptions extends OptimizerOptions {
  /** How much of the old mean square is kept, in [0, 1). @defaultValue 0.99 */
  readonly alpha?: number;
  /** Added to the root, ≥ 0. @defaultValue 1e-8 */
  readonly eps?: number;
  /** Share of the velocity that is kept, in [0, 1). @defaultValue 0 */
  readonly momentum?: number;
  /** Divide by the deviation instead of the root mean square. @defaultValue false */
  readonly centered?: boolean;
}

/**
 * RMSprop (Tieleman & Hinton 2012; centred: Graves 2013, arXiv:1308.0850), as PyTorch's: g = gradient + weightDecay·p;
 * s = α·s + (1 − α)·g²; p −= lr·g / (√s + eps), or, with momentum, v = momentum·v + g / (√s + eps), p −= lr·v. Centred:
 * s − a² in the place of s, with a = α·a + (1 − α)·g.
 *
 * @example
 * ```ts
 * const w = tensor([1], { requiresGrad: true });
 * const optimizer = new RmsProp([w], { lr: 0.1, alpha: 0.75 });
 * w.mul(w).sum().backward();
 * optimizer.step();
 * w.item(); // 0.8
 * ```
 */
export class RmsProp extends ComposedOptimizer {
  /** How much of the old mean square is kept. */
  readonly alpha: number;
  /** Added to the root. */
  readonly eps: number;
  /** Share of the velocity that is kept. */
  readonly momentum: number;
  /** Whether it divides by the deviation. */
  readonly centered: boolean;
  protected override readonly slots: readonly string[];

  /** @throws ArgumentError if a number is out of range */
  constructor(parameters: Parameters, options: RmsPropOptions) {
    checkOptions(`new ${new.target.name}(parameters)`, options, {
      alpha: true,
      eps: true,
      momentum: true,
      centered: true,
      ...optimizerNames,
    });
    super(parameters, options);
    const where = "new RmsProp(options)";
    this.alpha = checkRange(where, "alpha", options.alpha ?? 0.99, 0, 1);
    this.eps = checkRange(where, "eps", options.eps ?? 1e-8);
    this.momentum = checkRange(where, "momentum", options.momentum ?? 0, 0, 1);
    this.centered = options.centered ?? false;
    this.slots = ["square", ...(this.centered ? ["mean"] : []), ...(this.momentum > 0 ? ["velocity"] : [])];
  }

  /** Squares must fit float32. */
  override get largestGradient(): number {
    return 1.8e19;
  }

  protected override formula(before: Before): Stepped {
    const { parameter, moments, lr } = before;
    const g = decayed(before);
    const square = blended(moments["square"], mul(g, g), this.alpha);
    const mean = this.centered ? blended(moments["mean"], g, this.alpha) : null;
    const spread = mean === null ? square : sub(square, mul(mean, mean));
    const direction = div(g, add(sqrt(spread), this.eps));
    const velocity = this.momentum > 0 ? add(mul(moments["velocity"], this.momentum), direction) : null;
    return {
      parameter: sub(parameter, mul(velocity ?? direction, lr)),
      moments: { square, ...(mean === null ? {} : { mean }), ...(velocity === null ? {} : { velocity }) },
    };
  }
}
