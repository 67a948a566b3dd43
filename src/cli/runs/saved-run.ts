import { DataError } from "../../errors.js";
import { describeModel } from "../../formats/model-file/save-model.js";
import { describeCheckpoint } from "../../train/checkpoint.js";
import type { RunFolder } from "./run-folder.js";
import type { RunRecord } from "./run-record.js";

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

/** The unfinished run of a folder; null if there is none. @throws FormatError if its checkpoint is damaged */
export function savedRun(folder: RunFolder): SavedRun | null {
  const { checkpoint } = folder;
  if (checkpoint === null) return null;
  const { note, epoch, step } = describeCheckpoint(checkpoint);
  return { ...(note as RunNote), checkpoint, epoch, step };
}

/** The flags of the finished run of a folder; null if there is none. */
export function finishedRun({ model }: RunFolder): RunRecord | null {
  return model === null ? null : (describeModel(model).meta.training ?? {});
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
