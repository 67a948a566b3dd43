import { retryOnce } from "../collector.js";
import { RandomDrop } from "../nn/dropout.js";
import type { AnyModule } from "../nn/module.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import type { Optimizer } from "../optim/optimizer.js";
import { type GeneratorState, generator } from "../random.js";

/**
 * Runs passes of training that may be refused memory: each is tried once more after the event loop has turned, in which
 * the collector frees what was made outside of scopes. The second try begins where the first did: norms that have
 * counted the batch do not count it again, dropout draws the same values, and gradients start from none.
 */
export class Retry {
  readonly #norms: readonly RunningNorm[];
  readonly #dropouts: readonly RandomDrop[];
  readonly #optimizer: Optimizer;

  constructor(model: AnyModule, optimizer: Optimizer) {
    const modules = model.namedModules().map(([, module]) => module);
    this.#norms = modules.filter((module) => module instanceof RunningNorm);
    this.#dropouts = modules.filter((module) => module instanceof RandomDrop);
    this.#optimizer = optimizer;
  }

  /** @param pass - forward and backward, with the optimiser's gradients at none */
  async run<T>(pass: () => T): Promise<T> {
    const versions = this.#norms.map(versionOf);
    const draws = this.#dropouts.map((dropout) => dropout.getExtraState());
    const { state } = generator();
    let isSecond = false;
    return retryOnce(() => {
      if (isSecond) return this.#runAgain(pass, versions, draws, state);
      isSecond = true;
      return pass();
    });
  }

  #runAgain<T>(
    pass: () => T,
    versions: readonly number[],
    draws: readonly (GeneratorState | null)[],
    state: GeneratorState,
  ): T {
    this.#optimizer.zeroGrad();
    generator().state = state;
    for (const [k, draw] of draws.entries()) if (draw !== null) this.#dropouts[k].setExtraState(draw);
    const done = this.#norms.filter((norm, k) => norm.updateRunning && versionOf(norm) !== versions[k]);
    for (const norm of done) norm.updateRunning = false;
    try {
      return pass();
    } finally {
      for (const norm of done) norm.updateRunning = true;
    }
  }
}

/** Grows with each batch that a norm counts. */
function versionOf({ runningMean }: RunningNorm): number {
  return runningMean?.storage.version ?? 0;
}
