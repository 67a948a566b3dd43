import { noGrad } from "../autograd.js";
import { ArgumentError, FormatError } from "../errors.js";
import { isObject } from "../formats/json.js";
import { copyModel } from "../graph/copy-model.js";
import { type RecalibrateOptions, type Recalibration, recalibrate } from "../graph/statistics/recalibrate.js";
import type { Module } from "../nn/module.js";
import { RunningNorm } from "../nn/norms/running-norm.js";
import { isSynchronized } from "../nn/norms/sync-batch-norm.js";
import { add, mul, sub } from "../ops/binary.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import { checkCount } from "../shape.js";
import { shown } from "../shown.js";
import type { Tensor } from "../tensor.js";
import { copyInto } from "../tensor-copies.js";
import type { Companion } from "./checkpoint/companion.js";
import type { Data } from "./step.js";

/** Options of {@link movingAverage}. */
export interface MovingAverageOptions {
  /**
   * How much of the old average is kept, in [0, 1): an exponential moving average (EMA), average ← decay · average + (1
   * − decay) · weights. Or `"mean"`: all weights count the same, as in stochastic weight averaging (SWA).
   *
   * @defaultValue 0.999
   */
  readonly decay?: number | "mean";
  /** The first update that counts, from 0: SWA leaves out the first part of a training. @defaultValue 0 */
  readonly from?: number;
  /** Of the updates from there on, each how-manieth counts: SWA takes one an epoch. @defaultValue 1 */
  readonly every?: number;
}

const where = "movingAverage(model, options)";

/** An average of a model's weights over the steps of its training: see {@link movingAverage}. */
export class MovingAverage<M extends Module = Module> implements Companion {
  /** @internal */
  readonly key = "average";
  /** A copy of the model, in evaluation mode, whose parameters are the average. */
  readonly model: M;
  readonly #source: M;
  readonly #decay: number | "mean";
  readonly #from: number;
  readonly #every: number;
  #updates = 0;
  #averaged = 0;

  /** @internal */
  constructor(source: M, { decay = 0.999, from = 0, every = 1 }: MovingAverageOptions) {
    if (decay !== "mean" && !(decay >= 0 && decay < 1)) {
      throw new ArgumentError({
        where,
        expected: 'decay to be from 0 up to, not including, 1, or "mean"',
        received: shown(decay),
        cure: "Pass 0.999 or so: the average is then over about 1 / (1 − decay) steps.",
      });
    }
    this.#decay = decay;
    this.#from = checkCount(where, "from", from, 0);
    this.#every = checkCount(where, "every", every);
    this.#source = source;
    const { model, copies } = copyModel(source);
    const shared = [...copies].find(([original, copy]) => original === copy);
    if (shared !== undefined) {
      throw new ArgumentError({
        where,
        expected: "a model that can be copied",
        received: `${shared[0]}, whose class holds functions or private fields`,
        cure: "State its constructor's arguments in traits(), or keep what it needs in plain properties.",
      });
    }
    this.model = model as unknown as M;
    this.model.eval();
  }

  /** @internal */
  isOf(model: Module): boolean {
    return this.#source === model;
  }

  /** How many weights the average is of. */
  get averaged(): number {
    return this.#averaged;
  }

  /** Whether the model has norms whose running statistics belong to the weights. */
  get needsRecalibration(): boolean {
    return this.model.namedModules().some(([, module]) => module instanceof RunningNorm && module.runningMean !== null);
  }

  /**
   * Takes the model's weights into the average; {@link fit} calls it after each step. The first ones that count are
   * copied.
   */
  update(): void {
    const place = this.#updates++ - this.#from;
    if (place < 0 || place % this.#every !== 0) return;
    const share = this.#averaged === 0 ? 1 : this.#decay === "mean" ? 1 / (this.#averaged + 1) : 1 - this.#decay;
    this.#averaged++;
    const parameters = new Set(this.#source.parameters());
    const own = this.model.ownState();
    const done = new Set<Tensor>();
    scope(() =>
      noGrad(() => {
        for (const [k, [, from]] of this.#source.ownState().entries()) {
          const [, to] = own[k];
          // Tied tensors stand in several places.
          if (done.has(to)) continue;
          done.add(to);
          // Statistics are those of the latest weights, until recalibrate() gives it its own.
          const isCopied = share === 1 || !parameters.has(from);
          copyInto(isCopied ? from : add(to, mul(sub(from, to), share)), to);
        }
      }),
    );
  }

  /**
   * Gives the average's norms the running statistics of its own weights, by one pass over training data (SWA's
   * `update_bn`); those that it has are the last model's. Does nothing where no norm has such. {@link fit} does it at
   * the end.
   *
   * @param data - batches of the size of training; labels are not used
   * @param options - with a `communicator`, its batch norms share statistics where those of the model do
   */
  async recalibrate<Target>(
    data: Data<Target>,
    options: Pick<RecalibrateOptions, "samples" | "signal" | "communicator"> = {},
  ): Promise<Recalibration | null> {
    if (!this.needsRecalibration) return null;
    const own = this.model.namedModules();
    const norms = this.#source.namedModules().flatMap(([, from], k) => {
      const [, norm] = own[k];
      return isSynchronized(from) && isSynchronized(norm) ? [{ norm, sync: from.sync }] : [];
    });
    try {
      for (const { norm, sync } of norms) norm.sync = sync;
      return await recalibrate(this.model, data, { mode: "batch", ...options });
    } finally {
      for (const { norm } of norms) norm.sync = null;
    }
  }

  /** @internal */
  getState(): unknown {
    return { updates: this.#updates, averaged: this.#averaged };
  }

  /** @internal */
  stateDict(): Record<string, Tensor> {
    return this.model.stateDict();
  }

  /** @internal */
  restore(state: unknown, tensors: Record<string, Tensor>): void {
    const { updates, averaged } = isObject(state) ? state : ({} as Record<string, unknown>);
    const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
    if (!isCount(updates) || !isCount(averaged)) {
      const cure = "Use an older copy, or start anew.";
      throw new FormatError({
        where: "checkpoint",
        expected: "counts of a moving average",
        received: shown(state),
        cure,
      });
    }
    this.model.loadStateDict(tensors);
    this.#updates = updates;
    this.#averaged = averaged;
  }
}

/**
 * Averages the weights of a model over the steps of its training; the average often predicts better than the last
 * weights. Exponential (EMA; Polyak & Juditsky 1992) or of all alike (SWA; Izmailov et al. 2018, arXiv:1803.05407).
 * Pass it to {@link fit} as `average`, which updates it after each step, keeps it in checkpoints, and recalibrates its
 * norms at the end: running statistics of other weights are not its own.
 *
 * @throws ArgumentError if an option is out of range, or the model cannot be copied
 * @example
 * ```ts
 * const model = new Sequential(new Linear(1, 1, { bias: false }));
 * const average = movingAverage(model, { decay: 0.5 });
 * for (const w of [1, 3]) {
 *   model.loadStateDict({ "0.weight": tensor([[w]]) });
 *   average.update();
 * }
 * average.model.stateDict()["0.weight"].item(); // 2
 * ```
 */
export function movingAverage<M extends Module>(model: M, options: MovingAverageOptions = {}): MovingAverage<M> {
  checkOptions("movingAverage(model)", options, { decay: true, from: true, every: true });
  return new MovingAverage(model, options);
}
