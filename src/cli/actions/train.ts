import { join } from "node:path";
import type { Command } from "commander";
import type { Communicator } from "../../communicator.js";
import { broadcastValue } from "../../distributed/broadcast-value.js";
import { checkSameOnRanks } from "../../distributed/check-same-on-ranks.js";
import { DivergedError } from "../../errors.js";
import { saveModel } from "../../formats/model-file/save-model.js";
import { copyTo } from "../../graph/copy-to.js";
import { joinRanks } from "../../mpi/join-ranks.js";
import { defaultNorm } from "../../networks/named-networks.js";
import type { NormName } from "../../networks/names.js";
import { normOptions } from "../../networks/networks.js";
import { othersThatUse } from "../../networks/norms.js";
import type { Module } from "../../nn/module.js";
import type { Ending } from "../../pages/training/training-report.js";
import { currentSeed, seed } from "../../random.js";
import { threads } from "../../threads.js";
import { describeCheckpoint } from "../../train/checkpoint/checkpoint.js";
import type { CheckpointOptions } from "../../train/checkpoint/checkpoints.js";
import { evaluate } from "../../train/evaluate.js";
import { fit } from "../../train/fit.js";
import type { EpochReport, FitResult } from "../../train/fit-options.js";
import { onWarning } from "../../warnings.js";
import { defaultLr, type GivenFlags, type TrainFlags } from "../flags/train-flags.js";
import { Interrupted, type Interruption, watchInterruption } from "../interruption.js";
import { describeError } from "../print/error.js";
import { progress } from "../print/progress.js";
import { printWarning } from "../print/warning.js";
import { searchLearningRate } from "../runs/learning-rate-search.js";
import { live } from "../runs/live.js";
import { historyName, report } from "../runs/report.js";
import { eventsName, RunFolder } from "../runs/run-folder.js";
import type { EpochMetrics, RunListener } from "../runs/run-listener.js";
import { flagsToGoOn, namedAgain, recordOf, resumedFlags } from "../runs/run-record.js";
import { checkFacts, finishedRun, type SavedRun, savedRun } from "../runs/saved-run.js";
import { tensorboard } from "../runs/tensorboard.js";
import { prepareTraining, type Training } from "../runs/training.js";
import { turn, unhurried } from "../unhurried.js";
import { useBackend } from "../use-backend.js";

/** The norm that was asked for, or the network's own. */
function normOf({ norm, model = "" }: Pick<GivenFlags, "norm" | "model">): NormName {
  return norm ?? defaultNorm(model);
}

/** A flag that the norm has no use for would be ignored, which is not what was meant: misuse. */
function refuseUnused(self: Command): void {
  const norm = normOf(self.opts<GivenFlags>());
  for (const [name, setting] of Object.entries(normOptions)) {
    const others = self.getOptionValue(name) === undefined ? null : othersThatUse(setting, norm);
    if (others === null) continue;
    const flag = self.options.find((option) => option.attributeName() === name)?.long;
    self.error(
      `error: ${flag}: expected a norm that has a use for it (${others}), got --norm ${norm}. Leave it out, or choose another norm.`,
    );
  }
}

/** Under runs/, after the data and, if it is named, the network. */
function folderOf({ out, data, model }: TrainFlags): string {
  return out ?? join("runs", (model === undefined ? data : `${data}-${model}`).replaceAll(/[^\w-]+/g, "-"));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What `evenkeel train` does. */
export async function train(flags: GivenFlags, self: Command): Promise<void> {
  refuseUnused(self);
  const given = { ...flags, norm: normOf(flags) } as TrainFlags;
  if (given.data === undefined && (given.resume !== true || given.out === undefined)) {
    self.error(`error: required option '${given.resume ? "--out <folder>" : "--data <source>"}' not specified`);
  }
  const communicator = await joinRanks(given.mpiTimeout);
  checkSameOnRanks(communicator, "flags", flagsOf(given, self));
  const interruption = watchInterruption();
  if (given.findLearningRate === true) return findRate(given, self, communicator, interruption);
  if (communicator.rank > 0) return trainAlong(communicator, interruption);
  const folder = new RunFolder(folderOf(given));
  const close = (): void => folder.close();
  process.once("exit", close);
  try {
    if (folder.wasLeft) printWarning(`${folder.path}: the last run here ended without releasing it`);
    const saved = given.resume === true ? savedRun(folder, self) : null;
    const finished = given.resume === true && saved === null ? finishedRun(folder, self) : null;
    const flags = saved === null ? given : goingOn(flagsToGoOn(self, given, saved.record, folder.path), saved);
    if (finished !== null) {
      resumedFlags(self, given, finished, folder.path);
      say(`${folder.path}: this run is finished; there is nothing to resume`);
      return;
    }
    if (given.resume === true && saved === null) {
      if (given.data === undefined) self.error(`error: no run in ${folder.path} to resume, and no --data to start one`);
      printWarning(`${folder.path}: no run to resume; starting one`);
    }
    folder.checkFree({ report: flags.report, events: flags.log !== undefined, isResumed: saved !== null });
    await trainIn(folder, flags, saved, interruption, communicator, self);
  } finally {
    interruption.release();
    process.removeListener("exit", close);
    folder.close();
  }
}

/** A run that began without a report goes on without one. */
function goingOn(flags: TrainFlags, { logs }: SavedRun): TrainFlags {
  return { ...flags, report: flags.report && Object.hasOwn(logs, historyName) };
}

/** `--find-learning-rate`: a search in the place of a run. */
async function findRate(
  given: TrainFlags,
  self: Command,
  { size }: Communicator,
  interruption: Interruption,
): Promise<void> {
  if (given.resume === true) self.error("error: --find-learning-rate: expected a run to begin, got --resume");
  if (size > 1) self.error(`error: --find-learning-rate: expected one process, got ${size} ranks`);
  try {
    await useMachine(given);
    if (given.seed !== undefined) seed(given.seed);
    interruption.defer();
    await searchLearningRate(given, interruption.signal, say);
  } catch (error) {
    if (!isStop(error)) throw error;
    process.exitCode = stopCode(error);
  } finally {
    interruption.release();
  }
}

/** Threads and backend as flags ask for them. @returns what to say of a GPU; null where there is none */
async function useMachine({ threads: wanted, backend }: TrainFlags): Promise<string | null> {
  const { reason } = await threads(wanted);
  if (reason !== null) printWarning(`--threads ${wanted}: ${reason}`);
  return useBackend(backend);
}

/** What a command line says, by its flags. */
function flagsOf(given: TrainFlags, { options }: Command): Readonly<Record<string, unknown>> {
  const values: Readonly<Record<string, unknown>> = { ...given };
  return Object.fromEntries(options.map((option) => [option.long ?? option.name(), values[option.attributeName()]]));
}

/** What rank 0 tells the others of a run: its flags, and the checkpoint (base64) to go on from. */
interface SharedRun {
  readonly flags: TrainFlags;
  readonly checkpoint: string | null;
}

/** Trains with rank 0, which alone speaks and writes. */
async function trainAlong(communicator: Communicator, interruption: Interruption): Promise<void> {
  onWarning(() => {});
  const { flags, checkpoint } = broadcastValue<SharedRun>(communicator, null);
  await useBackend(flags.backend);
  if (flags.threads !== undefined) await threads(flags.threads);
  seed(flags.seed ?? 0);
  const training = await prepareTraining(flags, {}, "", communicator);
  checkSameOnRanks(communicator, "data and network", training.facts);
  const from = checkpoint === null ? null : Uint8Array.from(Buffer.from(checkpoint, "base64"));
  interruption.defer();
  try {
    await run(training, [], { from, note: () => null, save() {} }, interruption.signal);
    await measureRenewed(training, interruption.signal);
  } catch (error) {
    if (!isStop(error)) throw error;
    process.exitCode = stopCode(error);
  }
}

/** Begins a run, or goes on with one, to its end or to an interruption. */
async function trainIn(
  folder: RunFolder,
  given: TrainFlags,
  saved: SavedRun | null,
  interruption: Interruption,
  communicator: Communicator,
  self: Command,
): Promise<void> {
  const gpu = await useMachine(given);
  if (given.seed !== undefined) seed(given.seed);
  const flags = { ...given, lr: given.lr ?? defaultLr[given.optimizer], seed: currentSeed() };
  const record = saved === null ? recordOf(flags) : { ...saved.record, epochs: flags.epochs, backend: flags.backend };
  folder.named = namedAgain(record);
  const checkpointText = saved === null ? null : Buffer.from(saved.checkpoint).toString("base64");
  broadcastValue<SharedRun>(communicator, { flags, checkpoint: checkpointText });
  const training = await prepareTraining(flags, record, folder.path, communicator);
  checkSameOnRanks(communicator, "data and network", training.facts);
  const ranks = communicator.size === 1 ? [] : [`${communicator.size} ranks`];
  say([training.summary, ...ranks, ...(gpu === null ? [] : [gpu])].join("; "));
  const left = saved === null ? folder.checkpoint : null;
  if (saved !== null) {
    checkFacts(saved.facts, training.facts);
    folder.resume(saved.logs);
    say(`resuming in epoch ${Math.min(saved.epoch + 1, flags.epochs)}/${flags.epochs}, after step ${saved.step}`);
  } else if (left !== null) {
    printWarning(`${folder.path} holds an unfinished run, which this one replaces as soon as it has something to save`);
  }
  const metrics = folder.log("metrics.jsonl");
  let last: EpochMetrics | null = null;
  const listeners: RunListener[] = [
    progress(training.epochs, training.stepsPerEpoch, process.stdout),
    {
      step: () => folder.checkPlace(),
      epoch(line) {
        last = line;
        metrics.append(JSON.stringify(line));
      },
    },
    ...(flags.log === undefined ? [] : [tensorboard(folder, Object.hasOwn(saved?.logs ?? {}, eventsName))]),
    ...(flags.report ? [report(training, folder, saved?.step ?? 0, printWarning, say)] : []),
    ...(flags.watch ? [await live(training, folder.path, say)] : []),
  ];
  const checkpoint: CheckpointOptions = {
    ...flags.checkpointEvery,
    from: saved?.checkpoint ?? null,
    note() {
      // The unfinished run that was there is worth more than the first moments of this one.
      if (left !== null && !folder.begun) interruption.signal.throwIfAborted();
      return { record, facts: training.facts, logs: folder.mark() };
    },
    save: (bytes) => folder.save(bytes),
  };
  try {
    interruption.defer();
    const { told, lag } = await run(training, listeners, checkpoint, interruption.signal);
    if (told !== null) say(told);
    const file = folder.saveModel(saveModel(await onHost(training.model), training.meta));
    say(`wrote ${file} and ${metrics.path}`);
    for (const listener of listeners) await listener.finish?.(lag);
    folder.finish();
    // A run that was killed between its last checkpoint and its model has no epoch left.
    last ??= metricsIn(metrics.lines().at(-1));
    const renewed = await measureRenewed(training, interruption.signal);
    if (last !== null) say(await training.verdict({ ...last, ...renewed }));
  } catch (error) {
    if (error instanceof DivergedError) {
      const told = folder.begun && folder.checkpoint !== null ? withCheckpoint(error, folder) : error;
      await stopAll(listeners, { kind: "diverged", text: describeError(told, self, false) });
      throw told;
    }
    if (!isStop(error)) throw error;
    const text = whereStopped(folder, flags.epochs);
    await stopAll(listeners, { kind: "interrupted", text: `${text}.` });
    process.stderr.write(`evenkeel: ${text}\n`);
    process.exitCode = stopCode(error);
  } finally {
    for (const listener of listeners) listener.close?.();
  }
}

/** Tells listeners of an early end; what fails here must not hide why the run ended. */
async function stopAll(listeners: readonly RunListener[], ending: Ending): Promise<void> {
  try {
    for (const listener of listeners) await listener.stop?.(ending);
  } catch (error) {
    printWarning(`report.html is not written. ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A model whose values a file can hold at once. */
async function onHost(model: Module): Promise<Module> {
  return model.parameters().every(({ backend }) => backend.answersAtOnce) ? model : copyTo(model, "wasm");
}

/** The metrics of a line; null where somebody has changed it. */
function metricsIn(line = ""): EpochMetrics | null {
  try {
    const metrics = JSON.parse(line);
    return typeof metrics?.test?.loss === "number" ? metrics : null;
  } catch {
    return null;
  }
}

/**
 * Trains to the end.
 *
 * @returns what to say of it, if anything, and how far the running statistics lag
 * @throws Interrupted if the signal is aborted, after a checkpoint
 */
async function run(
  training: Training,
  listeners: readonly RunListener[],
  checkpoint: CheckpointOptions,
  signal: AbortSignal,
): Promise<{ readonly told: string | null; readonly lag: FitResult["lag"] }> {
  const { model, data, validationData, epochs, optimizer, schedule, loss, recalibrate, communicator, loop } = training;
  const { metrics, ...others } = loop;
  const { best, stopped, steps, lag } = await fit(model, data, {
    ...{ epochs, optimizer, schedule, loss, recalibrate, ...others },
    ...(validationData === null ? {} : { validation: { [Symbol.asyncIterator]: () => unhurried(validationData) } }),
    ...(validationData === null || metrics === undefined ? {} : { metrics }),
    signal,
    checkpoint,
    communicator,
    async onStep(report) {
      for (const listener of listeners) await listener.step?.(report);
      await turn();
    },
    async onEpoch(report) {
      const metrics = { ...report, test: (await measure({ ...training, validationData: null }, signal)).test };
      if (!Number.isFinite(metrics.test.loss)) throw notFinite(metrics.test.loss, report);
      for (const listener of listeners) await listener.epoch?.(metrics);
    },
  });
  if (loop.average !== undefined) {
    const state = loop.average.model.stateDict();
    model.loadStateDict(state);
    for (const t of Object.values(state)) t.dispose();
  }
  const early =
    stopped === "earlyStopping" ? `stopped early, after ${Math.round(steps / training.stepsPerEpoch)} epochs; ` : "";
  if (loop.average !== undefined)
    return { told: `${early}the weights are the average of ${loop.average.averaged} steps`, lag };
  const told =
    best === null
      ? null
      : `${early}the weights are those of epoch ${best.epoch + 1}, validation ${loop.earlyStopping?.monitor} ${best.value.toFixed(4)}`;
  return { told, lag };
}

/** How good the model is now. */
async function measure(
  { model, validationData, testData, loss, communicator, loop: { metrics } }: Training,
  signal: AbortSignal,
): Promise<Pick<EpochMetrics, "validation" | "test">> {
  const how = { loss, signal, communicator, ...(metrics === undefined ? {} : { metrics }) };
  const test = await evaluate(model, unhurried(testData), how);
  if (validationData === null) return { test };
  return { validation: await evaluate(model, unhurried(validationData), how), test };
}

/** How good the model is where it is no longer that of the last epoch; ranks measure together. */
async function measureRenewed(
  training: Training,
  signal: AbortSignal,
): Promise<Partial<Pick<EpochMetrics, "validation" | "test">>> {
  const { earlyStopping, average } = training.loop;
  const isRenewed = training.recalibrate > 0 || earlyStopping !== undefined || average !== undefined;
  return isRenewed ? measure(training, signal) : {};
}

/** Whether a run ended because it was told to, here or on another rank. */
function isStop(error: unknown): boolean {
  return error instanceof Interrupted || (error instanceof DOMException && error.name === "AbortError");
}

function stopCode(error: unknown): number {
  return error instanceof Interrupted ? error.code : 143;
}

function whereStopped(folder: RunFolder, epochs: number): string {
  if (!folder.begun || folder.checkpoint === null) return "interrupted before anything was saved";
  const { epoch, step } = describeCheckpoint(folder.checkpoint);
  return `interrupted in epoch ${epoch + 1}/${epochs}, after step ${step}. Go on with: ${folder.resumption}`;
}

function withCheckpoint(error: DivergedError, folder: RunFolder): DivergedError {
  const { step } = describeCheckpoint(folder.checkpoint ?? new Uint8Array());
  const cure =
    `${error.cure} The checkpoint of step ${step} in ${folder.path} is finite: begin again with other flags, or go on ` +
    "from it in code with another schedule, fit(model, data, { checkpoint: { from } }).";
  return new DivergedError({ ...error, cure });
}

function notFinite(loss: number, { epoch, steps }: EpochReport): DivergedError {
  return new DivergedError({
    where: `evenkeel train, epoch ${epoch + 1}`,
    expected: "a finite test loss",
    received: String(loss),
    cure: "Lower --lr.",
    step: steps,
    layer: null,
  });
}
