import { checkRange } from "../check-range.js";
import { ArgumentError, FormatError } from "../errors.js";
import { isObject } from "../formats/json.js";
import { shown } from "../shown.js";

/** Which number of a report is watched, and what counts as better. */
export interface ImprovementOptions {
  /**
   * `"loss"`, `"accuracy"`, or the name of one of {@link FitOptions.metrics}: of the validation data or, without them,
   * of training. A loss is to fall, all else is to rise.
   *
   * @defaultValue "loss"
   */
  readonly monitor?: string;
  /** By how much more than this it must improve to count, ≥ 0. @defaultValue 0 */
  readonly minDelta?: number;
}

/** Numbers by which a model is judged after an epoch. */
export interface Scores {
  readonly loss: number;
  readonly accuracy: number | null;
  readonly metrics?: Readonly<Record<string, number | null>>;
}

/** @throws ArgumentError if what is watched is none of the scores of that name */
export function checkMonitor(where: string, monitor: string, scores: readonly string[]): void {
  if (scores.includes(monitor)) return;
  throw new ArgumentError({
    where,
    expected: `monitor to be one of ${scores.toSorted().join(", ")}`,
    received: shown(monitor),
    cure: "Watch one of these, or ask for it with { metrics }.",
  });
}

/** What {@link Improvement} remembers. */
export interface ImprovementState {
  /** The best value; null before the first epoch. */
  readonly best: number | null;
  /** Epochs since it. */
  readonly waited: number;
}

/** Follows a number over epochs: the best so far, and how long ago that was. */
export class Improvement {
  readonly #where: string;
  readonly #monitor: string;
  readonly #minDelta: number;
  #best: number | null = null;
  #waited = 0;

  /** @throws ArgumentError if minDelta is negative */
  constructor(where: string, { monitor = "loss", minDelta = 0 }: ImprovementOptions) {
    this.#where = where;
    this.#monitor = monitor;
    this.#minDelta = checkRange(where, "minDelta", minDelta);
  }

  /** Which score is watched. */
  get monitor(): string {
    return this.#monitor;
  }

  /** The best value. */
  get best(): number | null {
    return this.#best;
  }

  /** Epochs since it. */
  get waited(): number {
    return this.#waited;
  }

  /**
   * Takes the scores of an epoch.
   *
   * @returns whether they are the best so far
   * @throws ArgumentError if they lack what is watched
   */
  update(scores: Scores): boolean {
    const value = this.#valueOf(scores);
    // NaN is never better, and anything is better than none.
    const isBetter =
      !Number.isNaN(value) &&
      (this.#best === null ||
        (this.#monitor === "loss" ? value < this.#best - this.#minDelta : value > this.#best + this.#minDelta));
    this.#waited = isBetter ? 0 : this.#waited + 1;
    if (isBetter) this.#best = value;
    return isBetter;
  }

  #valueOf({ loss, accuracy, metrics = {} }: Scores): number {
    const known: Readonly<Record<string, number | null>> = { ...metrics, loss, accuracy };
    checkMonitor(this.#where, this.#monitor, Object.keys(known));
    const value = known[this.#monitor];
    if (value !== null) return value;
    const whose = this.#monitor === "accuracy" ? "labels" : "labels of several classes";
    throw new ArgumentError({
      where: this.#where,
      expected: `a value of ${this.#monitor}, which only data with ${whose} have`,
      received: "none",
      cure: "Watch another score, or pass such data.",
    });
  }

  /** Starts over the count of epochs. */
  restartWait(): void {
    this.#waited = 0;
  }

  /** For a checkpoint. */
  getState(): ImprovementState {
    return { best: this.#best, waited: this.#waited };
  }

  /** Takes it up. @throws FormatError if it is none */
  setState(state: unknown): void {
    const { best, waited } = isObject(state) ? state : ({} as Record<string, unknown>);
    if ((best !== null && typeof best !== "number") || !Number.isSafeInteger(waited) || Number(waited) < 0) {
      const cure = "Use an older copy, or start anew.";
      throw new FormatError({
        where: "checkpoint",
        expected: `what ${this.#where} remembers`,
        received: shown(state),
        cure,
      });
    }
    this.#best = best;
    this.#waited = Number(waited);
  }
}
