import type { Histogram } from "./histogram.js";

/** A number as it stands in a JSON file; null: not finite. */
type Recorded = number | null;

/** Of the values of a layer: the least, the quartiles and the largest. */
export type Spread = readonly [
  least: Recorded,
  lowerQuartile: Recorded,
  median: Recorded,
  upperQuartile: Recorded,
  largest: Recorded,
];

/** What a step of training was like. */
export interface StepRecord {
  readonly kind: "step";
  /** Counted from 0. */
  readonly step: number;
  readonly loss: number;
  /** Null where targets are not labels. */
  readonly accuracy: number | null;
  readonly lr: number;
  readonly gradientNorm: number;
}

/** The state of a normalisation layer after a step: the spread over its channels. */
export interface NormState {
  /** Its path in the model and what it is, `1: BatchNorm(16)`. */
  readonly layer: string;
  /** Of γ; null where the layer has none. */
  readonly weight: Spread | null;
  /** Of β; null where the layer has none. */
  readonly bias: Spread | null;
  /** Of the mean of each channel of the layer's input in this batch. */
  readonly batchMean: Spread;
  /** Of the biased variance of each channel of the layer's input in this batch. */
  readonly batchVariance: Spread;
  /** Of the running mean; null where the layer keeps none. */
  readonly runningMean: Spread | null;
  /** Of the running variance; null where the layer keeps none. */
  readonly runningVariance: Spread | null;
}

/** The normalisation layers after a step. */
export interface NormsRecord {
  readonly kind: "norms";
  readonly step: number;
  readonly layers: readonly NormState[];
}

/** What went into each normalisation layer in a step, and what came out. */
export interface HistogramsRecord {
  readonly kind: "histograms";
  readonly step: number;
  readonly layers: readonly {
    readonly layer: string;
    readonly before: Histogram | null;
    readonly after: Histogram | null;
  }[];
}

/** One line of the history of a training run. */
export type TrainingRecord = StepRecord | NormsRecord | HistogramsRecord;
