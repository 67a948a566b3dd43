/** Count, mean and sum of squared deviations of each channel over batches, merged exactly (Chan, Golub & LeVeque 1983) in float64. */
export class ChannelMoments {
  /** Values of each channel so far. */
  count = 0;
  /** Batches left out, since a value of theirs was not finite. */
  skipped = 0;
  readonly mean: Float64Array;
  /** Sums of squared deviations. */
  readonly m2: Float64Array;

  constructor(channels: number) {
    this.mean = new Float64Array(channels);
    this.m2 = new Float64Array(channels);
  }

  /** Adds a batch of shape (N, C, …). */
  add(values: ArrayLike<number>, [samples, channels, ...spatial]: readonly number[]): void {
    const inner = spatial.reduce((product, extent) => product * extent, 1);
    const count = samples * inner;
    if (count === 0) return;
    const means = new Float64Array(channels);
    const m2s = new Float64Array(channels);
    for (let c = 0; c < channels; c++) {
      const each = (visit: (value: number) => void): void => {
        for (let n = 0; n < samples; n++) {
          const start = (n * channels + c) * inner;
          for (let i = start; i < start + inner; i++) visit(values[i]);
        }
      };
      const first = values[c * inner];
      let sum = 0;
      each((value) => {
        sum += value - first;
      });
      const mean = first + sum / count;
      let m2 = 0;
      each((value) => {
        m2 += (value - mean) ** 2;
      });
      means[c] = mean;
      m2s[c] = m2;
    }
    this.merge(count, means, m2s);
  }

  /** Adds `count` values of each channel by their means and sums of squared deviations; none of them if one is not finite. */
  merge(count: number, means: Float64Array, m2s: Float64Array): void {
    if (count === 0) return;
    if (!means.every(Number.isFinite) || !m2s.every(Number.isFinite)) {
      this.skipped++;
      return;
    }
    const total = this.count + count;
    for (let c = 0; c < this.mean.length; c++) {
      const delta = means[c] - this.mean[c];
      this.mean[c] += (delta * count) / total;
      this.m2[c] += m2s[c] + (delta * delta * this.count * count) / total;
    }
    this.count = total;
  }

  /** The biased variance of each channel. */
  variance(): Float64Array {
    return this.m2.map((m2) => m2 / this.count);
  }
}
