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
  /** Tells the records apart. */
  readonly kind: "step";
  /** Counted from 0. */
  readonly step: number;
  /** Of its batch. */
  readonly loss: number;
  /** Null where targets are not labels. */
  readonly accuracy: number | null;
  /** The learning rate. */
  readonly lr: number;
  /** The norm of all gradients together, before clipping. */
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
  /** Tells the records apart. */
  readonly kind: "norms";
  /** Counted from 0. */
  readonly step: number;
  /** In the order in which they were applied. */
  readonly layers: readonly NormState[];
}

/** What went into a normalisation layer and what came out; null where a value was not finite. */
export interface NormDistributions {
  /** As in {@link NormState}. */
  readonly layer: string;
  /** Of its input. */
  readonly before: Histogram | null;
  /** Of its output. */
  readonly after: Histogram | null;
}

/** The distributions around the normalisation layers in a step. */
export interface HistogramsRecord {
  /** Tells the records apart. */
  readonly kind: "histograms";
  /** Counted from 0. */
  readonly step: number;
  /** In the order in which they were applied. */
  readonly layers: readonly NormDistributions[];
}

/** One line of the history of a training run. */
export type TrainingRecord = StepRecord | NormsRecord | HistogramsRecord;
