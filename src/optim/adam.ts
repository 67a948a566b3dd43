import type { AdamUpdate } from "../backend/backend.js";
import { checkRange } from "../check-range.js";
import { pow } from "../elementary.js";
import { checkOptions } from "../options.js";
import {
  checkBetas,
  Optimizer,
  type OptimizerOptions,
  optimizerNames,
  type Parameters,
  type ParameterUpdate,
  type UpdateNumbers,
} from "./optimizer.js";

/** Options of {@link Adam} and {@link AdamW}. */
export interface AdamOptions extends OptimizerOptions {
  /** How much of the old first and second moment is kept, each in [0, 1). @defaultValue [0.9, 0.999] */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment, ≥ 0. @defaultValue 1e-8 */
  readonly eps?: number;
}

/**
 * Adam (Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1): m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g²,
 * p −= lr · m̂ / (√v̂ + eps) with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ). Weight decay is L2: part of the gradient.
 *
 * @example
 * ```ts
 * const w = tensor([1], { requiresGrad: true });
 * const optimizer = new Adam([w], { lr: 0.1 });
 * w.mul(w).sum().backward();
 * optimizer.step();
 * w.item(); // 0.9
 * ```
 */
export class Adam extends Optimizer {
  /** How much of the old first and second moment is kept. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment. */
  readonly eps: number;
  protected override readonly slots: readonly string[] = ["first", "second"];
  /** Whether decay shrinks the parameter itself rather than going through the moments. */
  protected readonly decoupled: boolean = false;

  /** @throws ArgumentError if a number is out of range */
  constructor(parameters: Parameters, options: AdamOptions) {
    checkOptions(`new ${new.target.name}(parameters)`, options, { betas: true, eps: true, ...optimizerNames });
    super(parameters, options);
    const where = `new ${this.constructor.name}(options)`;
    this.betas = checkBetas(where, options.betas ?? [0.9, 0.999]);
    this.eps = checkRange(where, "eps", options.eps ?? 1e-8);
  }

  /** Second moments are means of squares: they fit float32 where every square does. */
  override get largestGradient(): number {
    return 1.8e19;
  }

  /** @internal */
  override get heedsGate(): boolean {
    return this.update === Adam.prototype.update;
  }

  protected override update(
    updates: readonly ParameterUpdate[],
    { lr, step, gradientScale, gate }: UpdateNumbers,
  ): void {
    const { betas, eps, decoupled } = this;
    const [beta1, beta2] = betas;
    const correction1 = 1 - pow(beta1, step);
    const correction2 = 1 - pow(beta2, step);
    const { backend } = updates[0].parameter;
    const given = { lr, gradientScale, gate, beta1, beta2, eps, decoupled, correction1, correction2 };
    backend.adamStep(updates.map(blocksOf), given);
  }
}

function blocksOf({
  parameter,
  gradient,
  moments: { first, second },
  weightDecay,
}: ParameterUpdate): AdamUpdate<unknown> {
  const { block, size } = parameter;
  return {
    parameter: block,
    gradient: gradient.block,
    first: first.block,
    second: second.block,
    length: size,
    weightDecay,
  };
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101): the parameter shrinks by
 * lr·weightDecay·p, apart from the moments. Here, as everywhere in Evenkeel, weight decay is 0 unless given (PyTorch's
 * AdamW: 0.01).
 */
export class AdamW extends Adam {
  protected override readonly decoupled: boolean = true;
}
