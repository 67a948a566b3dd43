/** How well a model does. */
export interface Score {
  /** The mean loss. */
  readonly loss: number | null;
  /** The share of right answers; null where targets are not labels. */
  readonly accuracy: number | null;
}

/** How much worse a model is in evaluation than with the statistics of batches, on the same data. */
export interface Gap {
  /** With running statistics, as in evaluation. */
  readonly running: Score;
  /** With batch statistics, as in training, but without dropout. */
  readonly batch: Score;
  /** Of the loss, running less batch: the mean over samples. */
  readonly difference: number | null;
  /** Of the difference, from how it varies over batches; null where they are fewer than two. */
  readonly standardError: number | null;
  /**
   * How much the loss falls if this norm alone is given batch statistics, the largest first. Empty where there is no
   * gap.
   */
  readonly causes: readonly GapCause[];
}

/** What batch statistics in one norm change. */
export interface GapCause {
  /** The norm's path. */
  readonly layer: string;
  /** By how much the loss falls; negative: it grows. */
  readonly gain: number | null;
}

/** How far running statistics are from those of the data. In units of each channel's deviation √(variance + eps). */
export interface NormDrift {
  /** Of the means: root mean square over channels. */
  readonly mean: number | null;
  /** Of the deviations: root mean square over channels. */
  readonly deviation: number | null;
  /** The channel that is furthest off, in mean or deviation. */
  readonly worstChannel: number;
  /** How far that one is off; null: not finite. */
  readonly worst: number | null;
  /**
   * How many times as large as the running deviations those of the data are, where all channels agree on it; else null.
   */
  readonly scale: number | null;
}

/** How much the statistics of single batches scatter. Root mean squares over channels. */
export interface BatchNoise {
  /** Samples in a batch: the batch size in use, or a ghost batch's. */
  readonly batchSize: number;
  /** Values of a channel in such a batch: m. */
  readonly values: number;
  /** Standard error of the mean, in deviations, over resampled batches. */
  readonly mean: number;
  /** Standard error of the variance, as a share of it, over resampled batches. */
  readonly variance: number;
  /** The mean's standard error for m independent values: 1/√m. */
  readonly meanInTheory: number;
  /** The variance's for m independent normal values: √(2/(m − 1)); null for one value. */
  readonly varianceInTheory: number | null;
  /** How many independent values would scatter as much: 1/mean². Less than m where neighbours are alike. */
  readonly effectiveValues: number;
  /** Samples in a batch from which on the mean's standard error is below 5 %. */
  readonly batchSizeForSmallNoise: number;
}

/** What is known of a norm. */
export interface NormDiagnosis {
  /** Its path in the model. */
  readonly layer: string;
  /** What it is: `BatchNorm(16)`. */
  readonly module: string;
  /**
   * Whether it is pinned to its running statistics: then it was trained with them, and nothing of the following is held
   * against it.
   */
  readonly frozen: boolean;
  /** Null without running statistics, or where the data gave none. */
  readonly drift: NormDrift | null;
  /** Batches that its running statistics have seen; null where there are none or the file does not tell. */
  readonly batchesTracked: number | null;
  /** Whether running statistics are as they were made: mean 0, variance 1. */
  readonly neverUpdated: boolean;
  /** Batches that left the running statistics alone, since they were not finite. */
  readonly skippedBatches: number;
  /** How much of the initial 0 and 1 is left in the running statistics: momentumᵇ after b batches. */
  readonly initialLeft: number | null;
  /** Null where training does not use batch statistics, or there are too few samples. */
  readonly noise: BatchNoise | null;
  /** The share of channels with |γ| near 0; null without γ. */
  readonly smallWeights: number | null;
  /** The share of channels whose variance is lost in eps; null where norms have none of their own for a channel. */
  readonly smallVariances: number | null;
}

/** What is known of an activation. */
export interface ActivationDiagnosis {
  /** Its path in the model. */
  readonly layer: string;
  /** What it is: `ReLU()`. */
  readonly module: string;
  /** How many channels, or units, it has. */
  readonly channels: number;
  /** Those that were 0 (behind ReLU) or constant on all data. */
  readonly dead: readonly number[];
  /** The share of values within 1 % of the ends of sigmoid or tanh; null for others. */
  readonly saturated: number | null;
  /** The path of the norm that stands directly before it; null if there is none. */
  readonly norm: string | null;
  /** Whether that norm brings each channel to both sides of β by the statistics of batches. */
  readonly centred: boolean;
}

/** What comes through a layer, in forward and in backward direction. */
export interface DepthDiagnosis {
  /** Its path in the model. */
  readonly layer: string;
  /** What it is. */
  readonly module: string;
  /** Of all values that it gives; null where one was not finite. */
  readonly deviation: number | null;
  /** ‖∂loss/∂weight‖₂ of a batch; null without a weight or a loss. */
  readonly gradientNorm: number | null;
  /** The same in units of ‖weight‖₂. */
  readonly relativeGradient: number | null;
}

/** What may be wrong with a model. */
export type FindingKind =
  | "notFinite"
  | "inputScale"
  | "neverUpdated"
  | "gap"
  | "drift"
  | "channelDrift"
  | "initialLeft"
  | "skippedBatches"
  | "noise"
  | "dead"
  | "saturated"
  | "smallWeights"
  | "smallVariances"
  | "scale"
  | "gradient";

/** Something that is wrong, and what to do about it. */
export interface Finding {
  /** Which damage. */
  readonly kind: FindingKind;
  /** The path of the layer; null where it is the whole model. */
  readonly layer: string | null;
  /** The figure in units of its threshold; at least 1. */
  readonly severity: number;
  /** What was seen, with its numbers. */
  readonly evidence: string;
  /** What to do: one sentence. */
  readonly advice: string;
}

/** What {@link diagnose} finds. Plain JSON. */
export interface Diagnosis {
  /** How many samples were looked at. */
  readonly samples: number;
  /** In how many batches. */
  readonly batches: number;
  /** The batch size that noise is told for. */
  readonly batchSize: number;
  /** In evaluation mode; null without a loss. */
  readonly evaluation: Score | null;
  /** Null without a loss, or without running statistics. */
  readonly gap: Gap | null;
  /** In the order in which they are applied. */
  readonly norms: readonly NormDiagnosis[];
  /** In the order in which they are applied. */
  readonly activations: readonly ActivationDiagnosis[];
  /** Layers with a weight and activations, in the order in which they are applied. */
  readonly depth: readonly DepthDiagnosis[];
  /** What the data are not enough for. */
  readonly notes: readonly string[];
  /** Causes before what they may explain, else the worst first; empty: healthy, as far as the data show. */
  readonly findings: readonly Finding[];
}
