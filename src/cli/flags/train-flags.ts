import { ArgumentError } from "../../errors.js";
import { type NormName, normNames } from "../../networks/names.js";
import type { LrScaling } from "../../optim/schedules.js";
import type { CheckpointOptions } from "../../train/checkpoint/checkpoints.js";
import { backend } from "./backend-flag.js";
import { trainingData } from "./data-flags.js";
import { type FlagsOf, flag, withDefault } from "./flag.js";
import { loopFlags } from "./loop-flags.js";
import { batchSize, newModel } from "./model-flags.js";
import { count, number, oneOf } from "./parsers.js";

/** What `--schedule` names. */
const scheduleNames = ["one-cycle", "cosine", "cosine-restarts", "step", "plateau", "constant"] as const;
/** See {@link scheduleNames}. */
export type ScheduleName = (typeof scheduleNames)[number];

/** What `--lr-scaling` names. */
const lrScalings: readonly LrScaling[] = ["none", "linear", "root"];

/**
 * What `--optimizer` names. Of Adam, AdamW and SGD the highest learning rate that served them well in the main job; of
 * the others a usual one.
 */
export const defaultLr = {
  adam: 0.01,
  adamw: 0.01,
  sgd: 0.1,
  rmsprop: 0.001,
  adagrad: 0.01,
  lion: 0.001,
  lars: 1,
  lamb: 0.01,
} as const;

/** Samples in a step, for which {@link defaultLr} are. */
export const defaultBatchSize = 64;

/** A name of `--optimizer`. */
export type OptimizerName = keyof typeof defaultLr;
const optimizerNames = Object.keys(defaultLr) as OptimizerName[];

const group = "Training";

/** How the network of a name is normalised. */
const normFlags = [
  flag("--norm <kind>", {
    group: "Model",
    help: "batch, layer, instance, group, rms, none or another of docs/norms.md",
    initially: "its own",
    parse: oneOf(normNames),
  }),
  flag("--norm-momentum <m>", {
    group: "Model",
    help: "batch norm: weight of the old running value, in [0, 1)",
    initially: "0.99",
    parse: number(),
  }),
  flag("--norm-eps <eps>", {
    group: "Model",
    help: "number added to the variance under the root",
    initially: "1e-5, rms 1e-6",
    parse: number(),
  }),
  flag("--groups <n>", { group: "Model", help: "group norm: groups, at most", initially: "32", parse: count() }),
  flag("--virtual-batch-size <n>", {
    group: "Model",
    help: "ghost norm: samples normalised together",
    initially: "32",
    parse: count(2),
  }),
] as const;

const optimizationFlags = [
  withDefault({ ...batchSize, group, help: "samples in a step" }, defaultBatchSize),
  withDefault(flag("--epochs <n>", { group, help: "passes over the training data", parse: count() }), 3),
  flag("--lr <rate>", {
    group,
    help: "highest learning rate",
    initially: "0.01, sgd 0.1, lars 1, rmsprop and lion 0.001",
    parse: number(0),
  }),
  withDefault(
    flag("--lr-scaling <rule>", {
      group,
      help: `rule by which --lr follows the batch size, from ${defaultBatchSize} on: ${lrScalings.join(", ")}`,
      parse: oneOf(lrScalings),
    }),
    "none",
  ),
  withDefault(
    flag("--optimizer <name>", {
      group,
      help: `optimizer: ${optimizerNames.join(", ")}`,
      parse: oneOf(optimizerNames),
    }),
    "adam",
  ),
  withDefault(
    flag("--schedule <name>", {
      group,
      help: `rate: ${scheduleNames.join(", ")}`,
      parse: oneOf(scheduleNames),
    }),
    "one-cycle",
  ),
  withDefault(
    flag("--weight-decay <x>", { group, help: "weight decay; norm weights and biases have none", parse: number(0) }),
    0,
  ),
  flag("--recalibrate <samples>", {
    group,
    help: "renew the running statistics at the end, with so many training samples",
    initially: "off",
    parse: count(),
  }),
  flag("--seed <n>", {
    group,
    help: "seed: equal seeds give equal runs",
    initially: "drawn and reported",
    parse: count(0),
  }),
] as const;

/** What carries out the training: nothing of it changes the result but `--no-sync-bn`, and webgpu by rounding. */
const machineFlags = [
  flag("--threads <n>", {
    group,
    help: "number of threads",
    initially: "EVENKEEL_THREADS, or those of the machine, up to 8",
    parse: count(),
  }),
  { ...backend, group },
  flag("--no-sync-bn", { group, help: "under mpirun: batch norms use the statistics of each rank's own samples" }),
  flag("--mpi-timeout <seconds>", {
    group,
    help: "under mpirun: seconds that ranks wait for each other",
    initially: "60",
    option: "timeout",
    parse: number(),
  }),
] as const;

/** What a run keeps, and where. */
const runFlags = [
  flag("--out <folder>", { group: "Output", help: "folder to write to", initially: "runs/DATA, or runs/DATA-MODEL" }),
  flag("--resume", { group: "Output", help: "continue the unfinished run of --out, with its flags" }),
  withDefault(
    flag("--checkpoint-every <n|time>", {
      group: "Output",
      help: "interval between checkpoints: steps, or a time such as 30s or 5min",
      parse: interval,
    }),
    { everySeconds: 60 },
    "60s",
  ),
  flag("--log <kind>", {
    group: "Output",
    help: "log for another program: tensorboard writes an event file into --out",
    initially: "none",
    parse: oneOf(["tensorboard"]),
  }),
  flag("--watch", { group: "Output", help: "serve a page with live curves on this machine while training" }),
  flag("--no-report", { group: "Output", help: "write no report.html, and record nothing for it" }),
  flag("--find-learning-rate", {
    group: "Output",
    help: "search for a learning rate and print it, in the place of a run",
  }),
] as const;

/** The flags of `evenkeel train`. */
export const trainFlags = [
  ...trainingData,
  newModel,
  ...normFlags,
  ...optimizationFlags,
  ...loopFlags,
  ...machineFlags,
  ...runFlags,
] as const;

/** What the command line of `evenkeel train` says. */
export type GivenFlags = FlagsOf<typeof trainFlags>;

/**
 * The flags of a run, the norm being its network's own where none was given; one that is resumed has its data from its
 * record.
 */
export type TrainFlags = Omit<GivenFlags, "data" | "norm"> & { readonly data: string; readonly norm: NormName };

/** Reads how often to save: `500`, `30s` or `5min`. @throws ArgumentError if it is none of these */
function interval(text: string, where: string): Pick<CheckpointOptions, "everySteps" | "everySeconds"> {
  const [, amount, unit] = /^(\d+)(s|min)?$/.exec(text) ?? [];
  const value = Number(amount);
  if (value > 0) return unit === undefined ? { everySteps: value } : { everySeconds: value * (unit === "s" ? 1 : 60) };
  const expected = "a number of steps such as 500, or a time such as 30s or 5min";
  throw new ArgumentError({ where, expected, received: text, cure: "Pass one of these." });
}
