import { Command, Option } from "commander";
import { ArgumentError } from "../../errors.js";
import { normOptions } from "../../networks/networks.js";
import { type NormName, normNames, othersThatUse } from "../../networks/norms.js";
import type { Tensor } from "../../tensor.js";
import { Adam, AdamW } from "../../train/adam.js";
import type { CheckpointOptions } from "../../train/checkpoints.js";
import type { Optimizer } from "../../train/optimizer.js";
import { constantLr, cosineLr, type LrScaling, oneCycleLr, type Schedule, stepLr } from "../../train/schedules.js";
import { Sgd } from "../../train/sgd.js";
import { type DataFlags, dataOptions } from "./data-options.js";
import { networkOption } from "./model-options.js";
import { count, number, oneOf } from "./options.js";

/** What `--optimizer` names. */
export const optimizers = {
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

/** What `--schedule` names. */
export const schedules = {
  "one-cycle": (lr: number): Schedule => oneCycleLr(lr),
  cosine: (lr: number): Schedule => cosineLr(lr),
  step: (lr: number, steps: number): Schedule => stepLr(lr, { every: Math.max(1, Math.ceil(steps / 3)) }),
  constant: (lr: number): Schedule => constantLr(lr),
} as const;

/** What `--lr-scaling` names. */
const lrScalings: readonly LrScaling[] = ["none", "linear", "root"];

/** The highest learning rate that served each optimiser well in the main job. */
export const defaultLr = { adam: 0.01, adamw: 0.01, sgd: 0.1 } as const;

/** Samples in a step, for which {@link defaultLr} are. */
export const defaultBatchSize = 64;

/** What the command line of `evenkeel train` says. */
export interface TrainFlags extends DataFlags {
  readonly model?: string;
  readonly norm: NormName;
  readonly normMomentum?: number;
  readonly normEps?: number;
  readonly groups?: number;
  readonly virtualBatchSize?: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly lr?: number;
  readonly lrScaling: LrScaling;
  readonly optimizer: keyof typeof optimizers;
  readonly schedule: keyof typeof schedules;
  readonly weightDecay: number;
  readonly seed?: number;
  readonly threads?: number;
  readonly syncBn: boolean;
  readonly mpiTimeout?: number;
  readonly backend: "cpu" | "wasm";
  readonly out?: string;
  readonly checkpointEvery: Pick<CheckpointOptions, "everySteps" | "everySeconds">;
  readonly resume?: boolean;
  readonly report: boolean;
}

/** Reads how often to save: `500`, `30s` or `5min`. @throws ArgumentError if it is none of these */
function checkpointEvery(text: string): TrainFlags["checkpointEvery"] {
  const [, amount, unit] = /^(\d+)(s|min)?$/.exec(text) ?? [];
  const value = Number(amount);
  if (value > 0) return unit === undefined ? { everySteps: value } : { everySeconds: value * (unit === "s" ? 1 : 60) };
  const expected = "a number of steps such as 500, or a time such as 30s or 5min";
  throw new ArgumentError({ where: "--checkpoint-every", expected, received: text, cure: "Pass one of these." });
}

function words<Key extends string>(table: Readonly<Record<Key, unknown>>): Key[] {
  return Object.keys(table) as Key[];
}

/** A command that takes {@link TrainFlags}. */
export function trainFlags(): Command {
  const command = new Command("train").description(
    "Train a network on images, tables or arrays, and write the model and its metrics.",
  );
  return dataOptions(command)
    .addOption(networkOption())
    .option("--norm <kind>", `which normalisation: ${normNames.join(", ")}`, oneOf("--norm", normNames), "batch")
    .option(
      "--norm-momentum <m>",
      "batch norm: weight of the old running value, in [0, 1) (default: 0.99)",
      number("--norm-momentum"),
    )
    .option("--norm-eps <eps>", "added under the root (default: 1e-5, rms 1e-6)", number("--norm-eps"))
    .option("--groups <n>", "group norm: groups, at most (default: 32)", count("--groups"))
    .option(
      "--virtual-batch-size <n>",
      "ghost norm: samples normalised together (default: 32)",
      count("--virtual-batch-size", 2),
    )
    .option("--batch-size <n>", "samples in a step", count("--batch-size"), defaultBatchSize)
    .option("--epochs <n>", "passes over the training data", count("--epochs"), 3)
    .option("--lr <rate>", "learning rate, the highest of the schedule (default: 0.01, sgd 0.1)", number("--lr", 0))
    .option(
      "--lr-scaling <rule>",
      `how --lr follows a batch size other than ${defaultBatchSize}: ${lrScalings.join(", ")}`,
      oneOf("--lr-scaling", lrScalings),
      "none",
    )
    .option("--optimizer <name>", words(optimizers).join(", "), oneOf("--optimizer", words(optimizers)), "adam")
    .option("--schedule <name>", words(schedules).join(", "), oneOf("--schedule", words(schedules)), "one-cycle")
    .option("--weight-decay <x>", "not on norm weights and biases", number("--weight-decay", 0), 0)
    .option("--seed <n>", "equal seeds, equal runs (default: drawn and reported)", count("--seed", 0))
    .option(
      "--threads <n>",
      "threads to use (default: EVENKEEL_THREADS, or as many as the machine runs at once, up to 8)",
      count("--threads"),
    )
    .option("--no-sync-bn", "under mpirun: batch norms take statistics of each rank's own part of a batch")
    .option(
      "--mpi-timeout <seconds>",
      "under mpirun: how long ranks wait for each other before they say who is missing (default: 60)",
      number("--mpi-timeout"),
    )
    .option("--backend <name>", "wasm, cpu", oneOf("--backend", ["wasm", "cpu"] as const), "wasm")
    .option("--out <folder>", "where to write (default: runs/DATA, or runs/DATA-MODEL)")
    .option("--no-report", "write no report.html, and record nothing for it")
    .addOption(
      new Option(
        "--checkpoint-every <n|time>",
        "save where it stands after so many steps, or a time such as 30s or 5min",
      )
        .argParser(checkpointEvery)
        .default({ everySeconds: 60 }, "60s"),
    )
    .option("--resume", "go on with the unfinished run of --out, with its flags")
    .hook("preAction", (_, command) => refuseUnused(command));
}

/** A flag that the norm has no use for would be ignored, which is not what was meant: misuse. */
function refuseUnused(command: Command): void {
  const { norm } = command.opts<TrainFlags>();
  for (const [name, setting] of Object.entries(normOptions)) {
    const others = command.getOptionValue(name) === undefined ? null : othersThatUse(setting, norm);
    if (others === null) continue;
    const flag = command.options.find((option) => option.attributeName() === name)?.long;
    command.error(
      `error: ${flag}: expected a norm that has a use for it (${others}), got --norm ${norm}. Leave it out, or choose another norm.`,
    );
  }
}
