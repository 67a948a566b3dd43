import type { Communicator } from "../../communicator.js";
import { mergeMoments, mergeRows, momentsAt } from "../../moments.js";
import { InstanceNorm } from "../../nn/norms/instance-norm.js";
import type { RunningNorm } from "../../nn/norms/running-norm.js";
import type { ChannelStatistics } from "./channel-statistics.js";

/** How the moments of batches become statistics. */
export interface PopulationOptions {
  readonly channels: number;
  /**
   * Whether all values of a channel are taken together; else the statistics of rows are averaged.
   *
   * @defaultValue true
   */
  readonly pools?: boolean;
  /** Whether the variance is the unbiased one. @defaultValue false */
  readonly unbiased?: boolean;
  /** Rounds to the type in which means and variances must be finite. @defaultValue to float32 */
  readonly round?: (value: number) => number;
}

/** Gathers the moments of batches, weighted by their true counts, in float64 and in the order in which they come. */
export class Population {
  /** Batches left out, since a mean or variance was not finite. */
  skipped = 0;
  readonly #pools: boolean;
  readonly #unbiased: boolean;
  readonly #round: (value: number) => number;
  /** Per channel: count, mean, M2. */
  readonly #moments: Float64Array;
  #rows = 0;

  constructor({ channels, pools = true, unbiased = false, round = Math.fround }: PopulationOptions) {
    this.#moments = new Float64Array(3 * channels);
    this.#pools = pools;
    this.#unbiased = unbiased;
    this.#round = round;
  }

  /** How many values the channel that has seen most of them has seen. */
  get values(): number {
    return this.#moments.reduce((most, value, k) => (k % 3 === 0 ? Math.max(most, value) : most), 0);
  }

  /**
   * Adds a batch, unless one of its means or variances is not finite.
   *
   * @param rows - (rows · channels, 3): count, mean and M2; one row of channels, or one for each sample
   */
  add(rows: Float64Array): void {
    if (!this.#isFinite(rows)) {
      this.skipped++;
      return;
    }
    this.#merge(rows);
    this.#rows += rows.length / this.#moments.length;
  }

  /** Takes in what other ranks have gathered, in the order of ranks: all have the same bits then. */
  share(communicator: Communicator, purpose: string): void {
    if (communicator.size === 1) return;
    const mine = Float64Array.of(this.#rows, this.skipped, ...this.#moments);
    const all = communicator.allGather(mine, purpose);
    [this.#rows, this.skipped] = [0, 0];
    this.#moments.fill(0);
    for (let at = 0; at < all.length; at += mine.length) {
      this.#rows += all[at];
      this.skipped += all[at + 1];
      this.#merge(all.subarray(at + 2, at + mine.length));
    }
  }

  #merge(rows: Float64Array): void {
    if (this.#pools) mergeRows(this.#moments, rows);
    else this.#average(rows);
  }

  /** As if the means of all rows were equal: what lies between them is no part of the variance. */
  #average(rows: Float64Array): void {
    const moments = this.#moments;
    for (let at = 0; at < rows.length; at += 3) {
      const channel = at % moments.length;
      const [seen, row] = [momentsAt(moments, channel), momentsAt(rows, at)];
      const { count, mean } = mergeMoments(seen, row);
      moments.set([count, mean, seen.m2 + (row.count === 0 ? 0 : row.m2)], channel);
    }
  }

  #isFinite(rows: Float64Array): boolean {
    const fits = (value: number): boolean => Number.isFinite(this.#round(value));
    for (let at = 0; at < rows.length; at += 3) {
      const { count, mean, m2 } = momentsAt(rows, at);
      if (count > 0 && !(fits(mean) && fits(m2 / count))) return false;
    }
    return true;
  }

  /** The statistics that follow; those given where a channel has seen nothing. */
  statistics(old: ChannelStatistics): ChannelStatistics {
    const mean = old.mean.slice();
    const variance = old.variance.slice();
    for (let c = 0; c < mean.length; c++) {
      const seen = momentsAt(this.#moments, 3 * c);
      if (seen.count === 0) continue;
      const share = this.#pools ? seen.count : seen.count / this.#rows;
      mean[c] = seen.mean;
      variance[c] = (seen.m2 / seen.count) * (this.#unbiased && share > 1 ? share / (share - 1) : 1);
    }
    return { mean, variance };
  }
}

/** What gathers the running statistics of a norm; instance norms average those of samples, as they do in training. */
export function populationOf(norm: RunningNorm): Population {
  const { numFeatures, unbiased } = norm;
  return new Population({ channels: numFeatures, pools: !(norm instanceof InstanceNorm), unbiased });
}
