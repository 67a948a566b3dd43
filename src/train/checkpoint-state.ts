import { FormatError } from "../errors.js";
import type { GeneratorState } from "../random.js";

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
  /** What modules remember besides tensors, by path. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** The user's own. */
  readonly note: unknown;
}

type Check = (value: unknown) => boolean;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isWord: Check = (value) => isCount(value) && (value as number) <= 0xffffffff;
const isNumber: Check = (value) => Number.isFinite(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const isGenerator: Check = (value) => listOf(isWord)(value) && (value as unknown[]).length === 4;
const isText: Check = (value) => typeof value === "string";

const positionChecks: Readonly<Record<keyof Position, Check>> = {
  epoch: isCount,
  batch: isCount,
  step: isCount,
  loss: isNumber,
  correct: orNull(isCount),
  samples: isCount,
  seconds: isNumber,
};

const stateChecks: Readonly<Record<keyof Omit<CheckpointState, "position">, Check>> = {
  length: orNull(isCount),
  lr: isNumber,
  passStart: listOf(isGenerator),
  generators: listOf(isGenerator),
  evaluating: listOf(isText),
  untrained: listOf(isText),
  extra: isObject,
  note: () => true,
};

/** The state in a checkpoint whose checksum is right; whoever wrote it may have been another program. @throws FormatError if it is none */
export function checkState(head: Readonly<Record<string, unknown>>): CheckpointState {
  const { position } = head;
  const wrong =
    firstWrong(stateChecks, "", head) ??
    (isObject(position) ? firstWrong(positionChecks, "position.", position) : ["position", position]);
  if (wrong !== null) throw refuse(...wrong);
  const state = head as unknown as CheckpointState;
  if (state.passStart.length !== state.generators.length) throw refuse("passStart", state.passStart);
  if (state.length !== null && state.position.batch > state.length)
    throw refuse("position.batch", state.position.batch);
  return state;
}

function firstWrong(
  checks: Readonly<Record<string, Check>>,
  prefix: string,
  values: Readonly<Record<string, unknown>>,
): readonly [name: string, value: unknown] | null {
  const name = Object.keys(checks).find((one) => !checks[one](Object.hasOwn(values, one) ? values[one] : undefined));
  return name === undefined ? null : [prefix + name, values[name]];
}

function refuse(name: string, value: unknown): FormatError {
  const text = JSON.stringify(value) ?? "none";
  return new FormatError({
    where: "checkpoint",
    expected: "the state that fit() saves",
    received: `${name} ${text.length > 100 ? `${text.slice(0, 100)}…` : text}`,
    cure: "Use an older copy, or start anew.",
  });
}
