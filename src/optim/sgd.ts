import type { SgdUpdate } from "../backend/backend.js";
import { checkRange } from "../check-range.js";
import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import {
  Optimizer,
  type OptimizerOptions,
  optimizerNames,
  type Parameters,
  type ParameterUpdate,
  type UpdateNumbers,
} from "./optimizer.js";

/** Options of {@link Sgd}. */
export interface SgdOptions extends OptimizerOptions {
  /** Share of the velocity that is kept, in [0, 1). @defaultValue 0 */
  readonly momentum?: number;
  /** Look ahead along the velocity (Sutskever et al. 2013); needs momentum. @defaultValue false */
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent, as PyTorch's: g = gradient + weightDecay·p; v = momentum·v + g (v = g at first);
 * p −= lr·(nesterov ? g + momentum·v : v).
 *
 * @example
 * ```ts
 * const w = tensor([1], { requiresGrad: true });
 * const optimizer = new Sgd([w], { lr: 0.1 });
 * w.mul(w).sum().backward();
 * optimizer.step();
 * w.item(); // 0.8
 * ```
 */
export class Sgd extends Optimizer {
  /** Share of the velocity that is kept. */
  readonly momentum: number;
  /** Whether it looks ahead along the velocity. */
  readonly nesterov: boolean;
  protected override readonly slots: readonly string[];

  /** @throws ArgumentError if a number is out of range, or nesterov lacks momentum */
  constructor(parameters: Parameters, options: SgdOptions) {
    checkOptions(`new ${new.target.name}(parameters)`, options, { momentum: true, nesterov: true, ...optimizerNames });
    super(parameters, options);
    this.momentum = checkRange("new Sgd(options)", "momentum", options.momentum ?? 0, 0, 1);
    this.nesterov = options.nesterov ?? false;
    this.slots = this.momentum > 0 ? ["velocity"] : [];
    if (this.nesterov && this.momentum === 0) {
      throw new ArgumentError({
        where: "new Sgd(options)",
        expected: "momentum above 0 with nesterov",
        received: "0",
        cure: "Set momentum, e.g. 0.9.",
      });
    }
  }

  /** A velocity grows to 1 / (1 − momentum) gradients. */
  override get largestGradient(): number {
    return 3.4e38 * (1 - this.momentum);
  }

  /** @internal */
  override get heedsGate(): boolean {
    return this.update === Sgd.prototype.update;
  }

  protected override update(updates: readonly ParameterUpdate[], { step, ...given }: UpdateNumbers): void {
    const { momentum, nesterov } = this;
    const { backend } = updates[0].parameter;
    backend.sgdStep(updates.map(blocksOf), { ...given, momentum, nesterov, first: step === 1 });
  }
}

function blocksOf({ parameter, gradient, moments, weightDecay }: ParameterUpdate): SgdUpdate<unknown> {
  const { block, size } = parameter;
  const velocity = "velocity" in moments ? moments["velocity"].block : null;
  return { parameter: block, gradient: gradient.block, velocity, length: size, weightDecay };
}
