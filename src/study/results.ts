import { bootstrapMean, type Estimate } from "./bootstrap.js";
import type { Measures } from "./experiment.js";

/** What the trials of an experiment have found: each seed under each condition. */
export class Results<M extends Measures = Measures> {
  /** What was compared. */
  readonly conditions: readonly string[];
  /** Each was run under each condition. */
  readonly seeds: readonly number[];
  readonly #measures: ReadonlyMap<string, readonly M[]>;
  readonly #seconds: ReadonlyMap<string, readonly number[]>;

  /**
   * @param measures - for each condition one of each seed, in their order
   * @param seconds - likewise, how long each trial took
   */
  constructor(
    seeds: readonly number[],
    measures: ReadonlyMap<string, readonly M[]>,
    seconds: ReadonlyMap<string, readonly number[]> = new Map(),
  ) {
    this.seeds = seeds;
    this.conditions = [...measures.keys()];
    this.#measures = measures;
    this.#seconds = seconds;
  }

  /** Whether a condition was part of the study. */
  has(condition: string): boolean {
    return this.#measures.has(condition);
  }

  /** What each trial of a condition has found, in the order of the seeds. */
  measures(condition: string): readonly M[] {
    const measures = this.#measures.get(condition);
    if (measures === undefined) throw new Error(`internal: no condition ${condition} in the results`);
    return measures;
  }

  /** A number of each trial of a condition, in the order of the seeds. */
  values(condition: string, of: (measures: M) => number): number[] {
    return this.measures(condition).map(of);
  }

  /** Values of one condition minus those of another, seed by seed. */
  differences(condition: string, from: string, of: (measures: M) => number): number[] {
    const others = this.values(from, of);
    return this.values(condition, of).map((value, k) => value - others[k]);
  }

  /**
   * How long each trial of a condition took, as a multiple of those of another, seed by seed. It depends on the
   * machine, unlike all else here, so records of a study leave it out. None where no times are known.
   */
  costs(condition: string, from: string): number[] {
    const others = this.#seconds.get(from) ?? [];
    return (this.#seconds.get(condition) ?? []).map((seconds, k) => seconds / others[k]);
  }

  /** The mean of a condition over the seeds, with its interval. */
  estimate(condition: string, of: (measures: M) => number): Estimate {
    return bootstrapMean(this.values(condition, of));
  }
}
