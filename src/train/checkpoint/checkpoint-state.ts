import { isObject, type JsonObject } from "../../formats/json.js";
import type { GeneratorState } from "../../random.js";
import { shown } from "../../shown.js";

/** Where training stands between two steps, and what it has seen of the epoch. */
export interface Position {
  /** The epoch, counted from 0. */
  readonly epoch: number;
  /** Batches of the epoch that are done. */
  readonly batch: number;
  /** Steps that are done, over all epochs. */
  readonly step: number;
  /** Sum of the losses of the epoch's samples. */
  readonly loss: number;
  /** Right answers in the epoch; null where targets are not labels. */
  readonly correct: number | null;
  /** Of so many labels. Absent in files of 0.1.0, whose samples count. */
  readonly labels?: number;
  /** Samples seen in the epoch. */
  readonly samples: number;
  /** Time spent on the epoch. */
  readonly seconds: number;
}

/** Everything of a checkpoint that is no tensor; it survives JSON. */
export interface CheckpointState {
  readonly position: Position;
  /** Batches in a pass; null where that is not known. */
  readonly length: number | null;
  /** The optimiser's learning rate. */
  readonly lr: number;
  /** The generators at the start of the epoch's pass through the data. */
  readonly passStart: readonly GeneratorState[];
  /** The generators now. */
  readonly generators: readonly GeneratorState[];
  /** Paths of the modules in evaluation mode. */
  readonly evaluating: readonly string[];
  /** Paths of the parameters that are not trained. */
  readonly untrained: readonly string[];
  /**
   * Paths of what the optimiser changes, in its order; null for what is no parameter of the model. Absent in files of
   * 0.1.0.
   */
  readonly optimized?: readonly (string | null)[];
  /** What modules remember besides tensors, by path. */
  readonly extra: Readonly<Record<string, unknown>>;
  /**
   * What goes along with the training, by its key: early stopping, an average of the weights. Absent in files of 0.1.0.
   */
  readonly companions?: Readonly<Record<string, unknown>>;
  /** The user's own. */
  readonly note: unknown;
}

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Check = (value) => typeof value === "number" && value >= 0;
const isText: Check = (value) => typeof value === "string";
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

const isWord: Check = (value) => isCount(value) && (value as number) <= 0xffffffff;
const isGenerator: Check = (value) => Array.isArray(value) && value.length === 4 && value.every(isWord);

/** What each entry of a checkpoint's state must be; those of the position stand under its own name. */
const checks: Readonly<Record<string, readonly [check: Check, expected: string]>> = {
  "position.epoch": [isCount, "a count"],
  "position.batch": [isCount, "a count"],
  "position.step": [isCount, "a count"],
  // A sum that left float64 is null in JSON.
  "position.loss": [orNull((value) => typeof value === "number"), "a number"],
  // In files of 0.1.0 a sample with several labels may be right in part.
  "position.correct": [orNull(isNumber), "a number ≥ 0 or null"],
  "position.labels": [(value) => value === undefined || isCount(value), "a count"],
  "position.samples": [isCount, "a count"],
  "position.seconds": [isNumber, "a number ≥ 0"],
  length: [orNull(isCount), "a count or null"],
  lr: [isNumber, "a number ≥ 0"],
  passStart: [listOf(isGenerator), "a list of states of generators"],
  generators: [listOf(isGenerator), "a list of states of generators"],
  evaluating: [listOf(isText), "a list of paths"],
  untrained: [listOf(isText), "a list of paths"],
  optimized: [(value) => value === undefined || listOf(orNull(isText))(value), "a list of paths"],
  extra: [isObject, "an object"],
  companions: [(value) => value === undefined || isObject(value), "an object"],
  evenkeel: [isText, "a version"],
};

/** Refuses what no `fit()` wrote, though its checksum is right. `fault` makes the error. */
export function checkState(
  head: JsonObject,
  fault: (expected: string, received: string) => Error,
): CheckpointState & { readonly evenkeel: string } {
  for (const [path, [check, expected]] of Object.entries(checks)) {
    const value = path.split(".").reduce((part: unknown, name) => (isObject(part) ? part[name] : undefined), head);
    if (!check(value)) throw fault(`${expected} as ${path}`, shown(value));
  }
  const state = head as unknown as CheckpointState & { readonly evenkeel: string };
  const { passStart, generators, length, position } = state;
  if (passStart.length !== generators.length) throw fault(`${generators.length} states as passStart`, shown(passStart));
  if (length !== null && position.batch > length)
    throw fault(`at most ${length} as position.batch`, shown(position.batch));
  return state;
}
