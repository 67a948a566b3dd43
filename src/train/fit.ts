import { retryOnce } from "../collector.js";
import { alone, type Communicator } from "../communicator.js";
import { broadcastState, GradientExchange, muster, stopsOn, Wish } from "../distributed/ranks.js";
import { ArgumentError } from "../errors.js";
import { recalibrate } from "../graph/statistics/recalibrate.js";
import type { Module } from "../nn/module.js";
import { refreshAll } from "../nn/refresh-all.js";
import type { Optimizer } from "../optim/optimizer.js";
import { type Tensor, upload } from "../tensor.js";
import { warnOnce } from "../warnings.js";
import { type CheckedFit, checkFit } from "./check-fit.js";
import type { Position } from "./checkpoint/checkpoint-state.js";
import { Checkpoints } from "./checkpoint/checkpoints.js";
import type { Companion } from "./checkpoint/companion.js";
import { EarlyStopping } from "./early-stopping.js";
import { evaluate } from "./evaluate.js";
import type { EpochReport, FitOptions, FitResult } from "./fit-options.js";
import { inGroups } from "./groups.js";
import { LagMeter, type NormLag, warnOfLag } from "./lag.js";
import { PlateauLr } from "./plateau-lr.js";
import { Retry } from "./retry.js";
import { accuracyOf, addRight, type RightCounts } from "./right-answers.js";
import type { Data } from "./step.js";
import { Trail } from "./trail.js";
import { type StepResult, trainStep } from "./train-step.js";

/**
 * Trains a model: for each batch forward, loss, backward, step. Puts the model into training mode (frozen layers stay
 * frozen) and opens a scope for each step. A step that is refused memory is tried once more after the event loop has
 * turned, to the same result.
 *
 * With `checkpoint`, a run that is stopped at any moment goes on from its last checkpoint to the same bits as one that
 * never was: it holds parameters, buffers, switches and what layers remember, moments and learning rate of the
 * optimiser, every generator, and the place in the epoch with its sums. Model, data, optimiser and schedule are made
 * anew, as they were at first. More epochs may be asked for than before, and a schedule then goes by the new number of
 * steps.
 *
 * @param model - what is trained
 * @param data - batches, gone through once for each epoch: {@link batches}, an array, or any (async) iterable
 * @throws DivergedError if a loss or gradient is not finite, or lr times the gradient's norm exceeds 1e30; the
 * parameters stay as they were before that step
 * @throws ArgumentError if there is no data, no parameter of the optimiser got a gradient, or a schedule needs a length
 * that the data do not have
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
 * const samples = arrayDataset({ inputs: new Float32Array(64), shape: [4], labels: new Int32Array(16) });
 * const data = batches(samples, { batchSize: 8, shuffle: true });
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
  const checked = checkFit(model, data, options);
  if (underway.has(model)) {
    throw new ArgumentError({
      where: "fit(model, data)",
      expected: "a model that is not being trained",
      received: "one in whose training another call of fit stands",
      cure: "Await that call first.",
    });
  }
  underway.add(model);
  try {
    return await trained(model, data, options, checked);
  } finally {
    underway.delete(model);
  }
}

/** Models whose training has begun and not ended: whoever forgets `await` would train one twice at once. */
const underway = new WeakSet<Module>();

async function trained<Target>(
  model: Module,
  data: Data<Target>,
  options: FitOptions<Target>,
  { lossOf, accumulate, steps }: CheckedFit<Target>,
): Promise<FitResult> {
  const { epochs, optimizer, schedule, signal, onStep, onEpoch, communicator = alone } = options;
  const clipNorm = options.clipNorm ?? Number.POSITIVE_INFINITY;
  const adaptiveClip = options.adaptiveClip ?? null;
  const stopping = options.earlyStopping === undefined ? null : new EarlyStopping(model, options.earlyStopping);
  const { average } = options;
  const plateau = schedule instanceof PlateauLr ? schedule : undefined;
  const companions = [stopping, average, plateau].filter(
    (one): one is Companion & typeof one => one !== null && one !== undefined,
  );
  const checkpoints =
    options.checkpoint === undefined
      ? null
      : new Checkpoints(model, data, optimizer, options.checkpoint, companions, options.validation?.generators);
  const { recalibrate: renewed = 0 } = options;
  const reports: EpochReport[] = [];
  checkLengths(data, communicator);
  broadcastState(model, communicator);
  model.train();
  optimizer.zeroGrad();
  const resumed = await checkpoints?.resume();
  checkTrained(optimizer);
  await refreshAll(model);
  /** Where the steps stand whose numbers have been told; those of a device may be one behind. */
  let at: Position = resumed?.position ?? startOf(0, 0);
  const trail = new Trail<() => Promise<void>>((tell) => tell());
  /** Between two steps. */
  const stopFor = async (stopper: number | null): Promise<void> => {
    if (stopper === null) return;
    await trail.drain();
    await checkpoints?.save(at);
    signal?.throwIfAborted();
    throw new DOMException(`fit(model, data): rank ${stopper} was told to stop`, "AbortError");
  };
  let isAsked = false;
  const wish = (): number => (signal?.aborted === true ? Wish.stop : isAsked ? Wish.end : Wish.goOn);
  let stopped: FitResult["stopped"] = null;
  const exchange = communicator.size === 1 ? null : new GradientExchange(optimizer.parameters, communicator);
  const retry = new Retry(model, optimizer);
  const meter = await retryOnce(() => new LagMeter(model));
  const gate = gateFor(optimizer, communicator);
  let lag: NormLag[] = [];
  let batchSize = 1;
  try {
    if (stopping?.isDone === true) stopped = "earlyStopping";
    for (let epoch = at.epoch; epoch < epochs && stopped === null; epoch++) {
      const started = performance.now() - at.seconds * 1000;
      const isResumed = epoch === resumed?.position.epoch;
      if (!isResumed) checkpoints?.mark(true);
      let { step } = at;
      for await (const group of inGroups(isResumed ? resumed.pass : data, accumulate)) {
        const where = `fit(model, data, { communicator }), step ${step}`;
        const told = group.map(({ inputs }) => muster(communicator, wish(), inputs.shape[0], where));
        await stopFor(told[0].stopper);
        if (told[0].isAsked) {
          stopped = "callback";
          break;
        }
        if (schedule instanceof PlateauLr) optimizer.lr = schedule.lr;
        else if (schedule !== undefined && steps !== null) optimizer.lr = schedule(step, steps);
        const { isLate, coming } = await trainStep(model, group, {
          lossOf,
          optimizer,
          clipNorm,
          adaptiveClip,
          step,
          parts: told.map(({ part }) => part),
          communicator,
          exchange,
          retry,
          gate,
        });
        average?.update();
        const own = { step, steps, epoch, lr: optimizer.lr };
        const tell = async (result: StepResult): Promise<void> => {
          const { loss, right, samples, gradientNorm } = result;
          const accuracy = accuracyOf(right);
          const answer = await onStep?.({ ...own, loss, accuracy, samples, gradientNorm });
          isAsked ||= answer === "stop";
          at = {
            epoch,
            batch: at.batch + group.length,
            step: own.step + 1,
            loss: at.loss + loss * samples,
            ...inPosition(addRight(rightOf(at), right)),
            samples: at.samples + samples,
            seconds: (performance.now() - started) / 1000,
          };
        };
        await trail.add(
          coming.then((judge) => async () => tell(await judge())),
          isLate,
        );
        step++;
        checkpoints?.mark(false);
        if (checkpoints?.isDue(step) !== true) continue;
        await trail.drain();
        // Callbacks may have drawn.
        checkpoints.mark(false);
        await checkpoints.save(at);
      }
      await trail.drain();
      await refreshAll(model);
      if (stopped !== null) {
        await checkpoints?.save(at);
        break;
      }
      await stopFor(stopsOn(communicator, wish()).stopper);
      const { samples, seconds } = at;
      if (samples === 0) {
        throw new ArgumentError({
          where: "fit(model, data)",
          expected: `samples in epoch ${epoch}`,
          received: "none",
          cure: "Pass data that can be gone through once for each epoch; a generator is spent after one pass.",
        });
      }
      warnOfLength(data, at);
      const accuracy = accuracyOf(rightOf(at));
      const own = { epoch, steps: step, loss: at.loss / samples, accuracy, samples, seconds };
      let report: EpochReport = own;
      try {
        if (options.validation !== undefined) {
          const { metrics } = options;
          const how = {
            loss: lossOf,
            communicator,
            ...(metrics === undefined ? {} : { metrics }),
            ...(signal === undefined ? {} : { signal }),
          };
          report = { ...own, validation: await evaluate(model, options.validation, how) };
        }
        isAsked ||= (await onEpoch?.(report)) === "stop";
      } catch (error) {
        // What it was told is told again after a resumption.
        if (signal?.aborted === true) await checkpoints?.save(at);
        throw error;
      }
      reports.push(report);
      const scores = report.validation ?? report;
      stopping?.update(epoch, scores);
      plateau?.update(scores);
      batchSize = samples / at.batch;
      at = startOf(epoch + 1, step);
      if (epoch === epochs - 1) break;
      if (stopsOn(communicator, isAsked ? Wish.end : Wish.goOn).isAsked) stopped = "callback";
      else if (stopping?.isDone === true) stopped = "earlyStopping";
    }
    lag = await meter.read();
  } catch (error) {
    // What a device has counted meanwhile; it may be lost.
    await refreshAll(model).catch(() => {});
    throw error;
  } finally {
    meter.close();
    gate?.dispose();
  }
  if (reports.length > 0 && at.batch === 0) {
    checkpoints?.mark(true);
    await checkpoints?.save(at);
  }
  const best = stopping?.best ?? null;
  // After the checkpoint, so that a longer run goes on from the last weights, as one that never stopped.
  stopping?.finish();
  const how = {
    communicator,
    ...(renewed === 0 ? {} : { samples: renewed }),
    ...(signal === undefined ? {} : { signal }),
  };
  if (renewed === 0) warnOfLag(lag, batchSize);
  else await recalibrate(model, data, { mode: "batch", ...how });
  await average?.recalibrate(data, how);
  return { epochs: reports, steps: at.step, lag, stopped, best };
}

/**
 * What lets a device decide whether steps are taken, so that it need not wait for the host; null where that is not
 * needed, or not possible.
 */
function gateFor({ parameters, heedsGate }: Optimizer, communicator: Communicator): Tensor | null {
  const [{ backend }] = parameters;
  const isOne = parameters.every((parameter) => parameter.backend === backend);
  if (backend.answersAtOnce || !heedsGate || !isOne || communicator.size > 1) return null;
  return upload("fit", backend, [2], Float64Array.of(1, 1), false);
}

/** @throws ArgumentError if the optimiser has nothing to change */
function checkTrained({ parameters }: Optimizer): void {
  if (parameters.some(({ requiresGrad }) => requiresGrad)) return;
  throw new ArgumentError({
    where: "fit(model, data, { optimizer })",
    expected: "a parameter that is trained",
    received: `${parameters.length} frozen ones`,
    cure: "Set requiresGrad of those to train.",
  });
}

/** Tells of data that say another length than they have. */
function warnOfLength({ length }: { readonly length?: number }, { epoch, batch }: Position): void {
  if (length === undefined || length === batch) return;
  const what = `epoch ${epoch} had ${batch} batches where data.length says ${length}`;
  warnOnce("fit length", `fit(model, data): ${what}, so schedules go by a wrong number of steps. Correct the length.`);
}

function startOf(epoch: number, step: number): Position {
  return { epoch, batch: 0, step, loss: 0, correct: 0, labels: 0, samples: 0, seconds: 0 };
}

/** Older checkpoints count samples, of which those with several labels are right in part. */
function rightOf({ correct, labels, samples }: Position): RightCounts | null {
  return correct === null ? null : { correct, labels: labels ?? samples };
}

function inPosition(right: RightCounts | null): Pick<Position, "correct" | "labels"> {
  return { correct: right?.correct ?? null, labels: right?.labels ?? 0 };
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
