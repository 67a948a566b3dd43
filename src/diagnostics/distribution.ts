import type { Histogram } from "./histogram.js";
import { type Summary, wholeOf } from "./summary.js";

/** What the values of a tensor were like. Plain JSON; null where a value was not finite. */
export interface Distribution {
  /** Of all values. */
  readonly mean: number | null;
  /** √ of their biased variance. */
  readonly deviation: number | null;
  /** The least value. */
  readonly least: number | null;
  /** The largest value. */
  readonly largest: number | null;
  /** The share of values that were exactly 0. */
  readonly zeros: number;
  /** The share of channels in which every value was exactly 0: behind a ReLU, units that were dead in this batch. */
  readonly dead: number;
  /** How often which values came, in the first samples, those of at most 65,536 values together. */
  readonly histogram: Histogram | null;
  /** How many of these lay below and above the histogram's range. */
  readonly outside: readonly [below: number, above: number];
}

/** The channels of a summary together. */
export function distributionOf({ channels, histogram, outside }: Summary): Distribution {
  const { count, mean, m2, least, largest, zeros } = wholeOf(channels);
  const dead = channels.filter((channel) => channel.count > 0 && channel.zeros === channel.count).length;
  return {
    mean: finite(mean),
    deviation: finite(Math.sqrt(m2 / Math.max(1, count))),
    least: finite(least),
    largest: finite(largest),
    zeros: count === 0 ? 0 : zeros / count,
    dead: channels.length === 0 ? 0 : dead / channels.length,
    histogram,
    outside,
  };
}

/** A number as it survives JSON. */
export function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
