import type { AnyModule } from "../../nn/module.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import type { Tensor } from "../../tensor.js";
import { type OpFunction, type Tracer, withTracer } from "../../tracing.js";
import { tensorsIn } from "../argument.js";

/** How many norms stand in a row before each of some norms, so that those of one number do not depend on each other. */
export type NormLevels = ReadonlyMap<RunningNorm, number>;

/**
 * Finds out which norms depend on which by running a model. Null where that is not known, since the model does what
 * cannot be followed.
 *
 * @param run - applies the model once
 */
export function normLevels(run: () => void): NormLevels | null {
  const follower = new Follower();
  withTracer(follower, run);
  return follower.isLost ? null : follower.levels;
}

/** Knows of each tensor that is made how many norms stand in a row before it. */
class Follower implements Tracer {
  readonly levels = new Map<RunningNorm, number>();
  isLost = false;
  readonly #tensors = new WeakMap<Tensor, number>();
  /** Of values that the program has read: all that comes later may depend on them. */
  #read = 0;
  #highest = 0;

  op(_name: string, run: OpFunction, given: readonly unknown[]): Tensor {
    const result = withTracer(null, () => run(...(given as never[])));
    this.#tensors.set(result, this.#of(given));
    return result;
  }

  module(module: AnyModule, input: readonly unknown[], run: () => unknown): unknown {
    const isNorm = module instanceof RunningNorm;
    const isLeaf = isNorm || !module.isComposite;
    const before = this.#of(input);
    const result = isLeaf ? withTracer(null, run) : run();
    if (isNorm) this.levels.set(module, before);
    const after = isNorm ? before + 1 : before;
    this.#highest = Math.max(this.#highest, after);
    for (const t of tensorsIn(result)) {
      // What comes of no op that was seen may depend on all that was seen.
      if (isLeaf || !this.#tensors.has(t)) this.#tensors.set(t, isLeaf ? after : this.#highest);
    }
    return result;
  }

  within<T>(_path: string, run: () => T): T {
    return run();
  }

  withoutGradient<T>(run: () => T): T {
    return run();
  }

  read(t: Tensor): void {
    this.#read = Math.max(this.#read, this.#tensors.get(t) ?? this.#highest);
  }

  refuse(): void {
    this.isLost = true;
  }

  #of(given: unknown): number {
    return tensorsIn(given).reduce((most, t) => Math.max(most, this.#tensors.get(t) ?? 0), this.#read);
  }
}
