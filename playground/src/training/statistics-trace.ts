import { type AnyModule, RunningNorm } from "evenkeel";
import type { HiddenLayer } from "./build-network.js";
import { type Columns, History } from "./history.js";
import { momenta } from "./momenta.js";

type Name = "step" | "batch" | "population" | `${number}`;
const names: readonly Name[] = ["step", "batch", "population", ...momenta.map((_, k): Name => `${k}`)];

/** Means of one unit over training; the running mean with `momenta[k]` is the column `k`. */
export type StatisticsColumns = Columns<Name>;

/**
 * Follows the first unit of each layer that has running statistics: what its mean is in each batch, over all samples,
 * and as remembered.
 */
export class StatisticsTrace {
  readonly #norms: readonly (RunningNorm | null)[];
  readonly #running: readonly Float64Array[];
  readonly #histories: readonly History<Name>[];

  readonly #warmUp: boolean;
  #batches = 0;

  /** @param warmUp - whether the means warm up, as in `BatchNorm` */
  constructor(hidden: readonly HiddenLayer[], stride: number, warmUp: boolean) {
    this.#warmUp = warmUp;
    this.#norms = hidden.map(({ norm }) => (norm instanceof RunningNorm ? norm : null));
    this.#running = hidden.map(() => new Float64Array(momenta.length));
    this.#histories = hidden.map(() => new History(names, stride));
  }

  /** Whether any layer has running statistics. */
  get isEmpty(): boolean {
    return this.#norms.every((norm) => norm === null);
  }

  /** What `body` gives, and the first unit's mean in each layer in the forward pass that it makes. */
  watch<T>(body: () => T): { result: T; means: readonly number[] } {
    const means = this.#norms.map(() => Number.NaN);
    const release = this.#norms.map((norm, k) =>
      norm?.onForward((_: AnyModule, input) => {
        const [samples, units] = input.shape;
        const values = input.dataSync();
        let sum = 0;
        for (let sample = 0; sample < samples; sample++) sum += values[sample * units];
        means[k] = sum / samples;
      }),
    );
    try {
      return { result: body(), means };
    } finally {
      for (const end of release) end?.();
    }
  }

  /** Moves the running means: r ← w·r + (1 − w)·batch, with w = momentum, or less while they warm up. */
  remember(batch: readonly number[]): void {
    const n = ++this.#batches;
    const most = this.#warmUp ? (n - 1) / (n + 9) : 1;
    batch.forEach((mean, layer) => {
      const running = this.#running[layer];
      if (!Number.isFinite(mean)) return;
      for (const [k, momentum] of momenta.entries()) {
        const w = Math.min(momentum, most);
        running[k] = w * running[k] + (1 - w) * mean;
      }
    });
  }

  /** Runs `body` with every layer on the statistics of its batch, and none remembering it. */
  forgetting<T>(body: () => T): T {
    for (const norm of this.#norms) if (norm !== null) norm.updateRunning = false;
    try {
      return body();
    } finally {
      for (const norm of this.#norms) if (norm !== null) norm.updateRunning = true;
    }
  }

  /** Notes where the means are. */
  add(step: number, batch: readonly number[], population: readonly number[]): void {
    this.#histories.forEach((history, k) => {
      const running = Object.fromEntries(momenta.map((_, at) => [at, this.#running[k][at]]));
      history.add({ step, batch: batch[k], population: population[k], ...running } as Record<Name, number>);
    });
  }

  /** What was noted of a layer, from 0. */
  columns(layer: number): StatisticsColumns | null {
    return this.#norms[layer] === null ? null : (this.#histories[layer]?.columns() ?? null);
  }
}
