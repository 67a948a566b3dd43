import { InstanceNorm } from "../nn/norms/instance-norm.js";
import type { RunningNorm } from "../nn/norms/running-norm.js";
import type { ChannelStatistics } from "./channel-statistics.js";

/**
 * Gathers the moments of batches, weighted by their true counts: (count, mean, M2) are merged exactly, in float64, in the order in which they come
 * (Chan, Golub & LeVeque 1983, equation 2.1). Instance norms average the statistics of samples instead of pooling them, as they do in training.
 */
export class Population {
  /** Batches left out, since a mean or variance was not finite. */
  skipped = 0;
  readonly #norm: RunningNorm;
  readonly #pools: boolean;
  /** Per channel: count, mean, M2. */
  readonly #moments: Float64Array;
  #rows = 0;

  constructor(norm: RunningNorm) {
    this.#norm = norm;
    this.#pools = !(norm instanceof InstanceNorm);
    this.#moments = new Float64Array(3 * norm.numFeatures);
  }

  /** How many values the channel that has seen most of them has seen. */
  get values(): number {
    return this.#moments.reduce((most, value, k) => (k % 3 === 0 ? Math.max(most, value) : most), 0);
  }

  /**
   * Adds a batch, unless one of its means or variances is not finite in float32.
   *
   * @param moments - (rows · channels, 3): count, mean and M2; one row of channels, or one for each sample
   */
  add(moments: Float64Array): void {
    if (!isFinite32(moments)) {
      this.skipped++;
      return;
    }
    for (let at = 0; at < moments.length; at += 3) this.#merge(at % this.#moments.length, moments.subarray(at, at + 3));
    this.#rows += moments.length / this.#moments.length;
  }

  #merge(at: number, [count, mean, m2]: Float64Array): void {
    if (count === 0) return;
    const [oldCount, oldMean] = this.#moments.subarray(at, at + 2);
    const total = oldCount + count;
    const delta = mean - oldMean;
    this.#moments[at] = total;
    this.#moments[at + 1] += (delta * count) / total;
    this.#moments[at + 2] += m2 + (this.#pools ? (delta * delta * oldCount * count) / total : 0);
  }

  /** The running statistics that follow, the variance biased or not as the norm has it; those given where a channel has seen nothing. */
  statistics(old: ChannelStatistics): ChannelStatistics {
    const mean = old.mean.slice();
    const variance = old.variance.slice();
    for (let c = 0; c < mean.length; c++) {
      const [count, channelMean, m2] = this.#moments.subarray(3 * c, 3 * c + 3);
      if (count === 0) continue;
      const share = this.#pools ? count : count / this.#rows;
      mean[c] = channelMean;
      variance[c] = (m2 / count) * (this.#norm.unbiased && share > 1 ? share / (share - 1) : 1);
    }
    return { mean, variance };
  }
}

function isFinite32(moments: Float64Array): boolean {
  for (let at = 0; at < moments.length; at += 3) {
    const [count, mean, m2] = moments.subarray(at, at + 3);
    if (count > 0 && !(Number.isFinite(Math.fround(mean)) && Number.isFinite(Math.fround(m2 / count)))) return false;
  }
  return true;
}
