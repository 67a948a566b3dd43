import { checkRange } from "../check-range.js";
import { add, div, mul, sub } from "../ops/binary.js";
import { sqrt } from "../ops/unary.js";
import { checkOptions } from "../options.js";
import { type Before, ComposedOptimizer, decayed, type Stepped } from "./composed-optimizer.js";
import { type OptimizerOptions, optimizerNames, type Parameters } from "./optimizer.js";

/** Options of {@link Adagrad}. */
export interface AdagradOptions extends OptimizerOptions {
  /** How fast the rate falls: that of step t is lr / (1 + (t − 1)·lrDecay); ≥ 0. @defaultValue 0 */
  readonly lrDecay?: number;
  /** Added to the root, ≥ 0. @defaultValue 1e-10 */
  readonly eps?: number;
}

/**
 * Adagrad (Duchi et al. 2011), as PyTorch's: g = gradient + weightDecay·p; s = s + g²; p −= lr / (1 + (t − 1)·lrDecay)
 * · g / (√s + eps).
 *
 * @example
 * ```ts
 * const w = tensor([1], { requiresGrad: true });
 * const optimizer = new Adagrad([w], { lr: 0.1 });
 * w.mul(w).sum().backward();
 * optimizer.step();
 * w.item(); // 0.9
 * ```
 */
export class Adagrad extends ComposedOptimizer {
  /** How fast the rate falls. */
  readonly lrDecay: number;
  /** Added to the root. */
  readonly eps: number;
  protected override readonly slots: readonly string[] = ["sum"];

  /** @throws ArgumentError if a number is out of range */
  constructor(parameters: Parameters, options: AdagradOptions) {
    checkOptions(`new ${new.target.name}(parameters)`, options, { lrDecay: true, eps: true, ...optimizerNames });
    super(parameters, options);
    this.lrDecay = checkRange("new Adagrad(options)", "lrDecay", options.lrDecay ?? 0);
    this.eps = checkRange("new Adagrad(options)", "eps", options.eps ?? 1e-10);
  }

  /** Sums of squares must fit float32, over ten thousand steps and more. */
  override get largestGradient(): number {
    return 1e17;
  }

  protected override formula(before: Before): Stepped {
    const { parameter, moments, lr, step } = before;
    const g = decayed(before);
    const sum = add(moments["sum"], mul(g, g));
    const rate = lr / (1 + (step - 1) * this.lrDecay);
    return { parameter: sub(parameter, mul(div(g, add(sqrt(sum), this.eps)), rate)), moments: { sum } };
  }
}
