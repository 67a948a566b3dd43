import { normThresholds } from "../../graph/statistics/norm-checks.js";

/**
 * From where on a figure is a finding. Each is what healthy networks stay below and what is known to hurt; how strong
 * an damage must be to be found, and how often healthy networks are suspected, stands in docs/doctor.md.
 */
export const thresholds = {
  ...normThresholds,
  /**
   * Samples looked at unless a number is given: drift is then known to 0.02 deviations, and a unit that fires once in
   * 700 samples is seen.
   */
  defaultSamples: 2048,
  /**
   * Samples below which nothing is said of single channels: a unit that fires for 3 % of the samples is silent in 100
   * of them once in 20 cases.
   */
  samples: 100,
  /** Batches below which a difference of losses has no standard error worth the name. */
  batches: 5,
  /** Standard errors by which two losses must differ: of 200 healthy models less than one is that far off by chance. */
  standardErrors: 3,
  /** Share by which the loss must be larger in evaluation: less is not worth a pass over the data. */
  gap: 0.05,
  /**
   * Root mean square over channels, in deviations: averages with momentum 0.99 of batches of 32 independent samples lie
   * 0.01 off by noise alone, and some more since weights move.
   */
  drift: 0.25,
  /**
   * One channel, in deviations of its own: what evaluation gives it lies beyond nearly all that it was trained with.
   */
  channelDrift: 3,
  /**
   * Factor between deviations of the data and those of training, alike in all channels of the first norm: forgetting to
   * divide by 255, or by the standard deviation of images (0.2 to 0.35), makes a larger one.
   */
  inputScale: 2,
  /**
   * Standard deviation of the logarithm of that factor over channels, in units of its mean, up to which channels agree.
   */
  agreement: 0.2,
  /** Of the initial mean 0 and variance 1: more shows in the variance. */
  initialLeft: 0.05,
  /**
   * Standard error of a batch's mean, in deviations: that of 8 independent values, below which the layer itself warns.
   */
  noise: 0.354,
  /** What the batch size is told for at which noise is small. */
  smallNoise: 0.05,
  /**
   * Share of a layer's channels that are 0 on all data. Directly behind norms that use batch statistics none is, since
   * each channel is brought to both sides of β. Elsewhere a quarter to a third of the widest layer is silent from the
   * start in networks that learn well.
   */
  dead: { behindBatchNorm: 0.04, elsewhere: 0.5 },
  /** Channels that are dead, at least: one may be so by chance. */
  deadChannels: 2,
  /** Deviation of a channel's output, in those of its layer, below which it tells nothing. */
  constant: 1e-3,
  /**
   * Share of a sigmoid's or tanh's values that lie within 1 % of its ends, where the slope is below a twenty-fifth of
   * the largest.
   */
  saturated: 0.5,
  /** Share of channels that are switched off, or whose variance is lost in eps. */
  silentChannels: 0.1,
  /** Largest over least deviation of activations through the depth: float32 takes more, optimisers do not. */
  scale: 100,
  /** Largest over least gradient of weights, root mean square in units of the weights' own, through the depth. */
  gradient: 1000,
} as const;
