import { checkOneOf } from "../../check-one-of.js";
import { ArgumentError } from "../../errors.js";
import { type ChannelStatistics, type Drift, driftBetween, mixStatistics } from "./channel-statistics.js";
import type { Population } from "./population.js";

/** New statistics of a norm, of whatever kind of network. */
export interface Renewal {
  readonly statistics: ChannelStatistics;
  /** How many values of each channel they are of. */
  readonly values: number;
  /** Batches left out. */
  readonly skipped: number;
  readonly drift: Drift;
}

/** What new statistics are mixed with, and measured by. */
export interface RenewalOptions {
  readonly eps: number;
  /** How many samples the old statistics count for. */
  readonly blend: number;
  /** How many samples the population is of. */
  readonly samples: number;
}

/** The statistics that a norm gets from what it was given; a text says why it keeps its own. */
export function renew(
  population: Population,
  old: ChannelStatistics,
  { eps, blend, samples }: RenewalOptions,
): Renewal | string {
  const { values, skipped } = population;
  if (values === 0 && skipped > 0) return "no batch had a finite mean and variance";
  if (values === 0 || (values === 1 && blend === 0))
    return `it saw ${values === 1 ? "one value" : "0 values"} in each channel, where a variance takes 2`;
  const weight = blend === 0 ? 0 : blend / (blend + samples);
  const statistics = mixStatistics(old, population.statistics(old), weight);
  const channel = statistics.mean.findIndex((mean, c) => !Number.isFinite(mean + statistics.variance[c]));
  if (channel >= 0) return `channel ${channel} saw no value, and its statistics are not finite`;
  return { statistics, values, skipped, drift: driftBetween(old, statistics, eps) };
}

/** @throws ArgumentError if the mode is none, or blend out of range */
export function checkRenewal(where: string, mode: unknown, blend: unknown): void {
  checkOneOf(where, "mode", mode, ["sequential", "batch"]);
  if (typeof blend !== "number" || !(blend >= 0 && blend < Number.POSITIVE_INFINITY)) {
    throw new ArgumentError({
      where,
      expected: "blend to be a finite number of samples, at least 0",
      received: String(blend),
      cure: "Pass how many samples the old statistics count for.",
    });
  }
}
