import type { Command } from "commander";
import { DataError, FormatError } from "../../errors.js";
import { isObject } from "../../formats/json.js";
import { describeModel } from "../../formats/model-file/save-model.js";
import { describeCheckpoint } from "../../train/checkpoint/checkpoint.js";
import type { RunFolder } from "./run-folder.js";
import { checkRecord, type RunRecord } from "./run-record.js";

/** What `evenkeel train` keeps in a checkpoint besides the training's own state. */
export interface RunNote {
  readonly record: RunRecord;
  /** What must not have changed of data and network, by name. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** How long the files of lines are. */
  readonly logs: Readonly<Record<string, number>>;
}

/** A run that can be gone on with. */
export interface SavedRun extends RunNote {
  readonly checkpoint: Uint8Array;
  readonly epoch: number;
  readonly step: number;
}

/**
 * The unfinished run of a folder; null if there is none.
 *
 * @param command - `train`, whose flags it holds
 * @throws FormatError if its checkpoint is damaged, or not of a run
 */
export function savedRun(folder: RunFolder, command: Command): SavedRun | null {
  const { checkpoint } = folder;
  if (checkpoint === null) return null;
  const { note, epoch, step } = describeCheckpoint(checkpoint);
  const { record, facts, logs } = checkNote(folder.path, note);
  return { record: checkRecord(command, record, folder.path), facts, logs, checkpoint, epoch, step };
}

function checkNote(where: string, note: unknown): Omit<RunNote, "record"> & { readonly record: unknown } {
  const { record, facts, logs } = (note ?? {}) as Partial<Record<keyof RunNote, unknown>>;
  if (isObject(facts) && isLengths(logs)) return { record, facts, logs };
  throw new FormatError({
    where,
    expected: "the checkpoint of a run of evenkeel train",
    received: "another",
    cure: "Go on from it in code: fit(model, data, { checkpoint: { from } }).",
  });
}

function isLengths(value: unknown): value is Readonly<Record<string, number>> {
  return isObject(value) && Object.values(value).every((one) => Number.isSafeInteger(one) && Number(one) >= 0);
}

/** The flags of the finished run of a folder; null if there is none. @throws FormatError if its model is damaged */
export function finishedRun({ path, model }: RunFolder, command: Command): RunRecord | null {
  return model === null ? null : checkRecord(command, describeModel(model).meta.training ?? {}, path);
}

/** @throws DataError if data or network are not those that the run began with */
export function checkFacts(before: RunNote["facts"], now: RunNote["facts"]): void {
  const other = Object.keys(now).filter((name) => JSON.stringify(now[name]) !== JSON.stringify(before[name]));
  if (other.length === 0) return;
  throw new DataError({
    where: "evenkeel train --resume",
    expected: "the data and the network with which the run began",
    received: `others: ${other.join(", ")}`,
    cure: "Put them back as they were, or begin another run in another --out.",
  });
}
