/** A mean and a variance for each channel, in float64. */
export interface ChannelStatistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** How far a norm's running statistics have moved; root mean squares over its channels, in units of the new deviation √(variance + eps). */
export interface Drift {
  /** Of (new mean − old mean). */
  readonly mean: number;
  /** Of (new deviation − old deviation), a deviation being √(variance + eps). */
  readonly deviation: number;
}

/** weight · a + (1 − weight) · b, of means and of variances: how Schneider et al. 2020 (arXiv:2006.16971, §3) mix two domains. */
export function mixStatistics(a: ChannelStatistics, b: ChannelStatistics, weight: number): ChannelStatistics {
  const mix = (x: Float64Array, y: Float64Array): Float64Array => x.map((v, c) => weight * v + (1 - weight) * y[c]);
  return { mean: mix(a.mean, b.mean), variance: mix(a.variance, b.variance) };
}

/** How far statistics have moved. @param eps - of the norm */
export function driftBetween(old: ChannelStatistics, now: ChannelStatistics, eps: number): Drift {
  const deviation = (variance: number): number => Math.sqrt(variance + eps);
  const inDeviations = (c: number, difference: number): number =>
    difference === 0 ? 0 : difference / deviation(now.variance[c]);
  const rms = (values: Float64Array): number =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  return {
    mean: rms(now.mean.map((mean, c) => inDeviations(c, mean - old.mean[c]))),
    deviation: rms(now.variance.map((v, c) => inDeviations(c, deviation(v) - deviation(old.variance[c])))),
  };
}
