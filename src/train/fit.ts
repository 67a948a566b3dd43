import { alone, type Communicator } from "../communicator.js";
import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { checkCount } from "../shape.js";
import { checkRange, type Optimizer } from "./optimizer.js";
import { broadcastState } from "./ranks.js";
import type { Schedule } from "./schedules.js";
import { type Data, type Loss, lossFor } from "./step.js";
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
  /** Stops between steps by throwing the signal's reason; the model is then as after its last step. */
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
}

/** What {@link fit} returns. */
export interface FitResult {
  /** One report for each epoch. */
  readonly epochs: readonly EpochReport[];
  /** Steps taken. */
  readonly steps: number;
}

/**
 * Trains a model: for each batch forward, loss, backward, step. Puts the model into training mode (frozen layers stay frozen) and opens
 * a scope for each step.
 *
 * @param model - what is trained
 * @param data - batches, gone through once for each epoch: {@link batches}, an array, or any (async) iterable
 * @throws DivergedError if a loss or gradient is not finite, or lr times the gradient's norm exceeds 1e30; the parameters stay as they were before that step
 * @throws ArgumentError if there is no data, or a schedule needs a length that the data do not tell
 * @example
 * ```ts
 * const data = arrayDataset({ inputs: new Float32Array(64), shape: [4], labels: new Int32Array(16) });
 * const model = new Sequential(new Linear(4, 8), new BatchNorm(8), new ReLU(), new Linear(8, 2));
 * const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
 * const { steps } = await fit(model, batches(data, { batchSize: 8 }), { epochs: 2, optimizer });
 * steps; // 4
 * ```
 */
export async function fit<Target>(model: Module, data: Data<Target>, options: FitOptions<Target>): Promise<FitResult> {
  const { epochs, optimizer, schedule, signal, onStep, onEpoch, communicator = alone } = options;
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
  const reports: EpochReport[] = [];
  let step = 0;
  checkLengths(data, communicator);
  broadcastState(model, communicator);
  model.train();
  optimizer.zeroGrad();
  for (let epoch = 0; epoch < epochs; epoch++) {
    const started = performance.now();
    const totals = { loss: 0, correct: 0 as number | null, samples: 0 };
    for await (const batch of data) {
      signal?.throwIfAborted();
      if (schedule !== undefined && steps !== null) optimizer.lr = schedule(step, steps);
      const { loss, correct, samples, gradientNorm } = await trainStep(model, batch, {
        lossOf,
        optimizer,
        clipNorm,
        step,
        communicator,
      });
      totals.loss += loss * samples;
      totals.correct = correct === null || totals.correct === null ? null : totals.correct + correct;
      totals.samples += samples;
      const accuracy = correct === null ? null : correct / samples;
      await onStep?.({ step, steps, epoch, loss, accuracy, samples, lr: optimizer.lr, gradientNorm });
      step++;
    }
    if (totals.samples === 0) {
      throw new ArgumentError({
        where: "fit(model, data)",
        expected: `samples in epoch ${epoch}`,
        received: "none",
        cure: "Pass data that can be gone through once for each epoch; a generator is spent after one pass.",
      });
    }
    const { samples, correct } = totals;
    const seconds = (performance.now() - started) / 1000;
    const accuracy = correct === null ? null : correct / samples;
    const report = { epoch, steps: step, loss: totals.loss / samples, accuracy, samples, seconds };
    reports.push(report);
    await onEpoch?.(report);
  }
  return { epochs: reports, steps: step };
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
