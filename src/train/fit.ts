import { retryOnce } from "../collector.js";
import { alone, type Communicator } from "../communicator.js";
import { broadcastState, GradientExchange, muster, stopsOn } from "../distributed/ranks.js";
import { ArgumentError } from "../errors.js";
import { isSpentAfterOnePass, recalibrate } from "../graph/recalibrate.js";
import type { Module } from "../nn/module.js";
import { checkCount } from "../shape.js";
import type { Position } from "./checkpoint-state.js";
import { type CheckpointOptions, Checkpoints } from "./checkpoints.js";
import { LagMeter, type NormLag, warnOfLag } from "./lag.js";
import { checkRange, Optimizer } from "./optimizer.js";
import { Retry } from "./retry.js";
import type { Schedule } from "./schedules.js";
import { checkBatches, type Data, type Loss, lossFor } from "./step.js";
import { trainStep } from "./train-step.js";

/** What {@link FitOptions.onStep} is told after each step. */
export interface StepReport {
  /** Counted from 0 over the whole run. */
  readonly step: number;
  /** How many steps there will be in all; null where the data's length is not known. */
  readonly steps: number | null;
  /** Counted from 0. */
  readonly epoch: number;
  /** The loss of this batch, before the step. */
  readonly loss: number;
  /** The share of this batch whose label had the largest output; null where targets are not labels. */
  readonly accuracy: number | null;
  /** Samples in this batch. */
  readonly samples: number;
  /** The learning rate of the step. */
  readonly lr: number;
  /** The norm of all gradients together, before clipping. */
  readonly gradientNorm: number;
}

/** What {@link FitOptions.onEpoch} is told after each epoch. */
export interface EpochReport {
  /** Counted from 0. */
  readonly epoch: number;
  /** Steps taken so far, over all epochs. */
  readonly steps: number;
  /** The mean training loss of the epoch, each sample weighing the same. */
  readonly loss: number;
  /** The share of right answers in training; null where targets are not labels. */
  readonly accuracy: number | null;
  /** Samples seen in the epoch. */
  readonly samples: number;
  /** How long it took. */
  readonly seconds: number;
}

/** Options of {@link fit}. */
export interface FitOptions<Target> {
  /** How often to go through the data, ≥ 1. */
  readonly epochs: number;
  /** What changes the parameters. */
  readonly optimizer: Optimizer;
  /** @defaultValue cross-entropy, for labels */
  readonly loss?: Loss<Target>;
  /** Sets the optimiser's learning rate before each step. @defaultValue its own, unchanged */
  readonly schedule?: Schedule;
  /** Scale gradients down to this joint norm. @defaultValue never */
  readonly clipNorm?: number;
  /** Stops between steps by throwing the signal's reason, after a checkpoint has been saved; the model is then as after its last step. */
  readonly signal?: AbortSignal;
  /**
   * Trains together with other processes, each with its part of every batch (which may be empty): losses are means over all parts and gradients
   * their sums, so that the result is that of one process with the whole batches. Rank 0's parameters are given to all first; reports are of
   * all ranks, and equal on each. Give each rank its part with {@link batches}' `communicator`, and let batch norms share their statistics with
   * {@link syncBatchNorm}. A loss whose mean is not over samples (class weights) weighs each rank's part by its samples.
   *
   * @defaultValue {@link alone}
   */
  readonly communicator?: Communicator;
  /** Called, and awaited, after each step. */
  readonly onStep?: (report: StepReport) => void | Promise<void>;
  /** Called, and awaited, after each epoch; the model is in training mode. */
  readonly onEpoch?: (report: EpochReport) => void | Promise<void>;
  /**
   * Renews the running statistics at the end with so many samples of the data (see {@link recalibrate}, mode "batch": precise batch norm, Wu & Johnson
   * 2021, arXiv:2105.07576 §3.1). 1,000 to 10,000 are enough. It takes one more forward pass over them.
   *
   * @defaultValue 0: they stay the moving averages
   */
  readonly recalibrate?: number;
  /** Saves now and then where training stands, and goes on from there. @defaultValue never */
  readonly checkpoint?: CheckpointOptions;
}

/** What {@link fit} returns. */
export interface FitResult {
  /** One report for each epoch that this call ended; those before a checkpoint that it went on from are not among them. */
  readonly epochs: readonly EpochReport[];
  /** Steps taken, those before the checkpoint too. */
  readonly steps: number;
  /**
   * For each norm with running statistics, how far these lie from the statistics of the last batches, of which the last five weigh most; measured
   * before `recalibrate`. Empty where fewer than 10 batches were seen. A warning tells where it is above 0.25 σ and above what the noise
   * of small batches explains.
   */
  readonly lag: readonly NormLag[];
}

/**
 * Trains a model: for each batch forward, loss, backward, step. Puts the model into training mode (frozen layers stay frozen) and opens
 * a scope for each step. A step that is refused memory is tried once more after the event loop has turned, to the same result.
 *
 * With `checkpoint`, a run that is stopped at any moment goes on from its last checkpoint to the same bits as one that never was: it holds
 * parameters, buffers, switches and what layers remember, moments and learning rate of the optimiser, every generator, and the place in
 * the epoch with its sums. Model, data, optimiser and schedule are made anew, as they were at first. More epochs may be asked for than before, and a schedule then goes by the new number of steps.
 *
 * @param model - what is trained
 * @param data - batches, gone through once for each epoch: {@link batches}, an array, or any (async) iterable
 * @throws DivergedError if a loss or gradient is not finite, or lr times the gradient's norm exceeds 1e30; the parameters stay as they were before that step
 * @throws ArgumentError if there is no data, no parameter of the optimiser got a gradient, or a schedule needs a length that the data do not tell
 * @example
 * ```ts
 * const data = arrayDataset({ inputs: new Float32Array(64), shape: [4], labels: new Int32Array(16) });
 * const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new ReLU(), new Linear(8, 2));
 * const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
 * const { steps } = await fit(model, batches(data, { batchSize: 8 }), { epochs: 2, optimizer });
 * steps; // 4
 * ```
 * @example
 * ```ts
 * const net = () => new Sequential(new Linear(4, 8), new Dropout(0.1), new Linear(8, 2));
 * const data = batches(arrayDataset({ inputs: new Float32Array(64), shape: [4], labels: new Int32Array(16) }), { batchSize: 8, shuffle: true });
 * let saved: Uint8Array | null = null;
 * const save = (bytes: Uint8Array) => {
 *   saved = bytes;
 * };
 * const first = net();
 * const optimizer = new Adam(first.parameters(), { lr: 1e-3 });
 * await fit(first, data, { epochs: 1, optimizer, checkpoint: { save } });
 * const second = net();
 * const again = new Adam(second.parameters(), { lr: 1e-3 });
 * const { steps } = await fit(second, data, { epochs: 3, optimizer: again, checkpoint: { save, from: saved } });
 * steps; // 6
 * ```
 */
export async function fit<Target>(model: Module, data: Data<Target>, options: FitOptions<Target>): Promise<FitResult> {
  const { epochs, optimizer, schedule, signal, onStep, onEpoch, communicator = alone } = options;
  checkBatches("fit(model, data)", data);
  if (!(optimizer instanceof Optimizer)) {
    throw new ArgumentError({
      where: "fit(model, data, { optimizer })",
      expected: "an optimiser",
      received: typeof optimizer,
      cure: "Pass one such as new Adam(model.parameters(), { lr: 0.001 }).",
    });
  }
  checkCount("fit(model, data, { epochs })", "epochs", epochs);
  const clipNorm = options.clipNorm ?? Number.POSITIVE_INFINITY;
  if (clipNorm !== Number.POSITIVE_INFINITY)
    checkRange("fit(model, data)", "clipNorm", clipNorm, 0, Number.POSITIVE_INFINITY);
  const steps = data.length === undefined ? null : data.length * epochs;
  if (schedule !== undefined && steps === null) {
    throw new ArgumentError({
      where: "fit(model, data, { schedule })",
      expected: "data with a length, from which a schedule knows how far training has come",
      received: "data without one",
      cure: "Give the iterable a length: the number of batches in an epoch.",
    });
  }
  const lossOf = lossFor("fit(model, data)", options.loss);
  const checkpoints =
    options.checkpoint === undefined ? null : new Checkpoints(model, data, optimizer, options.checkpoint);
  const { recalibrate: renewed = 0 } = options;
  if (renewed !== 0) checkCount("fit(model, data, { recalibrate })", "recalibrate", renewed);
  if (renewed !== 0 && isSpentAfterOnePass(data)) {
    throw new ArgumentError({
      where: "fit(model, data, { recalibrate })",
      expected: "data that can be gone through once more at the end",
      received: "an iterator, which is spent after one pass",
      cure: "Pass an array or batches().",
    });
  }
  if (renewed !== 0 && communicator.size > 1) {
    throw new ArgumentError({
      where: "fit(model, data, { recalibrate })",
      expected: "one process",
      received: `${communicator.size} ranks`,
      cure: "Call recalibrate(model, data) with the whole data on one rank after training.",
    });
  }
  const reports: EpochReport[] = [];
  checkLengths(data, communicator);
  broadcastState(model, communicator);
  model.train();
  optimizer.zeroGrad();
  const resumed = await checkpoints?.resume();
  let at: Position = resumed?.position ?? startOf(0, 0);
  /** The model stands where `at` says: no step is under way. */
  const stopFor = async (stopper: number | null): Promise<void> => {
    if (stopper === null) return;
    await checkpoints?.save(at);
    signal?.throwIfAborted();
    throw new DOMException(`fit(model, data): rank ${stopper} was told to stop`, "AbortError");
  };
  const isTold = (): boolean => signal?.aborted === true;
  const exchange = communicator.size === 1 ? null : new GradientExchange(optimizer.parameters, communicator);
  const retry = new Retry(model, optimizer);
  const meter = await retryOnce(() => new LagMeter(model));
  let lag: NormLag[] = [];
  let batchSize = 1;
  try {
    for (let epoch = at.epoch; epoch < epochs; epoch++) {
      const started = performance.now() - at.seconds * 1000;
      const isResumed = epoch === resumed?.position.epoch;
      if (!isResumed) checkpoints?.mark(true);
      for await (const batch of isResumed ? resumed.pass : data) {
        const { step } = at;
        const where = `fit(model, data, { communicator }), step ${step}`;
        const { stopper, part } = muster(communicator, isTold(), batch.inputs.shape[0], where);
        await stopFor(stopper);
        if (schedule !== undefined && steps !== null) optimizer.lr = schedule(step, steps);
        const { loss, correct, samples, gradientNorm } = await trainStep(model, batch, {
          lossOf,
          optimizer,
          clipNorm,
          step,
          part,
          communicator,
          exchange,
          retry,
        });
        const accuracy = correct === null ? null : correct / samples;
        await onStep?.({ step, steps, epoch, loss, accuracy, samples, lr: optimizer.lr, gradientNorm });
        at = {
          epoch,
          batch: at.batch + 1,
          step: step + 1,
          loss: at.loss + loss * samples,
          correct: correct === null || at.correct === null ? null : at.correct + correct,
          samples: at.samples + samples,
          seconds: (performance.now() - started) / 1000,
        };
        checkpoints?.mark(false);
        await checkpoints?.saveIfDue(at);
      }
      await stopFor(stopsOn(communicator, isTold()));
      const { samples, correct, step, seconds } = at;
      if (samples === 0) {
        throw new ArgumentError({
          where: "fit(model, data)",
          expected: `samples in epoch ${epoch}`,
          received: "none",
          cure: "Pass data that can be gone through once for each epoch; a generator is spent after one pass.",
        });
      }
      const accuracy = correct === null ? null : correct / samples;
      const report = { epoch, steps: step, loss: at.loss / samples, accuracy, samples, seconds };
      try {
        await onEpoch?.(report);
      } catch (error) {
        // What it was told is told again after a resumption.
        if (signal?.aborted === true) await checkpoints?.save(at);
        throw error;
      }
      reports.push(report);
      batchSize = samples / at.batch;
      at = startOf(epoch + 1, step);
    }
    lag = await meter.read();
  } finally {
    meter.close();
  }
  if (reports.length > 0) {
    checkpoints?.mark(true);
    await checkpoints?.save(at);
  }
  if (renewed === 0) warnOfLag(lag, batchSize);
  else await recalibrate(model, data, { mode: "batch", samples: renewed, ...(signal === undefined ? {} : { signal }) });
  return { epochs: reports, steps: at.step, lag };
}

function startOf(epoch: number, step: number): Position {
  return { epoch, batch: 0, step, loss: 0, correct: 0, samples: 0, seconds: 0 };
}

/** @throws ArgumentError on every rank if they would take different numbers of steps */
function checkLengths(data: { readonly length?: number }, communicator: Communicator): void {
  if (communicator.size === 1) return;
  const lengths = communicator.allGather(Float64Array.of(data.length ?? -1), "batches of an epoch");
  if (lengths.every((length) => length === lengths[0])) return;
  throw new ArgumentError({
    where: "fit(model, data, { communicator })",
    expected: "the same number of batches on every rank, if need be empty ones",
    received: [...lengths].map((length) => (length < 0 ? "unknown" : length)).join(", "),
    cure: "Cut the data with batches(dataset, { batchSize, communicator }).",
  });
}
