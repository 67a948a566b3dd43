import { type Moments, mergeMoments, momentsAt } from "../../moments.js";
import { Generator } from "../../random.js";
import type { BatchNoise } from "./diagnosis.js";
import { thresholds } from "./thresholds.js";

/** Samples drawn in all, which bounds the time; and the least and most batches they are drawn in. */
const [draws, fewest, most] = [20_000, 50, 400];
/** Channels that are looked at, in equal distances. */
const channelsAtMost = 64;

/** Moments of each channel in each sample: (samples · channels, 3) float64 of count, mean, M2. */
export interface SampleMoments {
  readonly values: Float64Array;
  readonly channels: number;
}

/**
 * How much mean and variance of batches scatter: batches are drawn with replacement from the samples, whose moments are
 * merged. A sample is drawn as a whole, so that what its values have in common counts.
 */
export function batchNoise({ values, channels }: SampleMoments, batchSize: number): BatchNoise | null {
  const samples = values.length / (3 * channels);
  if (samples < thresholds.samples) return null;
  const generator = new Generator(1);
  const batches = Math.max(fewest, Math.min(most, Math.round(draws / batchSize)));
  const step = Math.ceil(channels / channelsAtMost);
  const picked = Array.from({ length: Math.ceil(channels / step) }, (_, k) => k * step);
  const at = (sample: number, channel: number): Moments => momentsAt(values, 3 * (sample * channels + channel));
  const drawn = Array.from({ length: batches }, () =>
    Array.from({ length: batchSize }, () => generator.below(samples)),
  );
  let [meanSquares, varianceSquares, counted] = [0, 0, 0];
  for (const channel of picked) {
    const whole = Array.from({ length: samples }, (_, k) => at(k, channel)).reduce(mergeMoments);
    const variance = whole.m2 / whole.count;
    if (!(variance > 0)) continue;
    const resampled = drawn.map((batch) => batch.map((sample) => at(sample, channel)).reduce(mergeMoments));
    meanSquares += mean(resampled.map((batch) => (batch.mean - whole.mean) ** 2)) / variance;
    // Around their own mean: a biased variance is smaller by a share of 1/m, which is no noise.
    const variances = resampled.map((batch) => batch.m2 / batch.count / variance);
    const centre = mean(variances);
    varianceSquares += mean(variances.map((value) => (value - centre) ** 2));
    counted++;
  }
  if (counted === 0) return null;
  const perBatch = batchSize * values[0];
  const noise = Math.sqrt(meanSquares / counted);
  return {
    batchSize,
    values: perBatch,
    mean: noise,
    variance: Math.sqrt(varianceSquares / counted),
    meanInTheory: 1 / Math.sqrt(perBatch),
    varianceInTheory: perBatch > 1 ? Math.sqrt(2 / (perBatch - 1)) : null,
    effectiveValues: 1 / noise ** 2,
    batchSizeForSmallNoise: Math.ceil(batchSize * (noise / thresholds.smallNoise) ** 2),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
