import type { StatisticsView } from "../backend/backend.js";
import { ones, zeros } from "../create.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { normalizeWith, standardize } from "../ops/standardize.js";
import { checkCount, formatShape } from "../shape.js";
import { empty, type Tensor, view } from "../tensor.js";
import { warn, warnOnce } from "../warnings.js";
import { checkFeatures, Module } from "./module.js";

/** Options of {@link BatchNorm}. */
export interface BatchNormOptions {
  /** Added to the variance under the root, in units of x²; ≥ 0. At 0, a channel without variance is an error. @defaultValue 1e-5 */
  readonly eps?: number;
  /**
   * Weight of the *old* running value, in [0, 1): r ← momentum·r + (1 − momentum)·batch, as in Keras, TF.js and ONNX (PyTorch
   * stores 1 − momentum: its 0.1 is 0.9 here). `"cumulative"`: the plain average of all batches. @defaultValue 0.99
   */
  readonly momentum?: number | "cumulative";
  /** Whether there are a trained weight and bias. @defaultValue true */
  readonly affine?: boolean;
  /** Whether there are running statistics; without them the layer uses the batch's own in evaluation too. @defaultValue true */
  readonly trackRunningStats?: boolean;
  /** Whether the running variance takes the batch variance times m / (m − 1), as PyTorch's does. @defaultValue false */
  readonly unbiased?: boolean;
}

/** Which statistics a layer normalises with. */
export type Statistics = "batch" | "running";

/** Below this many samples batch statistics are too noisy to train with. */
const fewSamples = 8;

/**
 * Batch normalisation: per channel, over all samples and positions,
 * y = weight · (x − mean) / √(variance + eps) + bias, with the batch's mean and biased variance in training and running averages of
 * them in evaluation, where the layer is a fixed affine map. One class for all ranks: (N, C), (N, C, L), (N, C, H, W),
 * (N, C, D, H, W).
 *
 * A batch whose mean or variance is not finite in any channel leaves the running statistics alone ({@link BatchNorm.skippedBatches}).
 * With fewer than 8 samples the statistics are noisy: a warning names GroupNorm, once per layer.
 *
 * Source: Ioffe & Szegedy 2015 (arXiv:1502.03167), Algorithms 1 and 2.
 *
 * @example
 * ```ts
 * const norm = new BatchNorm(2);
 * const x = tensor([[1, 10], [3, 30], [5, 50], [7, 70], [1, 10], [3, 30], [5, 50], [7, 70]]);
 * norm.forward(x).mean(0).dataSync(); // Float32Array [0, 0], to rounding
 * norm.eval().forward(x).shape; // [8, 2], by running statistics
 * ```
 */
export class BatchNorm extends Module {
  /** Number of channels, the size of axis 1. */
  readonly numFeatures: number;
  /** γ: (numFeatures), ones at first; null without `affine`. */
  weight: Tensor | null;
  /** β: (numFeatures), zeros at first; null without `affine`. */
  bias: Tensor | null;
  /** Running mean: (numFeatures), zeros at first; null without `trackRunningStats`. Not a parameter. */
  readonly runningMean: Tensor | null;
  /** Running variance: (numFeatures), ones at first; null without `trackRunningStats`. Not a parameter. */
  readonly runningVar: Tensor | null;
  /** Whether the running variance is the unbiased one. */
  readonly unbiased: boolean;
  /** Whether a forward pass moves the running statistics. Set by `train()` and `eval()`, free to be set in between. */
  updateRunning: boolean;
  #normalizeWith: Statistics = "batch";
  #eps = 0;
  #momentum: number | "cumulative" = 0;
  #frozen = false;
  #warnedFewSamples = false;
  /** Two values: batches tracked, batches skipped. */
  readonly #counters: Tensor | null;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super();
    const { eps = 1e-5, momentum = 0.99, affine = true, trackRunningStats = true, unbiased = false } = options;
    this.numFeatures = checkCount("new BatchNorm(numFeatures)", "numFeatures", numFeatures);
    this.eps = eps;
    this.momentum = momentum;
    this.unbiased = unbiased;
    this.weight = affine ? ones([numFeatures], { requiresGrad: true }) : null;
    this.bias = affine ? zeros([numFeatures], { requiresGrad: true }) : null;
    this.runningMean = trackRunningStats ? this.buffer("running_mean", zeros([numFeatures])) : null;
    this.runningVar = trackRunningStats ? this.buffer("running_var", ones([numFeatures])) : null;
    this.#counters = trackRunningStats ? zeros([2]).persist() : null;
    if (this.#counters !== null) this.buffer("num_batches_tracked", view("BatchNorm", this.#counters, []));
    this.updateRunning = trackRunningStats;
  }

  /** Added to the variance under the root; see {@link BatchNormOptions.eps}. @throws ArgumentError if negative or not finite */
  get eps(): number {
    return this.#eps;
  }

  /** Checked. */
  set eps(value: number) {
    if (typeof value !== "number" || !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      throw new ArgumentError({
        where: `${this}.eps`,
        expected: "a finite number of at least 0",
        received: String(value),
        cure: "Pass a small one such as 1e-5.",
      });
    }
    this.#eps = value;
  }

  /** Weight of the old running value; see {@link BatchNormOptions.momentum}. @throws ArgumentError if outside [0, 1) */
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

  /** Whether {@link BatchNorm.freeze} is in force. */
  get frozen(): boolean {
    return this.#frozen;
  }

  /** How many batches left the running statistics alone because a mean or variance was not finite. Reads memory synchronously. */
  get skippedBatches(): number {
    return this.#counters?.dataSync()[1] ?? 0;
  }

  /**
   * Pins the layer to its running statistics and stops their update, whatever `train()` is called later, until
   * {@link BatchNorm.unfreeze}. Weight and bias stay trainable.
   *
   * @throws ArgumentError if there are no running statistics
   */
  freeze(): this {
    this.#checkTracked(`${this}.freeze()`);
    this.#frozen = true;
    this.#setSwitches();
    return this;
  }

  /** Undoes {@link BatchNorm.freeze}: the switches become those of the current mode. */
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

  /**
   * Normalises x, and in training moves the running statistics.
   *
   * @param x - (N, numFeatures, …), rank 2 to 5
   * @returns the same shape
   * @throws ShapeError if rank or channels do not fit, or batch statistics are asked of one value per channel
   * @throws ArgumentError if eps is 0 and a channel has no variance
   */
  override forward(x: Tensor): Tensor {
    const layout = this.#layout(x);
    const { weight, bias, eps, runningMean, runningVar } = this;
    const affine = { weight, bias, eps };
    const useBatch = this.#normalizeWith === "batch";
    const update = this.updateRunning && layout.outer * layout.inner > 0;
    if (useBatch) this.#checkCount(x, layout);
    if (useBatch) {
      const { y, moments } = standardize(x, layout, affine);
      if (eps === 0) this.#checkVariance(moments);
      if (update) this.#update(moments);
      moments.dispose();
      return y;
    }
    if (runningMean === null || runningVar === null) throw new Error("internal: running statistics are missing");
    if (eps === 0) this.#checkRunningVariance(runningVar);
    const y = normalizeWith(x, runningMean, runningVar, layout, affine);
    if (update) {
      const moments = empty("BatchNorm", x.backend, [this.numFeatures, 3], 8);
      x.backend.moments(x.block, layout, moments.block);
      this.#update(moments);
      moments.dispose();
    }
    return y;
  }

  #layout(x: Tensor): StatisticsView {
    if (x.rank < 2 || x.rank > 5) {
      throw new ShapeError({
        where: `${this}.forward(x)`,
        expected: "rank 2 to 5: (N, C, …)",
        received: `rank ${x.rank} (shape ${formatShape(x.shape)})`,
        cure: "Reshape x so that channels are axis 1.",
      });
    }
    checkFeatures(this, x, 1, this.numFeatures, "channels");
    const inner = x.shape.slice(2).reduce((product, extent) => product * extent, 1);
    return { outer: x.shape[0], kept: this.numFeatures, inner, repeat: inner, period: this.numFeatures };
  }

  #checkCount(x: Tensor, { outer, inner }: StatisticsView): void {
    if (outer * inner === 1) {
      throw new ShapeError({
        where: `${this}.forward(x)`,
        expected: "at least 2 values per channel for batch statistics",
        received: `1 (shape ${formatShape(x.shape)})`,
        cure: `Use a batch of 2 or more${this.runningMean === null ? "" : ", call eval() first"}, or normalise with GroupNorm or LayerNorm.`,
      });
    }
    if (outer >= fewSamples || outer === 0 || this.#warnedFewSamples) return;
    this.#warnedFewSamples = true;
    warn(
      `${this}.forward(x): batch statistics over ${outer} samples are noisy (shape ${formatShape(x.shape)}). ` +
        `Use batches of ${fewSamples} or more, or GroupNorm, which does not depend on the batch.`,
    );
  }

  #update(moments: Tensor): void {
    const { runningMean, runningVar, numFeatures, unbiased } = this;
    if (runningMean === null || runningVar === null || this.#counters === null) return;
    const momentum = this.#momentum === "cumulative" ? -1 : this.#momentum;
    const { backend } = moments;
    backend.updateRunning(
      moments.block,
      numFeatures,
      runningMean.block,
      runningVar.block,
      this.#counters.block,
      momentum,
      unbiased,
    );
  }

  /** Only asked at eps 0, since it waits for the backend. */
  #checkVariance(moments: Tensor): void {
    const values = new Float64Array(moments.backend.readSync(moments.block, this.numFeatures * 24));
    for (let channel = 0; channel < this.numFeatures; channel++) {
      if (values[3 * channel + 2] === 0 && values[3 * channel] > 0) throw this.#varianceError(channel);
    }
  }

  #checkRunningVariance(runningVar: Tensor): void {
    const channel = runningVar.dataSync().indexOf(0);
    if (channel >= 0) throw this.#varianceError(channel);
  }

  #varianceError(channel: number): ArgumentError {
    return new ArgumentError({
      where: `${this}.forward(x)`,
      expected: "variance in every channel, since eps is 0",
      received: `none in channel ${channel}`,
      cure: "Set eps to a small positive number such as 1e-5.",
    });
  }

  override toString(): string {
    return `BatchNorm(${this.numFeatures})`;
  }
}
