import type { Module } from "../nn/module.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { copyOf } from "../tensor-copies.js";
import type { Companion } from "./checkpoint/companion.js";
import { Improvement, type ImprovementOptions, type Scores } from "./improvement.js";

/** Options of {@link FitOptions.earlyStopping}. */
export interface EarlyStoppingOptions extends ImprovementOptions {
  /** Stop after so many epochs in a row without a new best, ≥ 1. @defaultValue never: only the best weights are kept */
  readonly patience?: number;
  /** Whether the model has the weights and statistics of its best epoch at the end. @defaultValue true */
  readonly restoreBest?: boolean;
}

const where = "fit(model, data, { earlyStopping })";

/** Watches a validation score: says when it no longer improves, and keeps the best weights. */
export class EarlyStopping implements Companion {
  readonly key = "earlyStopping";
  readonly #model: Module;
  readonly #patience: number;
  readonly #restoreBest: boolean;
  readonly #improvement: Improvement;
  #bestEpoch: number | null = null;
  #best: Record<string, Tensor> = {};

  constructor(model: Module, options: EarlyStoppingOptions) {
    checkOptions(where, options, { patience: true, restoreBest: true, monitor: true, minDelta: true });
    this.#model = model;
    const { patience, restoreBest = true } = options;
    this.#patience = patience === undefined ? Number.POSITIVE_INFINITY : checkCount(where, "patience", patience);
    this.#restoreBest = restoreBest;
    this.#improvement = new Improvement(where, options);
  }

  /** Whether to stop. */
  get isDone(): boolean {
    return this.#improvement.waited >= this.#patience;
  }

  /** The best epoch and its value; null before the first. */
  get best(): { readonly epoch: number; readonly value: number } | null {
    const { best } = this.#improvement;
    return this.#bestEpoch === null || best === null ? null : { epoch: this.#bestEpoch, value: best };
  }

  /** Takes the scores of an epoch. */
  update(epoch: number, scores: Scores): void {
    if (!this.#improvement.update(scores)) return;
    this.#bestEpoch = epoch;
    if (this.#restoreBest) this.#keep(this.#model.stateDict());
  }

  /** Puts the best weights back, if that is wanted. */
  finish(): void {
    if (this.#bestEpoch !== null && this.#restoreBest) this.#model.loadStateDict(this.#best);
    this.dispose();
  }

  /** Frees the best weights. */
  dispose(): void {
    this.#keep({});
  }

  #keep(state: Record<string, Tensor>): void {
    for (const t of Object.values(this.#best)) t.dispose();
    this.#best = state;
  }

  getState(): unknown {
    return { ...this.#improvement.getState(), epoch: this.#bestEpoch };
  }

  stateDict(): Record<string, Tensor> {
    return Object.fromEntries(Object.entries(this.#best).map(([name, t]) => [name, copyOf("stateDict", t)]));
  }

  restore(state: unknown, tensors: Record<string, Tensor>): void {
    this.#improvement.setState(state);
    this.#bestEpoch = (state as { epoch?: number | null }).epoch ?? null;
    this.#keep(Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, copyOf("stateDict", t)])));
  }
}
