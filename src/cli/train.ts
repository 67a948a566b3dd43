import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { setBackend } from "../backend/index.js";
import { batches } from "../data/batches.js";
import { DivergedError } from "../errors.js";
import { type NormName, normNames } from "../models/norms.js";
import { saveModel } from "../models/save-model.js";
import type { Module } from "../nn/module.js";
import { RunningNorm } from "../nn/running-norm.js";
import { writeWhole } from "../node/files.js";
import { loadImageData } from "../node/image-data.js";
import { loadNetwork, recordNetwork } from "../node/load-network.js";
import { currentSeed, seed as setSeed } from "../random.js";
import type { Tensor } from "../tensor.js";
import { threads } from "../threads.js";
import { Adam, AdamW } from "../train/adam.js";
import { type Evaluation, evaluate } from "../train/evaluate.js";
import { type EpochReport, fit } from "../train/fit.js";
import type { Optimizer } from "../train/optimizer.js";
import { constantLr, cosineLr, oneCycleLr, type Schedule, stepLr } from "../train/schedules.js";
import { Sgd } from "../train/sgd.js";
import { onWarning } from "../warnings.js";
import { networkOption } from "./model-options.js";
import { count, number, oneOf } from "./options.js";
import { createProgress, formatSeconds } from "./progress.js";

const optimizers = {
  adam: (parameters: Tensor[], lr: number, weightDecay: number): Optimizer =>
    new Adam(parameters, { lr, weightDecay, decays: isMatrix }),
  adamw: (parameters: Tensor[], lr: number, weightDecay: number): Optimizer =>
    new AdamW(parameters, { lr, weightDecay, decays: isMatrix }),
  sgd: (parameters: Tensor[], lr: number, weightDecay: number): Optimizer =>
    new Sgd(parameters, { lr, weightDecay, momentum: 0.9, decays: isMatrix }),
} as const;

/** Norm weights and biases do not decay. */
function isMatrix(parameter: Tensor): boolean {
  return parameter.rank > 1;
}

const schedules = {
  "one-cycle": (lr: number): Schedule => oneCycleLr(lr),
  cosine: (lr: number): Schedule => cosineLr(lr),
  step: (lr: number, steps: number): Schedule => stepLr(lr, { every: Math.max(1, Math.ceil(steps / 3)) }),
  constant: (lr: number): Schedule => constantLr(lr),
} as const;

/** The highest learning rate that served each optimiser well in the main job. */
const defaultLr = { adam: 0.01, adamw: 0.01, sgd: 0.1 } as const;

interface TrainFlags {
  readonly data: string;
  readonly model: string;
  readonly norm: NormName;
  readonly normMomentum?: number;
  readonly normEps?: number;
  readonly groups?: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly lr?: number;
  readonly optimizer: keyof typeof optimizers;
  readonly schedule: keyof typeof schedules;
  readonly weightDecay: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly backend: "cpu" | "wasm";
  readonly out?: string;
}

function words<Key extends string>(table: Readonly<Record<Key, unknown>>): Key[] {
  return Object.keys(table) as Key[];
}

/** `evenkeel train` */
export function trainCommand(): Command {
  return new Command("train")
    .description("Train a network on labelled images, and write the model and its metrics.")
    .requiredOption("--data <name|folder>", "mnist, fashion-mnist, or a folder with MNIST's four IDX files")
    .addOption(networkOption())
    .option("--norm <kind>", `which normalisation: ${normNames.join(", ")}`, oneOf("--norm", normNames), "batch")
    .option(
      "--norm-momentum <m>",
      "batch norm: weight of the old running value, in [0, 1) (default: 0.99)",
      number("--norm-momentum"),
    )
    .option("--norm-eps <eps>", "added under the root (default: 1e-5, rms 1e-6)", number("--norm-eps"))
    .option("--groups <n>", "group norm: groups, at most (default: 32)", count("--groups"))
    .option("--batch-size <n>", "samples in a step", count("--batch-size"), 64)
    .option("--epochs <n>", "passes over the training data", count("--epochs"), 3)
    .option("--lr <rate>", "learning rate, the highest of the schedule (default: 0.01, sgd 0.1)", number("--lr"))
    .option("--optimizer <name>", words(optimizers).join(", "), oneOf("--optimizer", words(optimizers)), "adam")
    .option("--schedule <name>", words(schedules).join(", "), oneOf("--schedule", words(schedules)), "one-cycle")
    .option("--weight-decay <x>", "not on norm weights and biases", number("--weight-decay"), 0)
    .option("--seed <n>", "equal seeds, equal runs (default: drawn and reported)", count("--seed", 0))
    .option(
      "--threads <n>",
      "threads to use (default: EVENKEEL_THREADS, or as many as the machine runs at once, up to 8)",
      count("--threads"),
    )
    .option("--backend <name>", "wasm, cpu", oneOf("--backend", ["wasm", "cpu"] as const), "wasm")
    .option("--out <folder>", "where to write (default: runs/DATA-MODEL)")
    .action((flags: TrainFlags) => train(flags));
}

interface Metrics extends EpochReport {
  readonly test: Evaluation;
}

async function train(flags: TrainFlags): Promise<void> {
  const out = flags.out ?? join("runs", `${flags.data}-${flags.model}`.replaceAll(/[^\w-]+/g, "-"));
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`);
  };
  onWarning((message) => process.stderr.write(`evenkeel: warning: ${message}\n`));
  const { reason } = await threads(flags.threads);
  if (reason !== null) process.stderr.write(`evenkeel: warning: --threads ${flags.threads}: ${reason}\n`);
  setBackend(flags.backend);
  if (flags.seed !== undefined) setSeed(flags.seed);
  const seed = currentSeed();

  const buildNetwork = await loadNetwork(flags.model);
  const { train: trainData, test: testData, inputShape, classes, preprocessing } = loadImageData(flags.data);
  const { norm, normMomentum, normEps, groups } = flags;
  const networkOptions = { inputShape, classes, norm, normMomentum, normEps, groups };
  const model = await buildNetwork(networkOptions);
  const lr = flags.lr ?? defaultLr[flags.optimizer];
  const optimizer = optimizers[flags.optimizer](model.parameters(), lr, flags.weightDecay);
  const data = batches(trainData, { batchSize: flags.batchSize, shuffle: true });
  const testBatches = batches(testData, { batchSize: 500 });
  const schedule = schedules[flags.schedule](lr, data.length * flags.epochs);

  const size = model.parameters().reduce((total, parameter) => total + parameter.size, 0);
  say(
    `${flags.model}, norm ${norm}, ${size} parameters; ${trainData.length} training and ${testData.length} test images; seed ${seed}`,
  );
  const progress = createProgress(flags.epochs, data.length, process.stdout);
  const abort = new AbortController();
  const interrupt = (): void => abort.abort(new Interrupted());
  process.once("SIGINT", interrupt);
  const lines: Metrics[] = [];
  const madeFolder = mkdirSync(out, { recursive: true }) !== undefined;
  try {
    await fit(model, data, {
      epochs: flags.epochs,
      optimizer,
      schedule,
      signal: abort.signal,
      async onStep(report) {
        progress.step(report);
        // Lets Ctrl-C and the terminal have their turn.
        await new Promise((resolve) => setImmediate(resolve));
      },
      async onEpoch(report) {
        progress.epoch(report);
        const test = await evaluate(model, testBatches, { signal: abort.signal });
        if (!Number.isFinite(test.loss)) throw notFinite(test.loss, report);
        lines.push({ ...report, test });
        writeWhole(join(out, "metrics.jsonl"), `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
        say(
          `epoch ${report.epoch + 1}/${flags.epochs}: loss ${report.loss.toFixed(4)}, accuracy ${report.accuracy?.toFixed(4)}, ` +
            `test loss ${test.loss.toFixed(4)}, test accuracy ${test.accuracy?.toFixed(4)}, ${formatSeconds(report.seconds)}`,
        );
      },
    });
  } catch (error) {
    progress.stop();
    if (madeFolder && lines.length === 0) rmSync(out, { recursive: true });
    if (!(error instanceof Interrupted)) throw error;
    process.stderr.write("evenkeel: interrupted; the model of the unfinished run was not written\n");
    process.exitCode = 130;
    return;
  } finally {
    process.removeListener("SIGINT", interrupt);
  }
  warnIfStale(model, lines.at(-1)?.steps ?? 0);
  const { data: source, batchSize, epochs, weightDecay } = flags;
  const training = {
    data: source,
    seed,
    batchSize,
    epochs,
    lr,
    weightDecay,
    optimizer: flags.optimizer,
    schedule: flags.schedule,
  };
  const names = Array.from({ length: classes }, (_, label) => String(label));
  const network = recordNetwork(flags.model, out, networkOptions);
  const meta = { task: "classification", inputShape, preprocessing, classes: names, network, training } as const;
  writeWhole(join(out, "model.safetensors"), saveModel(model, meta));
  say(`wrote ${join(out, "model.safetensors")} and ${join(out, "metrics.jsonl")}`);
  say(`test accuracy ${lines.at(-1)?.test.accuracy?.toFixed(4)}`);
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
  process.stderr.write(
    `evenkeel: warning: running statistics are stale: momentum ${largest} over ${steps} steps leaves ${(100 * left).toFixed(0)} % of ` +
      "their initial values. Train longer, or lower --norm-momentum.\n",
  );
}
