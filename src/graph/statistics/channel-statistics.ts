import type { RunningNorm } from "../../nn/norms/running-norm.js";

/** A mean and a variance for each channel, in float64. */
export interface ChannelStatistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/**
 * How far a norm's running statistics have moved; root mean squares over its channels, in units of the new deviation
 * √(variance + eps).
 */
export interface Drift {
  /** Of (new mean − old mean). */
  readonly mean: number;
  /** Of (new deviation − old deviation), a deviation being √(variance + eps). */
  readonly deviation: number;
}

/**
 * weight · a + (1 − weight) · b, of means and of variances: how Schneider et al. 2020 (arXiv:2006.16971, §3) mix two
 * domains. Channels of a that are not finite are b's.
 */
export function mixStatistics(a: ChannelStatistics, b: ChannelStatistics, weight: number): ChannelStatistics {
  const isKnown = Array.from(a.mean, (mean, c) => Number.isFinite(mean + a.variance[c]));
  const mix = (x: Float64Array, y: Float64Array): Float64Array =>
    x.map((v, c) => (isKnown[c] ? weight * v + (1 - weight) * y[c] : y[c]));
  return { mean: mix(a.mean, b.mean), variance: mix(a.variance, b.variance) };
}

/** How far statistics have moved. @param eps - of the norm */
export function driftBetween(old: ChannelStatistics, now: ChannelStatistics, eps: number): Drift {
  const deviation = (variance: number): number => Math.sqrt(variance + eps);
  // From what is not finite the way is infinite.
  const inDeviations = (c: number, difference: number): number => {
    if (difference === 0) return 0;
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference / deviation(now.variance[c]);
  };
  const rms = (values: Float64Array): number =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  return {
    mean: rms(now.mean.map((mean, c) => inDeviations(c, mean - old.mean[c]))),
    deviation: rms(now.variance.map((v, c) => inDeviations(c, deviation(v) - deviation(old.variance[c])))),
  };
}

/** The running statistics of a norm; null if it has none. */
export async function readStatistics({ runningMean, runningVar }: RunningNorm): Promise<ChannelStatistics | null> {
  if (runningMean === null || runningVar === null) return null;
  return { mean: Float64Array.from(await runningMean.data()), variance: Float64Array.from(await runningVar.data()) };
}

/** Gives a norm other running statistics. */
export function writeStatistics({ runningMean, runningVar }: RunningNorm, { mean, variance }: ChannelStatistics): void {
  for (const [t, values] of [
    [runningMean, mean],
    [runningVar, variance],
  ] as const) {
    if (t === null) continue;
    t.backend.write(t.block, Float32Array.from(values));
    t.storage.version++;
  }
}
