import type { StatisticsView } from "../../backend/backend.js";
import { ones, zeros } from "../../create.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import type { RunningStatistics } from "../../ops/renorm-factors.js";
import { normalizeWith } from "../../ops/standardize.js";
import { formatShape } from "../../shape.js";
import { empty, type Tensor, view } from "../../tensor.js";
import { warn, warnOnce } from "../../warnings.js";
import { channelView, Norm, type NormPass, readMoments } from "./norm.js";

/** Options of norms that may keep running statistics. */
export interface RunningNormOptions {
  /** Added to the variance under the root, in units of x²; ≥ 0. At 0, a channel without variance is an error. @defaultValue 1e-5 */
  readonly eps?: number;
  /**
   * Weight of the *old* running value, in [0, 1): r ← momentum·r + (1 − momentum)·batch, as in Keras, TF.js and ONNX (PyTorch
   * stores 1 − momentum: its 0.1 is 0.9 here). `"cumulative"`: the plain average of all batches. @defaultValue 0.99
   */
  readonly momentum?: number | "cumulative";
  /** Whether there are a trained weight and bias. @defaultValue true */
  readonly affine?: boolean;
  /** Whether the running variance takes the batch variance times m / (m − 1), as PyTorch's does. @defaultValue false */
  readonly unbiased?: boolean;
}

/** Which statistics a layer normalises with. */
export type Statistics = "batch" | "running";

/** What a {@link RunningNorm} with running statistics remembers besides tensors. */
export interface RunningNormState {
  /** {@link RunningNorm.frozen} */
  readonly frozen: boolean;
  /** {@link RunningNorm.normalizeWith} */
  readonly normalizeWith: Statistics;
  /** {@link RunningNorm.updateRunning} */
  readonly updateRunning: boolean;
  /** {@link RunningNorm.momentum} */
  readonly momentum: number | "cumulative";
  /** {@link RunningNorm.skippedBatches} */
  readonly skippedBatches: number;
}

/**
 * What norms with running statistics have in common: {@link BatchNorm} and, where asked, {@link InstanceNorm}. The two switches
 * {@link RunningNorm.normalizeWith} and {@link RunningNorm.updateRunning}, `freeze()`, and the guard against batches that are not finite.
 */
export abstract class RunningNorm extends Norm {
  /** Number of channels, the size of axis 1. */
  readonly numFeatures: number;
  /** Running mean: (numFeatures), zeros at first; null without `trackRunningStats`. Not a parameter. */
  readonly runningMean: Tensor | null;
  /** Running variance: (numFeatures), ones at first; null without `trackRunningStats`. Not a parameter. */
  readonly runningVar: Tensor | null;
  /** Whether the running variance is the unbiased one. */
  readonly unbiased: boolean;
  /** Whether a forward pass moves the running statistics. Set by `train()` and `eval()`, free to be set in between. */
  updateRunning: boolean;
  #normalizeWith: Statistics = "batch";
  #momentum: number | "cumulative" = 0;
  #frozen = false;
  #warnedEmpty = false;
  #observer: ((moments: Tensor) => void) | null = null;
  /** Two values: batches tracked, batches skipped. */
  readonly #counters: Tensor | null;

  /** @param numFeatures - channels of x, ≥ 1 and whole: checked by the layer */
  constructor(numFeatures: number, options: RunningNormOptions & { readonly trackRunningStats: boolean }) {
    super();
    const { eps = 1e-5, momentum = 0.99, affine = true, trackRunningStats, unbiased = false } = options;
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.unbiased = unbiased;
    this.weight = affine ? ones([numFeatures], { requiresGrad: true }) : null;
    this.bias = affine ? zeros([numFeatures], { requiresGrad: true }) : null;
    this.runningMean = trackRunningStats ? this.buffer("running_mean", zeros([numFeatures])) : null;
    this.runningVar = trackRunningStats ? this.buffer("running_var", ones([numFeatures])) : null;
    this.#counters = trackRunningStats ? zeros([2]).persist() : null;
    if (this.#counters !== null) this.buffer("num_batches_tracked", view("num_batches_tracked", this.#counters, []));
    this.updateRunning = trackRunningStats;
  }

  /** Weight of the old running value; see {@link RunningNormOptions.momentum}. @throws ArgumentError if outside [0, 1) */
  get momentum(): number | "cumulative" {
    return this.#momentum;
  }

  /** Checked. */
  set momentum(value: number | "cumulative") {
    if (value !== "cumulative" && !(typeof value === "number" && value >= 0 && value < 1)) {
      throw new ArgumentError({
        where: `${this}.momentum`,
        expected: 'a number from 0 up to, not including, 1, or "cumulative"',
        received: JSON.stringify(value) ?? String(value),
        cure: "It weighs the old running value: pass e.g. 0.99.",
      });
    }
    if (value !== "cumulative" && value < 0.5) {
      warnOnce(
        "momentum",
        `${this}.momentum: ${value} gives the old running value less weight than the newest batch. ` +
          "Here momentum weighs the old value: PyTorch's 0.1 is 0.9.",
      );
    }
    this.#momentum = value;
  }

  /**
   * Which statistics the layer normalises with. Set by `train()` and `eval()`, free to be set in between: "batch" in evaluation serves
   * GANs and adaptation at test time. @throws ArgumentError if it is neither, or there are no running ones
   */
  get normalizeWith(): Statistics {
    return this.#normalizeWith;
  }

  /** Checked. */
  set normalizeWith(value: Statistics) {
    if (value !== "batch" && value !== "running") {
      throw new ArgumentError({
        where: `${this}.normalizeWith`,
        expected: '"batch" or "running"',
        received: JSON.stringify(value) ?? String(value),
        cure: "Set one of the two.",
      });
    }
    if (value === "running") this.#checkTracked(`${this}.normalizeWith`);
    this.#normalizeWith = value;
  }

  /** Whether {@link RunningNorm.freeze} is in force. */
  get frozen(): boolean {
    return this.#frozen;
  }

  /** How many batches left the running statistics alone because a mean or variance was not finite. Reads memory synchronously. */
  get skippedBatches(): number {
    return this.#counters?.dataSync()[1] ?? 0;
  }

  /**
   * Pins the layer to its running statistics and stops their update, whatever `train()` is called later, until
   * {@link RunningNorm.unfreeze}. Weight and bias stay trainable.
   *
   * @throws ArgumentError if there are no running statistics
   */
  freeze(): this {
    this.#checkTracked(`${this}.freeze()`);
    this.#frozen = true;
    this.#setSwitches();
    return this;
  }

  /** Undoes {@link RunningNorm.freeze}: the switches become those of the current mode. */
  unfreeze(): this {
    this.#frozen = false;
    this.#setSwitches();
    return this;
  }

  /** Forgets what the running statistics have seen: mean 0, variance 1, counters 0. */
  resetRunningStats(): this {
    this.runningMean?.backend.fill(this.runningMean.block, this.numFeatures, 0);
    this.runningVar?.backend.fill(this.runningVar.block, this.numFeatures, 1);
    this.#counters?.backend.fill(this.#counters.block, 2, 0);
    return this;
  }

  /**
   * @internal Hands the moments of each forward pass, (rows · numFeatures, 3), to a function, in which they are valid; meanwhile the running
   * statistics stay as they are.
   *
   * @returns a function that ends it
   */
  observe(observer: (moments: Tensor) => void): () => void {
    this.#observer = observer;
    return () => {
      this.#observer = null;
    };
  }

  override getExtraState(): RunningNormState | null {
    const { frozen, normalizeWith, updateRunning, momentum, skippedBatches } = this;
    return this.#counters === null ? null : { frozen, normalizeWith, updateRunning, momentum, skippedBatches };
  }

  override setExtraState(state: RunningNormState): void {
    if (this.#counters === null) return;
    checkExtraState(`${this}.setExtraState(state)`, state);
    const { frozen, normalizeWith, updateRunning, momentum, skippedBatches } = state;
    this.#frozen = frozen;
    this.normalizeWith = normalizeWith;
    this.updateRunning = updateRunning;
    this.#momentum = momentum;
    const [tracked] = this.#counters.dataSync();
    this.#counters.backend.write(this.#counters.block, Float32Array.of(tracked, skippedBatches));
  }

  /** @internal */
  override saveMode(): () => void {
    const restore = super.saveMode();
    const { normalizeWith, updateRunning } = this;
    return () => {
      restore();
      this.#normalizeWith = normalizeWith;
      this.updateRunning = updateRunning;
    };
  }

  protected override setTraining(mode: boolean): void {
    super.setTraining(mode);
    this.#setSwitches();
  }

  #setSwitches(): void {
    const tracked = this.runningMean !== null;
    const training = this.training && !this.#frozen;
    this.#normalizeWith = training || !tracked ? "batch" : "running";
    this.updateRunning = training && tracked;
  }

  #checkTracked(where: string): void {
    if (this.runningMean !== null) return;
    throw new ArgumentError({
      where,
      expected: "a layer with running statistics",
      received: "one built with trackRunningStats: false",
      cure: "Build the layer with trackRunningStats: true.",
    });
  }

  /** Which values share a mean when x is normalised by its own statistics. @param channels - x as (N, C, S), kept: C */
  protected abstract batchView(channels: StatisticsView): StatisticsView;

  /** Checks that there are values enough to take statistics of. */
  protected abstract checkBatch(x: Tensor, view: StatisticsView): void;

  protected override normalize(x: Tensor, pass: NormPass): Tensor {
    const channels = channelView(this, x, this.numFeatures);
    const ownView = this.batchView(channels);
    const isWhole = this.synchronization() === null;
    const update = (this.updateRunning || this.#observer !== null) && (x.size > 0 || !isWhole);
    if (this.#normalizeWith === "batch") {
      if (isWhole) this.checkBatch(x, ownView);
      const { y, moments } = this.standardize(x, ownView, pass);
      if (update) this.#update(moments, pass.mask !== null);
      moments.dispose();
      return y;
    }
    const { mean, variance } = this.runningStatistics();
    const y = normalizeWith(x, mean, variance, channels, this.affine(pass));
    if (update) {
      const moments = this.sharedMoments(x, ownView, pass.mask);
      this.#update(moments, pass.mask !== null);
      moments.dispose();
    }
    return y;
  }

  #update(moments: Tensor, isMasked: boolean): void {
    if (this.#observer !== null) {
      this.#observer(moments);
      return;
    }
    const { runningMean, runningVar, numFeatures, unbiased } = this;
    if (runningMean === null || runningVar === null || this.#counters === null) return;
    const momentum = this.#momentum === "cumulative" ? -1 : this.#momentum;
    const { backend } = moments;
    const channelMoments = averageOf(moments, numFeatures);
    if (isMasked) this.#warnIfEmpty(channelMoments);
    backend.updateRunning(
      channelMoments.block,
      numFeatures,
      runningMean.block,
      runningVar.block,
      this.#counters.block,
      momentum,
      unbiased,
    );
    if (channelMoments !== moments) channelMoments.dispose();
  }

  #warnIfEmpty(channelMoments: Tensor): void {
    const empties = readMoments(channelMoments).filter((value, k) => k % 3 === 0 && value === 0).length;
    if (empties === 0 || this.#warnedEmpty) return;
    this.#warnedEmpty = true;
    warn(
      `${this}.forward(x, { mask }): no real value in ${empties} of ${this.numFeatures} channels, whose running statistics stay as they ` +
        "are. Leave out batches that are all padding.",
    );
  }

  /** What training has gathered. @throws ArgumentError if eps is 0 and a channel has no variance */
  protected runningStatistics(): RunningStatistics {
    const { runningMean, runningVar } = this;
    if (runningMean === null || runningVar === null || this.#counters === null) {
      throw new Error("internal: running statistics are missing");
    }
    if (this.eps === 0) this.#checkRunningVariance(runningVar);
    return { mean: runningMean, variance: runningVar, counters: this.#counters };
  }

  #checkRunningVariance(runningVar: Tensor): void {
    const channel = runningVar.dataSync().indexOf(0);
    if (channel >= 0) throw this.varianceError(`channel ${channel}`);
  }
}

/** Checks that a batch has 2 values or more per channel. @throws ShapeError naming the cure */
export function checkSeveralValues(layer: RunningNorm, x: Tensor, { outer, inner }: StatisticsView): void {
  if (outer * inner !== 1) return;
  throw new ShapeError({
    where: `${layer}.forward(x)`,
    expected: "at least 2 values per channel for batch statistics",
    received: `1 (shape ${formatShape(x.shape)})`,
    cure: `Use a batch of 2 or more${layer.runningMean === null ? "" : ", call eval() first"}, or normalise with GroupNorm or LayerNorm.`,
  });
}

/** Moments of each channel: those given, or the averages over samples where each sample has its own. */
/** What a file says a norm remembered. @throws ArgumentError if no norm could */
function checkExtraState(where: string, state: RunningNormState): void {
  const { frozen, normalizeWith, updateRunning, momentum, skippedBatches } = Object(state) as RunningNormState;
  const isMomentum = momentum === "cumulative" || (typeof momentum === "number" && momentum >= 0 && momentum < 1);
  const areSwitches = typeof frozen === "boolean" && typeof updateRunning === "boolean";
  const isMode = normalizeWith === "batch" || normalizeWith === "running";
  if (areSwitches && isMode && isMomentum && Number.isSafeInteger(skippedBatches) && skippedBatches >= 0) return;
  throw new ArgumentError({
    where,
    expected: "what getExtraState() gave",
    received: JSON.stringify(state) ?? "none",
    cure: "Use an older copy of the file.",
  });
}

function averageOf(moments: Tensor, channels: number): Tensor {
  const samples = moments.shape[0] / channels;
  if (samples === 1) return moments;
  const averaged = empty("averageMoments", moments.backend, [channels, 3], 8);
  moments.backend.averageMoments(moments.block, samples, channels, averaged.block);
  return averaged;
}
