import { mul, sub } from "../ops/binary.js";
import { sign } from "../ops/rounding.js";
import { checkOptions } from "../options.js";
import { type Before, blended, ComposedOptimizer, type Stepped } from "./composed-optimizer.js";
import { checkBetas, type OptimizerOptions, optimizerNames, type Parameters } from "./optimizer.js";

/** Options of {@link Lion}. */
export interface LionOptions extends OptimizerOptions {
  /**
   * How much of the momentum goes into the sign, and how much of it is kept, each in [0, 1).
   *
   * @defaultValue [0.9, 0.99]
   */
  readonly betas?: readonly [number, number];
}

/**
 * Lion (Chen et al. 2023, arXiv:2302.06675, Algorithm 2): p −= lr·(sign(β₁m + (1 − β₁)g) + weightDecay·p), then m = β₂m
 * + (1 − β₂)g. Each weight moves by lr: take a tenth to a third of AdamW's rate, and three to ten times its decay (§5
 * of the paper).
 *
 * @example
 * ```ts
 * const w = tensor([1], { requiresGrad: true });
 * const optimizer = new Lion([w], { lr: 0.1 });
 * w.mul(w).sum().backward();
 * optimizer.step();
 * w.item(); // 0.9
 * ```
 */
export class Lion extends ComposedOptimizer {
  /** How much of the momentum goes into the sign, and how much of it is kept. */
  readonly betas: readonly [number, number];
  protected override readonly slots: readonly string[] = ["momentum"];

  /** @throws ArgumentError if a number is out of range */
  constructor(parameters: Parameters, options: LionOptions) {
    checkOptions(`new ${new.target.name}(parameters)`, options, { betas: true, ...optimizerNames });
    super(parameters, options);
    this.betas = checkBetas("new Lion(options)", options.betas ?? [0.9, 0.99]);
  }

  protected override formula({ parameter, gradient, moments, weightDecay, lr }: Before): Stepped {
    const [beta1, beta2] = this.betas;
    const direction = sign(blended(moments["momentum"], gradient, beta1));
    const shrunk = weightDecay === 0 ? parameter : mul(parameter, 1 - lr * weightDecay);
    return {
      parameter: sub(shrunk, mul(direction, lr)),
      moments: { momentum: blended(moments["momentum"], gradient, beta2) },
    };
  }
}
