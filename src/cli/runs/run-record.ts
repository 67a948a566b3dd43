import { resolve } from "node:path";
import type { Command } from "commander";
import { ArgumentError, EvenkeelError, FormatError } from "../../errors.js";
import { isObject } from "../../formats/json.js";
import { isBuiltIn } from "../../node/load-network.js";
import type { TrainFlags } from "../flags/train-flags.js";
import { resumption } from "./run-folder.js";

/** The flags that make a run what it is: kept in its checkpoint and its model, and the same when it is gone on with. */
export type RunRecord = Readonly<Record<string, unknown>>;

/** Flags that say where, how fast or what to write. `--data` may be named differently, if it is the same. */
const free = new Set([
  "out",
  "resume",
  "checkpointEvery",
  "threads",
  "mpiTimeout",
  "report",
  "watch",
  "findLearningRate",
]);

/** @param flags - with nothing left to chance: learning rate, seed */
export function recordOf(flags: TrainFlags): RunRecord {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => !free.has(name)));
}

/**
 * The record that a checkpoint or a model holds: a file may say anything.
 *
 * @param command - knows the flags, and how each is read
 * @throws FormatError if it is none
 */
export function checkRecord(command: Command, record: unknown, where: string): RunRecord {
  if (!isObject(record)) throw noRecord(where, JSON.stringify(record) ?? "none");
  for (const [name, value] of Object.entries(record)) {
    const option = command.options.find((one) => one.attributeName() === name);
    if (option === undefined || free.has(name)) throw noRecord(where, JSON.stringify(name));
    if (!isValue(value) || !isRead(option, value)) throw noRecord(where, `${name} ${JSON.stringify(value)}`);
  }
  return record;
}

/** Whether it is a number, text or switch, or a list or group of such. */
function isValue(value: unknown): boolean {
  const parts = typeof value === "object" && value !== null ? Object.values(value) : [value];
  return parts.every((part) => ["number", "string", "boolean"].includes(typeof part));
}

/**
 * Whether a flag, read from the command line, could have this value; lists and groups are checked where they are used.
 */
function isRead(option: Command["options"][number], value: unknown): boolean {
  if (option.isBoolean() || option.negate) return typeof value === "boolean";
  if (typeof value === "boolean") return false;
  if (typeof value === "object" || option.parseArg === undefined) return true;
  try {
    return option.parseArg(String(value), undefined) === value;
  } catch (error) {
    if (error instanceof EvenkeelError) return false;
    throw error;
  }
}

function noRecord(where: string, received: string): FormatError {
  const shown = received.length > 200 ? `${received.slice(0, 200)}…` : received;
  const cure = "Begin the run again in another --out.";
  return new FormatError({ where, expected: "the flags of a run of this version", received: shown, cure });
}

/** The flags that must be given again where a run is gone on with: a file never chooses which module is run. */
export function namedAgain({ model }: RunRecord): string[] {
  return typeof model === "string" && !isBuiltIn(model) ? ["--model", model] : [];
}

/**
 * The flags of a run that is gone on with: its own, and those given anew that may change.
 *
 * @param command - knows which flags were given
 * @throws ArgumentError naming every other flag that was given and is not as it was
 */
export function resumedFlags(command: Command, flags: TrainFlags, record: RunRecord, out: string): TrainFlags {
  const given = command.options.filter((option) => isGiven(command, option.attributeName()));
  const values: Readonly<Record<string, unknown>> = { ...flags };
  const mayChange = new Set([...free, "data", "backend", ...(record["schedule"] === "constant" ? ["epochs"] : [])]);
  const changed = given.flatMap((option) => {
    const name = option.attributeName();
    const [now, before] = [JSON.stringify(values[name]), JSON.stringify(record[name])];
    const isSame = now === before || (name === "model" && isSameModule(values[name], record[name]));
    return mayChange.has(name) || isSame ? [] : [`${option.long} ${now} (was ${before ?? "not given"})`];
  });
  if (changed.length > 0) {
    throw new ArgumentError({
      where: resumption(out),
      expected: "the flags with which the run began",
      received: changed.join(", "),
      cure:
        "Leave them out, or begin another run in another --out. " +
        "(--threads, --backend, --checkpoint-every and the place of --data may change; --epochs with --schedule constant only, since the others plan for its end.)",
    });
  }
  const anew = given.map((option) => option.attributeName()).filter((name) => mayChange.has(name));
  return { ...flags, ...record, ...Object.fromEntries(anew.map((name) => [name, values[name]])) };
}

/**
 * The same, of a run that is not finished.
 *
 * @throws ArgumentError also where the module of its network must be named again, and is not
 */
export function flagsToGoOn(command: Command, flags: TrainFlags, record: RunRecord, out: string): TrainFlags {
  const resumed = resumedFlags(command, flags, record, out);
  const named = namedAgain(record);
  if (named.length === 0 || isGiven(command, "model")) return resumed;
  throw new ArgumentError({
    where: resumption(out),
    expected: "--model again: a file must not choose which code runs",
    received: "none",
    cure: `If you trust what the run names: ${resumption(out, named)}.`,
  });
}

function isGiven(command: Command, name: string): boolean {
  return command.getOptionValueSource(name) === "cli";
}

function isSameModule(now: unknown, before: unknown): boolean {
  return typeof now === "string" && typeof before === "string" && !isBuiltIn(now) && resolve(now) === resolve(before);
}
