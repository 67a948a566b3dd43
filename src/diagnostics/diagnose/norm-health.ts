import { type ChannelStatistics, driftBetween, readStatistics } from "../../graph/statistics/channel-statistics.js";
import { lostInEps, neverUpdated, switchedOff } from "../../graph/statistics/norm-checks.js";
import type { Norm } from "../../nn/norms/norm.js";
import { RunningNorm } from "../../nn/norms/running-norm.js";
import { finite } from "../distribution.js";
import { batchNoise } from "./batch-noise.js";
import type { NormDiagnosis, NormDrift } from "./diagnosis.js";
import { type Observation, sampleMoments, usesBatches } from "./observation.js";
import { thresholds } from "./thresholds.js";

/** What can be measured of a norm. @param batchSize - samples in a batch of training */
export async function normHealth(norm: Norm, seen: Observation, batchSize: number): Promise<NormDiagnosis> {
  const { name, input, samples } = seen;
  const weight = (await norm.weight?.data()) ?? null;
  const variances = input.flatMap(({ count, m2 }) => (count > 0 ? [m2 / count] : []));
  const isRunning = norm instanceof RunningNorm;
  return {
    layer: name,
    module: String(norm),
    frozen: isRunning && norm.frozen,
    ...(isRunning ? await runningHealth(norm, seen) : untracked),
    noise:
      usesBatches(norm) && samples.length > 0 ? batchNoise(sampleMoments(seen), ghostSize(norm) ?? batchSize) : null,
    smallWeights: weight === null ? null : share(switchedOff(weight), weight),
    smallVariances: isRunning ? share(lostInEps(variances, norm.eps), variances) : null,
  };
}

type RunningHealth = Pick<
  NormDiagnosis,
  "drift" | "batchesTracked" | "neverUpdated" | "skippedBatches" | "initialLeft"
>;

const untracked: RunningHealth = {
  drift: null,
  batchesTracked: null,
  neverUpdated: false,
  skippedBatches: 0,
  initialLeft: null,
};

function ghostSize(norm: RunningNorm): number | null {
  return "virtualBatchSize" in norm && typeof norm.virtualBatchSize === "number" ? norm.virtualBatchSize : null;
}

function share(found: number, { length }: ArrayLike<number>): number {
  return length === 0 ? 0 : found / length;
}

async function runningHealth(norm: RunningNorm, { population }: Observation): Promise<RunningHealth> {
  const { momentum, eps, skippedBatches } = norm;
  const old = await readStatistics(norm);
  if (old === null || population === null) return untracked;
  const count = await trackedBy(norm);
  const isInitial = neverUpdated(old.mean, old.variance);
  return {
    drift: population.values === 0 ? null : drift(old, population.statistics(old), eps),
    // Files of other programs may lack the counter.
    batchesTracked: count > 0 || isInitial ? count : null,
    neverUpdated: isInitial,
    skippedBatches,
    initialLeft: count > 0 && typeof momentum === "number" ? initialLeft(norm, momentum, count) : null,
  };
}

/** The weight of the initial mean 0 and variance 1 in running statistics. */
function initialLeft({ warmUp, isSettled }: RunningNorm, momentum: number, count: number): number {
  return warmUp || isSettled ? 0 : momentum ** count;
}

async function trackedBy(norm: RunningNorm): Promise<number> {
  const state = norm.stateDict();
  const [count = 0] = (await state["num_batches_tracked"]?.data()) ?? [];
  for (const copy of Object.values(state)) copy.dispose();
  return count;
}

/** From the running statistics to those of the data. */
function drift(old: ChannelStatistics, now: ChannelStatistics, eps: number): NormDrift {
  const { mean, deviation } = driftBetween(old, now, eps);
  const distances = Array.from(now.mean, (_, c) => {
    const [was, is] = [old, now].map(({ variance }) => Math.sqrt(variance[c] + eps));
    const distance = Math.max(Math.abs(now.mean[c] - old.mean[c]), Math.abs(is - was)) / is;
    return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
  });
  const channel = distances.indexOf(Math.max(...distances));
  const at = { worstChannel: channel, worst: finite(distances[channel]) };
  return { mean: finite(mean), deviation: finite(deviation), ...at, scale: commonScale(old, now) };
}

/** See {@link NormDrift.scale}. Channels that do not vary tell nothing. */
function commonScale(old: ChannelStatistics, now: ChannelStatistics): number | null {
  const ratios = Array.from(now.variance, (variance, c) => Math.log(variance / old.variance[c]) / 2).filter(
    Number.isFinite,
  );
  if (ratios.length < 2) return null;
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
  const spread = Math.sqrt(ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / ratios.length);
  return spread <= thresholds.agreement * Math.abs(mean) ? Math.exp(mean) : null;
}
