import { checkRange } from "../check-range.js";
import { FormatError } from "../errors.js";
import { isObject } from "../formats/json.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import { shown } from "../shown.js";
import type { Companion } from "./checkpoint/companion.js";
import { Improvement, type ImprovementOptions, type Scores } from "./improvement.js";

/** Options of {@link plateauLr}. */
export interface PlateauLrOptions extends ImprovementOptions {
  /** What the rate is multiplied by, in [0, 1). @defaultValue 0.1 */
  readonly factor?: number;
  /** After how many epochs in a row without a new best, ≥ 1. PyTorch's `patience` is one less. @defaultValue 10 */
  readonly patience?: number;
  /** Below which it does not fall, ≥ 0. @defaultValue 0 */
  readonly minLr?: number;
}

/** A learning rate that falls when a score no longer improves: see {@link plateauLr}. */
export class PlateauLr implements Companion {
  /** @internal */
  readonly key = "schedule";
  readonly #improvement: Improvement;
  readonly #factor: number;
  readonly #patience: number;
  readonly #minLr: number;
  #lr: number;

  /** @internal */
  constructor(lr: number, options: PlateauLrOptions) {
    const where = "plateauLr(lr, options)";
    this.#lr = checkRange(where, "lr", lr);
    this.#factor = checkRange(where, "factor", options.factor ?? 0.1, 0, 1);
    this.#patience = checkCount(where, "patience", options.patience ?? 10);
    this.#minLr = checkRange(where, "minLr", options.minLr ?? 0);
    this.#improvement = new Improvement(where, options);
  }

  /** The learning rate now. */
  get lr(): number {
    return this.#lr;
  }

  /** @internal */
  get monitor(): string {
    return this.#improvement.monitor;
  }

  /** Takes the scores of an epoch; {@link fit} does so. */
  update(scores: Scores): void {
    this.#improvement.update(scores);
    if (this.#improvement.waited < this.#patience) return;
    // A rate that began below the least stays where it is.
    this.#lr = Math.max(this.#lr * this.#factor, Math.min(this.#lr, this.#minLr));
    this.#improvement.restartWait();
  }

  /** @internal */
  getState(): unknown {
    return { ...this.#improvement.getState(), lr: this.#lr };
  }

  /** @internal */
  stateDict(): Record<string, never> {
    return {};
  }

  /** @internal */
  restore(state: unknown): void {
    this.#improvement.setState(state);
    const lr = isObject(state) ? state["lr"] : null;
    if (typeof lr !== "number" || !(lr >= 0)) {
      const cure = "Use an older copy, or start anew.";
      throw new FormatError({ where: "checkpoint", expected: "the rate of a plateau", received: shown(lr), cure });
    }
    this.#lr = lr;
  }
}

/**
 * A schedule for {@link fit} that multiplies the learning rate by `factor` each time that the loss (of the validation
 * data or, without them, of training) has not improved for `patience` epochs. It remembers, so each training needs one
 * of its own; checkpoints keep its state.
 *
 * @param lr - at first, ≥ 0
 * @throws ArgumentError if a number is out of range
 * @example
 * ```ts
 * const schedule = plateauLr(0.1, { patience: 2 });
 * for (const loss of [3, 2, 2.5, 2.1]) schedule.update({ loss, accuracy: null });
 * schedule.lr; // 0.01
 * ```
 */
export function plateauLr(lr: number, options: PlateauLrOptions = {}): PlateauLr {
  checkOptions("plateauLr(lr)", options, { factor: true, patience: true, minLr: true, monitor: true, minDelta: true });
  return new PlateauLr(lr, options);
}
