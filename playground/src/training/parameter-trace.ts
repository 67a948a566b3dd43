import { Norm } from "evenkeel";
import type { HiddenLayer } from "./build-network.js";
import { type Columns, History } from "./history.js";

const names = ["step", "gammaLow", "gamma", "gammaHigh", "betaLow", "beta", "betaHigh"] as const;
type Name = (typeof names)[number];

/** Least, mean and largest γ and β over the units of a layer, in the course of training. */
export type ParameterColumns = Columns<Name>;

/** What a norm has learned. */
export interface LearnedParameters {
  readonly columns: ParameterColumns;
  /** γ and β of each unit now. β is null where the norm has none. */
  readonly gamma: Float32Array;
  readonly beta: Float32Array | null;
}

/** Follows γ and β of each layer's norm. */
export class ParameterTrace {
  readonly #norms: readonly (Norm | null)[];
  readonly #histories: readonly History<Name>[];

  constructor(hidden: readonly HiddenLayer[], stride: number) {
    this.#norms = hidden.map(({ norm }) => (norm instanceof Norm && norm.weight !== null ? norm : null));
    this.#histories = hidden.map(() => new History(names, stride));
  }

  /** Notes what they are. */
  add(step: number): void {
    this.#norms.forEach((norm, k) => {
      if (norm === null) return;
      const [gammaLow, gamma, gammaHigh] = spreadOf(norm.weight?.dataSync());
      const [betaLow, beta, betaHigh] = spreadOf(norm.bias?.dataSync());
      this.#histories[k].add({ step, gammaLow, gamma, gammaHigh, betaLow, beta, betaHigh });
    });
  }

  /** What was noted of a layer, from 0; null where it has no γ. */
  of(layer: number): LearnedParameters | null {
    const norm = this.#norms[layer];
    if (norm?.weight == null) return null;
    return {
      columns: this.#histories[layer].columns(),
      gamma: norm.weight.dataSync(),
      beta: norm.bias?.dataSync() ?? null,
    };
  }
}

function spreadOf(values: Float32Array | undefined): [low: number, mean: number, high: number] {
  if (values === undefined) return [Number.NaN, Number.NaN, Number.NaN];
  return [Math.min(...values), values.reduce((sum, value) => sum + value, 0) / values.length, Math.max(...values)];
}
