import { join } from "node:path";
import type { Command } from "commander";
import { setBackend } from "../backend/index.js";
import { DivergedError } from "../errors.js";
import { saveModel } from "../models/save-model.js";
import type { Module } from "../nn/module.js";
import { RunningNorm } from "../nn/running-norm.js";
import { seed } from "../random.js";
import { threads } from "../threads.js";
import { evaluate } from "../train/evaluate.js";
import { type EpochReport, fit } from "../train/fit.js";
import { onWarning } from "../warnings.js";
import { progress } from "./progress.js";
import { report } from "./report.js";
import { RunFolder } from "./run-folder.js";
import type { EpochMetrics, RunListener } from "./run-listener.js";
import { type TrainFlags, trainFlags } from "./train-flags.js";
import { prepareTraining, type Training } from "./training.js";

/** `evenkeel train` */
export function trainCommand(): Command {
  return trainFlags().action((flags: TrainFlags) => train(flags));
}

/** After the data and, if it is named, the network. */
function defaultName({ data, model }: TrainFlags): string {
  return (model === undefined ? data : `${data}-${model}`).replaceAll(/[^\w-]+/g, "-");
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function warn(line: string): void {
  process.stderr.write(`evenkeel: warning: ${line}\n`);
}

async function train(flags: TrainFlags): Promise<void> {
  const out = flags.out ?? join("runs", defaultName(flags));
  onWarning(warn);
  const { reason } = await threads(flags.threads);
  if (reason !== null) warn(`--threads ${flags.threads}: ${reason}`);
  setBackend(flags.backend);
  if (flags.seed !== undefined) seed(flags.seed);
  const training = await prepareTraining(flags, out);
  say(training.summary);
  const folder = new RunFolder(out);
  const metrics = folder.log("metrics.jsonl");
  const listeners: RunListener[] = [
    progress(training.epochs, training.data.length, process.stdout),
    { epoch: (line) => metrics.append(JSON.stringify(line)) },
    ...(flags.report ? [report(training, folder)] : []),
  ];
  try {
    const last = await run(training, listeners);
    warnIfStale(training.model, last.steps);
    const file = folder.write("model.safetensors", saveModel(training.model, training.meta));
    say(`wrote ${file} and ${metrics.path}`);
    say(await training.verdict(last));
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.stderr.write("evenkeel: interrupted; the model of the unfinished run was not written\n");
    process.exitCode = 130;
  } finally {
    for (const listener of listeners) listener.close?.();
    folder.close();
  }
}

/** Trains to the end, or until Ctrl-C. @returns what is known after the last epoch @throws Interrupted */
async function run(training: Training, listeners: readonly RunListener[]): Promise<EpochMetrics> {
  const { model, data, validationData, testData, epochs, optimizer, schedule, loss } = training;
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new Interrupted());
  process.once("SIGINT", interrupt);
  let last: EpochMetrics | undefined;
  try {
    await fit(model, data, {
      epochs,
      optimizer,
      schedule,
      loss,
      signal: abort.signal,
      async onStep(report) {
        for (const listener of listeners) await listener.step?.(report);
        // Lets Ctrl-C and the terminal have their turn.
        await new Promise((resolve) => setImmediate(resolve));
      },
      async onEpoch(report) {
        const measure = { loss, signal: abort.signal };
        const test = await evaluate(model, testData, measure);
        if (!Number.isFinite(test.loss)) throw notFinite(test.loss, report);
        const validation = validationData === null ? null : await evaluate(model, validationData, measure);
        last = { ...report, ...(validation === null ? {} : { validation }), test };
        for (const listener of listeners) await listener.epoch?.(last);
      },
    });
    for (const listener of listeners) await listener.finish?.();
  } finally {
    process.removeListener("SIGINT", interrupt);
  }
  if (last === undefined) throw new Error("internal: a run without an epoch");
  return last;
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

/** Ctrl-C. */
class Interrupted extends Error {}

/** After so few steps, how much of the initial mean 0 and variance 1 the running statistics still hold: momentum^steps. */
function warnIfStale(model: Module, steps: number): void {
  const momenta = model
    .namedModules()
    .flatMap(([, module]) => (module instanceof RunningNorm && module.runningMean !== null ? [module.momentum] : []));
  const largest = Math.max(0, ...momenta.filter((momentum) => momentum !== "cumulative"));
  const left = largest ** steps;
  if (left <= 0.01) return;
  warn(
    `running statistics are stale: momentum ${largest} over ${steps} steps leaves ${(100 * left).toFixed(0)} % of ` +
      "their initial values. Train longer, or lower --norm-momentum.",
  );
}
