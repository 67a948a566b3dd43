import type { Communicator } from "../../communicator.js";
import { ones, zeros } from "../../create.js";
import type { RenormReference } from "../../ops/renorm-factors.js";
import type { OptionNames } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import { type AffineLayer, type AffineWeights, parameterLike } from "../affine-weights.js";
import { type ChannelMap, keepsRank, type LayerTraits } from "../layer-traits.js";
import { Norm } from "./norm.js";
import type { RecentStatistics } from "./recent-statistics.js";
import type { RunningNormState, Statistics } from "./running-norm-state.js";
import { RunningStatistics } from "./running-statistics.js";

/** Options of norms that may keep running statistics. */
export interface RunningNormOptions {
  /**
   * Added to the variance under the root, in units of x²; ≥ 0. At 0, a channel without variance is an error.
   *
   * @defaultValue 1e-5
   */
  readonly eps?: number;
  /**
   * Weight of the *old* running value, in [0, 1): r ← momentum·r + (1 − momentum)·batch, as in Keras, TF.js and ONNX
   * (PyTorch stores 1 − momentum: its 0.1 is 0.9 here). `"cumulative"`: the plain average of all batches.
   *
   * @defaultValue 0.99
   */
  readonly momentum?: number | "cumulative";
  /**
   * Whether running statistics warm up: the n-th batch leaves the old value the weight min(momentum, (n − 1)/(n + 9)),
   * so that the first one replaces the initial 0 and 1, and a short run evaluates with its own statistics. From n =
   * 10·momentum/(1 − momentum) + 1 on (batch 991 at 0.99) the weight is `momentum` itself. False is the plain average,
   * as in PyTorch and Keras. Statistics that were loaded without a count of batches, imported or recalibrated are not
   * warmed up again. `"cumulative"` needs no warm-up. The rule is that of TensorFlow's moving averages with
   * `num_updates`.
   *
   * @defaultValue true
   */
  readonly warmUp?: boolean;
  /** Whether there are a trained weight and bias. @defaultValue true */
  readonly affine?: boolean;
  /** Whether the running variance takes the batch variance times m / (m − 1), as PyTorch's does. @defaultValue false */
  readonly unbiased?: boolean;
}

/** @internal Running statistics besides mean and variance while they are renewed: see {@link RunningNorm.renewMore}. */
export interface FurtherRenewal {
  /** Takes in what other ranks have gathered. */
  share(communicator: Communicator): void;
  /** Takes what was gathered. @param share - of what was there before, in [0, 1) */
  use(share: number): void;
  /** Puts back what was there before. */
  restore(): void;
  /** Frees what this holds. */
  end(): void;
}
/** Their names, for `checkOptions`. */
export const runningNormNames: OptionNames<RunningNormOptions> = {
  eps: true,
  momentum: true,
  warmUp: true,
  affine: true,
  unbiased: true,
};

/**
 * A norm of channels that has `RunningStatistics`: {@link BatchNorm}, {@link BatchRenorm} and, where asked,
 * {@link InstanceNorm}. This is how users reach them; each of the three says in its own `forward` what they do.
 */
export abstract class RunningNorm extends Norm implements AffineLayer {
  /** Number of channels, the size of axis 1. */
  readonly numFeatures: number;
  /** Whether the running variance is the unbiased one. */
  readonly unbiased: boolean;
  readonly #running: RunningStatistics;

  /** @param numFeatures - channels of x, ≥ 1 and whole: checked by the layer */
  constructor(numFeatures: number, options: RunningNormOptions & { readonly trackRunningStats: boolean }) {
    super();
    const { eps = 1e-5, momentum = 0.99, warmUp = true, affine = true, trackRunningStats, unbiased = false } = options;
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.unbiased = unbiased;
    this.#running = new RunningStatistics(this, { momentum, warmUp, isTracked: trackRunningStats });
    this.weight = affine ? ones([numFeatures], { requiresGrad: true }) : null;
    this.bias = affine ? zeros([numFeatures], { requiresGrad: true }) : null;
  }

  /** What training gathers, and the switches. */
  protected get running(): RunningStatistics {
    return this.#running;
  }

  /** Running mean: (numFeatures), zeros at first; null without `trackRunningStats`. Not a parameter. */
  get runningMean(): Tensor | null {
    return this.#running.tensors?.mean ?? null;
  }

  /** Running variance: (numFeatures), ones at first; null without `trackRunningStats`. Not a parameter. */
  get runningVar(): Tensor | null {
    return this.#running.tensors?.variance ?? null;
  }

  /**
   * Weight of the old running value; see {@link RunningNormOptions.momentum}.
   *
   * @throws ArgumentError if outside [0, 1)
   */
  get momentum(): number | "cumulative" {
    return this.#running.momentum;
  }

  /** Warns once of values below 0.5, which are likely PyTorch's. */
  set momentum(value: number | "cumulative") {
    this.#running.momentum = value;
  }

  /** Whether running statistics warm up; see {@link RunningNormOptions.warmUp}. */
  get warmUp(): boolean {
    return this.#running.warmUp;
  }

  /** @throws ArgumentError if it is not a boolean */
  set warmUp(value: boolean) {
    this.#running.warmUp = value;
  }

  /** @internal Whether the running statistics came from elsewhere than the batches counted: they are not warmed up. */
  get isSettled(): boolean {
    return this.#running.isSettled;
  }

  /** @internal The running mean and variance, and the counters of batches; null without. */
  get statistics(): RenormReference | null {
    return this.#running.tensors;
  }

  /** @internal Says that its running statistics have been written. */
  settle(): void {
    this.#running.settle();
  }

  /** @internal */
  override stateLoaded(given: (key: string) => Tensor | null): void {
    this.#running.loaded(given);
  }

  /** @internal */
  override refresh(): Promise<void> {
    return this.#running.refresh();
  }

  /**
   * Which statistics the layer normalises with. Set by `train()` and `eval()`, free to be set in between: "batch" in
   * evaluation serves GANs and adaptation at test time.
   *
   * @throws ArgumentError if it is neither, or there are no running ones
   */
  get normalizeWith(): Statistics {
    return this.#running.normalizeWith;
  }

  /** "running" takes running statistics. */
  set normalizeWith(value: Statistics) {
    this.#running.normalizeWith = value;
  }

  /** Whether a forward pass moves the running statistics. Set by `train()` and `eval()`, free to be set in between. */
  get updateRunning(): boolean {
    return this.#running.updateRunning;
  }

  /** In evaluation too, where statistics shall follow new data. */
  set updateRunning(value: boolean) {
    this.#running.updateRunning = value;
  }

  /** Whether {@link RunningNorm.freeze} is in force. */
  get frozen(): boolean {
    return this.#running.frozen;
  }

  /**
   * How many batches left the running statistics alone because a mean or variance was not finite. On a backend that
   * does not answer at once: at the last time that {@link fit} told of an epoch, saved a checkpoint or ended, or that
   * the model was copied by {@link copyTo}.
   *
   * @throws BackendError on such a backend if batches were seen, and none of that has happened
   */
  get skippedBatches(): number {
    return this.#running.skippedBatches;
  }

  /**
   * Pins the layer to its running statistics and stops their update, whatever `train()` is called later, until
   * {@link RunningNorm.unfreeze}. Weight and bias stay trainable.
   *
   * @throws ArgumentError if there are no running statistics
   */
  freeze(): this {
    this.#running.freeze();
    return this;
  }

  /** Undoes {@link RunningNorm.freeze}: the switches become those of the current mode. */
  unfreeze(): this {
    this.#running.unfreeze();
    return this;
  }

  /** Forgets what the running statistics have seen: mean 0, variance 1, counters 0. */
  resetRunningStats(): this {
    this.#running.reset();
    return this;
  }

  /**
   * @internal Hands the moments of each forward pass, (rows · numFeatures, 3), to a function, in which they are valid;
   * meanwhile the running statistics stay as they are.
   *
   * @returns a function that ends it
   */
  observe(observer: (moments: Tensor) => void): () => void {
    return this.#running.observe(observer);
  }

  /**
   * @internal What a recalibration renews besides mean and variance, from now on gathered while the norm is observed;
   * null: nothing.
   */
  renewMore(): FurtherRenewal | null {
    return null;
  }

  /** @internal Hands each batch that moves the running statistics to others, too. */
  followedBy(recent: RecentStatistics | null): void {
    this.#running.recent = recent;
  }

  /** @internal */
  override ownTensors(): Tensor[] {
    const { tensors } = this.#running;
    return tensors === null ? super.ownTensors() : [...super.ownTensors(), tensors.counters];
  }

  override getExtraState(): RunningNormState | null {
    return this.#running.state;
  }

  /** @throws ArgumentError if it is not what {@link RunningNorm.getExtraState} gave */
  override setExtraState(state: RunningNormState): void {
    this.#running.state = state;
  }

  /** @internal */
  override saveMode(): () => void {
    const restores = [super.saveMode(), this.#running.saveSwitches()];
    return () => {
      for (const restore of restores) restore();
    };
  }

  protected override setTraining(mode: boolean): void {
    super.setTraining(mode);
    this.#running.setSwitches();
  }

  /** @internal Arguments in files of 0.1.0, which had no warm-up. */
  static storedArguments([numFeatures, options, ...rest]: readonly unknown[]): unknown[] {
    return [numFeatures, typeof (options ?? {}) === "object" ? storedOptions(options ?? {}) : options, ...rest];
  }

  /**
   * Traits of a norm with running statistics.
   *
   * @param options - what its constructor takes beyond those of all of them
   */
  protected runningTraits(options: object): LayerTraits {
    const { numFeatures, eps, momentum, unbiased, weight } = this;
    // What is built of these takes the statistics over, too, and goes on with them.
    const warmUp = this.warmUp && !this.isSettled;
    const common = {
      eps,
      momentum,
      warmUp,
      unbiased,
      affine: weight !== null,
    };
    return {
      constructorArguments: [numFeatures, { ...common, ...options }],
      fusesRelu: true,
      ...keepsRank(numFeatures, "second"),
      channelMap: () => this.#channelMap(),
    };
  }

  /** By the running statistics: scale = weight / √(variance + eps), shift = bias − mean · scale. */
  #channelMap(): ChannelMap | null {
    if (this.runningMean === null || this.runningVar === null || this.normalizeWith === "batch") return null;
    const [mean, variance] = [this.runningMean.dataSync(), this.runningVar.dataSync()];
    const [weight, bias] = [this.weight?.dataSync(), this.bias?.dataSync()];
    const scale = Float64Array.from(mean, (_, c) => (weight?.[c] ?? 1) / Math.sqrt(variance[c] + this.eps));
    return { scale, shift: scale.map((value, c) => (bias?.[c] ?? 0) - mean[c] * value) };
  }

  /** @internal Weight and bias that follow x̂. */
  affineWeights(): AffineWeights {
    const { numFeatures, weight, bias } = this;
    const values = (t: Tensor | null, otherwise: number): Float64Array =>
      t === null ? new Float64Array(numFeatures).fill(otherwise) : Float64Array.from(t.dataSync());
    const own = (i: number): number => i;
    return {
      weight: values(weight, 1),
      bias: values(bias, 0),
      inputs: numFeatures,
      outputOf: own,
      inputOf: own,
    };
  }

  /** @internal Takes other values for weight and bias, rounded once; each is added where it is missing. */
  setAffineWeights({ weight, bias }: AffineWeights): void {
    this.weight = parameterLike(this.weight, weight, [this.numFeatures]);
    if (this.bias !== null || bias.some((value) => value !== 0)) {
      this.bias = parameterLike(this.bias, bias, [this.numFeatures]);
    }
  }
}

/**
 * Options as files hold them. Those of 0.1.0 have no warm-up, and state also what a class has no option for, with the
 * value that it always has.
 */
function storedOptions(given: object): object {
  const { trackRunningStats, unbiased, ...options }: Record<string, unknown> = { ...given };
  return {
    warmUp: false,
    ...options,
    ...(trackRunningStats === true ? {} : { trackRunningStats }),
    ...(unbiased === false ? {} : { unbiased }),
  };
}
