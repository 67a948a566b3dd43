import type { Command } from "commander";
import { ArgumentError } from "../../errors.js";
import type { TrainFlags } from "../flags/train-flags.js";
import { resumption } from "./run-folder.js";

/** The flags that make a run what it is: kept in its checkpoint and its model, and the same when it is gone on with. */
export type RunRecord = Readonly<Record<string, unknown>>;

/** Flags that say where, how fast or what to write. `--data` may be named differently, if it is the same. */
const free = new Set(["out", "resume", "checkpointEvery", "threads", "mpiTimeout", "report"]);

/** @param flags - with nothing left to chance: learning rate, seed */
export function recordOf(flags: TrainFlags): RunRecord {
  return Object.fromEntries(Object.entries(flags).filter(([name]) => !free.has(name)));
}

/**
 * The flags of a run that is gone on with: its own, and those given anew that may change.
 *
 * @param command - knows which flags were given
 * @throws ArgumentError naming every other flag that was given and is not as it was
 */
export function resumedFlags(command: Command, flags: TrainFlags, record: RunRecord, out: string): TrainFlags {
  const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === "cli");
  const values: Readonly<Record<string, unknown>> = { ...flags };
  const mayChange = new Set([...free, "data", ...(record["schedule"] === "constant" ? ["epochs"] : [])]);
  const changed = given.flatMap((option) => {
    const name = option.attributeName();
    const [now, before] = [JSON.stringify(values[name]), JSON.stringify(record[name])];
    return mayChange.has(name) || now === before ? [] : [`${option.long} ${now} (was ${before ?? "not given"})`];
  });
  if (changed.length > 0) {
    throw new ArgumentError({
      where: resumption(out),
      expected: "the flags with which the run began",
      received: changed.join(", "),
      cure:
        "Leave them out, or begin another run in another --out. " +
        "(--threads, --checkpoint-every and the place of --data may change; --epochs with --schedule constant only, since the others plan for its end.)",
    });
  }
  const anew = given.map((option) => option.attributeName()).filter((name) => mayChange.has(name));
  return { ...flags, ...record, ...Object.fromEntries(anew.map((name) => [name, values[name]])) };
}
