import type { StatisticsView } from "../backend/backend.js";
import { type Moments, mergeMoments, momentsAt } from "../moments.js";
import { empty, type Tensor } from "../tensor.js";
import type { Histogram } from "./histogram.js";

/** How values are looked at. */
export interface SummaryOptions {
  /** Bins of the histogram. */
  readonly bins: number;
  /** Of the histogram; null: mean ± 4 deviations, as far as there are values. */
  readonly range: readonly [low: number, high: number] | null;
  /** The histogram counts whole samples, the first ones, of at most so many values together. */
  readonly mostCounted: number;
}

/** So many values make a histogram that is as good as any to look at; counting them all would take most of the time. */
export const enoughValues = 65_536;

/** What the values of one channel are like. */
export interface ChannelSummary extends Moments {
  readonly least: number;
  readonly largest: number;
  /** How many are 0. */
  readonly zeros: number;
}

/** What the values of a tensor are like. NaN where one of them is not finite. */
export interface Summary {
  readonly channels: readonly ChannelSummary[];
  /** Null where a value is not finite, or there is none. */
  readonly histogram: Histogram | null;
  /** Values below and above the histogram's range. */
  readonly outside: readonly [below: number, above: number];
}

/** Channels of a tensor, and what is between them. */
export type ChannelView = Pick<StatisticsView, "outer" | "kept" | "inner">;

/** A summary that still lies with the backend, of no scope. */
export class PendingSummary {
  /** How many channels it tells apart. */
  readonly channels: number;
  readonly #block: Tensor;
  readonly #bins: number;
  #reading: Promise<Summary> | null = null;

  constructor(x: Tensor, view: ChannelView, { bins, range, mostCounted }: SummaryOptions) {
    this.channels = view.kept;
    this.#bins = bins;
    this.#block = empty("summarize", x.backend, [4 + bins + 6 * view.kept], 8).persist();
    const sample = Math.max(1, x.size / (x.shape[0] || 1));
    const counted = Math.min(x.size, sample * Math.max(1, Math.floor(mostCounted / sample)));
    x.backend.summarize(x.block, view, { range, bins, counted }, this.#block.block);
  }

  /** What it says; the backend's memory is let go. */
  read(): Promise<Summary> {
    this.#reading ??= this.#read();
    return this.#reading;
  }

  async #read(): Promise<Summary> {
    const { backend, block, size } = this.#block;
    const values = await backend.readWide(block, size);
    this.dispose();
    const [low, high, below, above] = values;
    const start = 4 + this.#bins;
    const channels = Array.from({ length: (size - start) / 6 }, (_, k): ChannelSummary => {
      const at = start + 6 * k;
      return {
        ...momentsAt(values, at),
        least: values[at + 3],
        largest: values[at + 4],
        zeros: values[at + 5],
      };
    });
    const isRegular = channels.some(({ count }) => count > 0) && channels.every(({ mean }) => Number.isFinite(mean));
    const histogram = isRegular ? { range: [low, high] as const, counts: Array.from(values.subarray(4, start)) } : null;
    return { channels, histogram, outside: [below, above] };
  }

  /** Lets go of it. */
  dispose(): void {
    this.#block.dispose();
  }
}

/** The summary of two sets of values together. */
export function mergeSummaries(a: ChannelSummary, b: ChannelSummary): ChannelSummary {
  // Without a spread, which takes longer than all the rest where layers are wide.
  const { count, mean, m2 } = mergeMoments(a, b);
  return {
    count,
    mean,
    m2,
    least: Math.min(a.least, b.least),
    largest: Math.max(a.largest, b.largest),
    zeros: a.zeros + b.zeros,
  };
}

/** What all channels together are like. */
export function wholeOf(channels: readonly ChannelSummary[]): ChannelSummary {
  return channels.reduce(mergeSummaries, none);
}

/** The summary of no values. */
const none: ChannelSummary = {
  count: 0,
  mean: 0,
  m2: 0,
  least: Number.POSITIVE_INFINITY,
  largest: Number.NEGATIVE_INFINITY,
  zeros: 0,
};
