import { ones, zeros } from "../../create.js";
import { ArgumentError, BackendError } from "../../errors.js";
import type { RenormReference } from "../../ops/renorm-factors.js";
import { momentsOf } from "../../ops/standardize.js";
import { shown } from "../../shown.js";
import { empty, type Tensor, view } from "../../tensor.js";
import { copyOf } from "../../tensor-copies.js";
import { warn, warnOnce } from "../../warnings.js";
import { varianceError } from "./batch-moments.js";
import type { RecentStatistics } from "./recent-statistics.js";
import type { RunningNorm } from "./running-norm.js";
import { checkState, type RunningNormState, type Statistics } from "./running-norm-state.js";

/**
 * The running statistics that a norm has: buffers, momentum, the guard against batches that are not finite, and the
 * switches that say whether they are used and moved. A norm built without them has one too, which holds no buffers.
 */
export class RunningStatistics {
  /**
   * Mean and variance of each channel, and three counters: batches tracked, batches skipped, and what the first lacks
   * beyond 2²⁴. Null without `trackRunningStats`.
   */
  readonly tensors: RenormReference | null;
  /** Whether a forward pass moves them. */
  updateRunning: boolean;
  #warmUp = true;
  #isSettled = false;
  #normalizeWith: Statistics = "batch";
  #momentum: number | "cumulative" = 0;
  #frozen = false;
  #warnedEmpty = false;
  /** What a device has told of the counters, or what they are surely; null: not known. */
  #counts: Float32Array | null = new Float32Array(3);
  #areCountsRead = false;
  /**
   * Statistics came from a state dict on a device: whether they end the warm-up is found out by
   * {@link RunningStatistics.refresh}.
   */
  #uncertain: { readonly isCounted: boolean } | null = null;
  #observer: ((moments: Tensor) => void) | null = null;
  /** Takes each batch, too. */
  recent: RecentStatistics | null = null;
  readonly #layer: RunningNorm;

  constructor(
    layer: RunningNorm,
    { momentum, warmUp, isTracked }: { momentum: number | "cumulative"; warmUp: boolean; isTracked: boolean },
  ) {
    this.#layer = layer;
    this.momentum = momentum;
    this.warmUp = warmUp;
    this.updateRunning = isTracked;
    this.tensors = isTracked ? registerTensors(layer) : null;
  }

  get momentum(): number | "cumulative" {
    return this.#momentum;
  }

  set momentum(value: number | "cumulative") {
    if (value !== "cumulative" && !(typeof value === "number" && value >= 0 && value < 1)) {
      throw new ArgumentError({
        where: `${this.#layer}.momentum`,
        expected: 'a number from 0 up to, not including, 1, or "cumulative"',
        received: shown(value),
        cure: "It weighs the old running value: pass e.g. 0.99.",
      });
    }
    if (value !== "cumulative" && value < 0.5) {
      warnOnce(
        "momentum",
        `${this.#layer}.momentum: ${value} gives the old running value less weight than the newest batch. ` +
          "Here momentum weighs the old value: PyTorch's 0.1 is 0.9.",
      );
    }
    this.#momentum = value;
  }

  get warmUp(): boolean {
    return this.#warmUp;
  }

  set warmUp(value: boolean) {
    if (typeof value !== "boolean") {
      throw new ArgumentError({
        where: `${this.#layer}.warmUp`,
        expected: "true or false",
        received: shown(value),
        cure: "Pass false for the plain moving average of PyTorch and Keras.",
      });
    }
    this.#warmUp = value;
  }

  /** Whether the statistics stand for more than the batches counted, so that they move by momentum alone. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Ends the warm-up: what stands in the statistics now came from elsewhere. */
  settle(): void {
    this.#isSettled = true;
  }

  /** Told what a state dict has given to the buffers. */
  loaded(given: (buffer: string) => Tensor | null): void {
    const [mean, variance, count] = ["running_mean", "running_var", "num_batches_tracked"].map(given);
    if (this.tensors === null || mean === null) return;
    const { counters } = this.tensors;
    if (count !== null) counters.backend.write(counters.block, Float32Array.of(0), 8);
    this.#forgetCounts();
    const sources = [mean, variance ?? this.tensors.variance, ...(count === null ? [] : [count])];
    if (!sources.every(({ backend }) => backend.answersAtOnce)) {
      this.#uncertain = { isCounted: count !== null };
      return;
    }
    const [means, variances, counts] = sources.map((source) => source.dataSync());
    this.#settleUnlessInitial(means, variances, counts?.[0] ?? 0);
  }

  /** Ends the warm-up if the statistics stand for batches that were not counted. */
  #settleUnlessInitial(mean: Float32Array, variance: Float32Array, tracked: number): void {
    const isInitial = mean.every((value) => value === 0) && variance.every((value) => value === 1);
    if (!(tracked > 0) && !isInitial) this.settle();
  }

  /** See {@link Module.refresh}. */
  async refresh(): Promise<void> {
    if (this.tensors === null || this.tensors.counters.backend.answersAtOnce) return;
    const { mean, variance, counters } = this.tensors;
    const uncertain = this.#uncertain;
    const [counts, ...statistics] = await Promise.all(
      [counters, ...(uncertain === null ? [] : [mean, variance])].map((t) => t.data()),
    );
    this.#counts = counts;
    this.#areCountsRead = true;
    if (uncertain === null) return;
    this.#uncertain = null;
    this.#settleUnlessInitial(statistics[0], statistics[1], uncertain.isCounted ? counts[0] : 0);
  }

  /**
   * Batches tracked, batches skipped, and the rest of the first.
   *
   * @throws BackendError if a device has not told them yet
   */
  get #counters(): Float32Array {
    if (this.tensors === null) return new Float32Array(3);
    const { counters } = this.tensors;
    if (counters.backend.answersAtOnce) return counters.dataSync();
    if (this.#counts !== null) return this.#counts;
    throw new BackendError({
      where: `${this.#layer}, its counters`,
      expected: "a backend that answers at once, or the end of a pass of fit()",
      received: `${counters.backend.name} before that`,
      cure: 'Read them after fit(), or await copyTo(model, "wasm").',
    });
  }

  /**
   * The device is about to change counters: those known are kept until it tells newer ones, unless it has never told
   * any.
   */
  #forgetCounts(): void {
    if (!this.#areCountsRead) this.#counts = null;
  }

  get normalizeWith(): Statistics {
    return this.#normalizeWith;
  }

  set normalizeWith(value: Statistics) {
    if (value !== "batch" && value !== "running") {
      throw new ArgumentError({
        where: `${this.#layer}.normalizeWith`,
        expected: '"batch" or "running"',
        received: shown(value),
        cure: "Set one of the two.",
      });
    }
    if (value === "running") this.#checkTracked("normalizeWith");
    this.#normalizeWith = value;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  get skippedBatches(): number {
    return this.#counters[1];
  }

  freeze(): void {
    this.#checkTracked("freeze()");
    this.#frozen = true;
    this.setSwitches();
  }

  unfreeze(): void {
    this.#frozen = false;
    this.setSwitches();
  }

  /** Sets both switches as the layer's mode and {@link RunningStatistics.frozen} ask for. */
  setSwitches(): void {
    const training = this.#layer.training && !this.#frozen;
    this.#normalizeWith = training || this.tensors === null ? "batch" : "running";
    this.updateRunning = training && this.tensors !== null;
  }

  /** Remembers the switches; what is returned restores them. */
  saveSwitches(): () => void {
    const { normalizeWith, updateRunning } = this;
    return () => {
      this.#normalizeWith = normalizeWith;
      this.updateRunning = updateRunning;
    };
  }

  reset(): void {
    if (this.tensors === null) return;
    const { mean, variance, counters } = this.tensors;
    mean.backend.fill(mean.block, mean.size, 0);
    variance.backend.fill(variance.block, variance.size, 1);
    counters.backend.fill(counters.block, counters.size, 0);
    this.#counts = new Float32Array(3);
    markChanged(this.tensors);
    this.#isSettled = false;
  }

  observe(observer: (moments: Tensor) => void): () => void {
    this.#observer = observer;
    return () => {
      this.#observer = null;
    };
  }

  get state(): RunningNormState | null {
    if (this.tensors === null) return null;
    const { frozen, normalizeWith, updateRunning, momentum, skippedBatches, warmUp, isSettled } = this;
    const [tracked, , rest] = this.#counters;
    const switches = { frozen, normalizeWith, updateRunning, momentum, skippedBatches };
    return { ...switches, warmUp, isSettled, batches: tracked + rest };
  }

  /** @throws ArgumentError if it is not what {@link RunningStatistics.state} gave, as a file may say */
  set state(state: RunningNormState) {
    if (this.tensors === null) return;
    const { frozen, normalizeWith, updateRunning, momentum, skippedBatches, ...counted } = checkState(
      this.#layer,
      state,
    );
    this.#frozen = frozen;
    this.normalizeWith = normalizeWith;
    this.updateRunning = updateRunning;
    this.#momentum = momentum;
    const { counters } = this.tensors;
    const { warmUp = false, isSettled = false, batches } = counted;
    this.#warmUp = warmUp;
    this.#isSettled = isSettled;
    this.#uncertain = null;
    const tracked = Math.fround(batches ?? 0);
    const counts = Float32Array.of(tracked, skippedBatches, (batches ?? 0) - tracked);
    // Without a count, that of the state dict stands.
    if (batches === undefined) counters.backend.write(counters.block, counts.subarray(1), 4);
    else counters.backend.write(counters.block, counts);
    this.#counts = batches === undefined ? null : counts;
    counters.storage.version++;
  }

  /** What a layer normalises with in evaluation. @throws ArgumentError if eps is 0 and a channel has no variance */
  use(): RenormReference {
    if (this.tensors === null) throw new Error("internal: running statistics are missing");
    if (this.#layer.eps === 0) {
      const { variance } = this.tensors;
      variance.backend.expect({ is: "notZero" }, variance.block, variance.size, ({ place }) =>
        varianceError(this.#layer, "channel", `channel ${place}`),
      );
    }
    return this.tensors;
  }

  /** Whether somebody asks for the moments of a forward pass: to move the statistics, or to look at them. */
  get takesMoments(): boolean {
    return this.updateRunning || this.#observer !== null;
  }

  /**
   * Moves the statistics by a batch, one that is not finite excepted, or hands its moments to the observer.
   *
   * @param moments - (rows · channels, 3): averaged where each sample has its own
   */
  take(moments: Tensor, isMasked: boolean): void {
    if (this.#observer !== null) {
      this.#observer(moments);
      return;
    }
    if (this.tensors === null) return;
    const { mean, variance, counters } = this.tensors;
    const { numFeatures, unbiased } = this.#layer;
    const momentum = this.#momentum === "cumulative" ? -1 : this.#momentum;
    const { backend } = moments;
    const channelMoments = averageOf(moments, numFeatures);
    if (isMasked) this.#warnIfEmpty(channelMoments);
    const running = [mean.block, variance.block, counters.block] as const;
    const warmsUp = this.#warmUp && !this.#isSettled;
    this.#forgetCounts();
    backend.updateRunning(channelMoments.block, numFeatures, ...running, momentum, unbiased, warmsUp);
    this.recent?.take(channelMoments, unbiased);
    markChanged(this.tensors);
    variance.storage.forgetDerived();
    if (channelMoments !== moments) channelMoments.dispose();
  }

  /**
   * Moves a further running statistic by a batch's value of it, with the weight that {@link RunningStatistics.take}
   * then gives the batch.
   *
   * @param values - of the batch
   * @param into - the running ones, of the same shape
   */
  takeAlso(values: Tensor, into: Tensor): void {
    if (this.tensors === null || this.#observer !== null) return;
    const counters = copyOf("takeAlso", this.tensors.counters);
    const momentum = this.#momentum === "cumulative" ? -1 : this.#momentum;
    moveMeans(values, { into, counters, momentum, warmsUp: this.#warmUp && !this.#isSettled });
    counters.dispose();
  }

  #warnIfEmpty(channelMoments: Tensor): void {
    if (this.#warnedEmpty) return;
    const { numFeatures } = this.#layer;
    const check = { is: "moments", some: true, several: false, varied: false } as const;
    channelMoments.backend.expect(check, channelMoments.block, numFeatures, ({ count }) => {
      if (this.#warnedEmpty) return null;
      this.#warnedEmpty = true;
      warn(
        `${this.#layer}.forward(x, { mask }): no real value in ${count} of ${numFeatures} channels, whose running ` +
          "statistics stay as they are. Leave out batches that are all padding.",
      );
      return null;
    });
  }

  #checkTracked(member: string): void {
    if (this.tensors !== null) return;
    throw new ArgumentError({
      where: `${this.#layer}.${member}`,
      expected: "a layer with running statistics",
      received: "one built with trackRunningStats: false",
      cure: "Build the layer with trackRunningStats: true.",
    });
  }
}

/** Mean 0, variance 1 and counters of 0, as buffers of a layer. */
function registerTensors(layer: RunningNorm): RenormReference {
  const { numFeatures } = layer;
  const mean = layer.buffer("running_mean", zeros([numFeatures]));
  const variance = layer.buffer("running_var", ones([numFeatures]));
  const counters = zeros([3]).persist();
  layer.buffer("num_batches_tracked", view("num_batches_tracked", counters, []));
  return { mean, variance, counters };
}

/** Says that a graph which needs their old values has lost them. */
function markChanged(tensors: RenormReference): void {
  for (const t of Object.values(tensors)) t.storage.version++;
}

/** Moments of each channel: those given, or the averages over samples where each sample has its own. */
function averageOf(moments: Tensor, channels: number): Tensor {
  const samples = moments.shape[0] / channels;
  if (samples === 1) return moments;
  const averaged = empty("averageMoments", moments.backend, [channels, 3], 8);
  moments.backend.averageMoments(moments.block, samples, channels, averaged.block);
  return averaged;
}

/**
 * Moves running means by values, one each, unless one of these is not finite.
 *
 * @param to - `momentum` −1: the mean of all; counters (3) go on
 */
export function moveMeans(
  values: Tensor,
  to: { readonly into: Tensor; readonly counters: Tensor; readonly momentum: number; readonly warmsUp: boolean },
): void {
  const { backend, size } = values;
  const { into, counters, momentum, warmsUp } = to;
  const moments = momentsOf(values, { outer: 1, kept: size, inner: 1, repeat: 1, period: size }, null);
  const variance = zeros([size]);
  backend.updateRunning(moments.block, size, into.block, variance.block, counters.block, momentum, false, warmsUp);
  into.storage.version++;
  for (const t of [moments, variance]) t.dispose();
}
