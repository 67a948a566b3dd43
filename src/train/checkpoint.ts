import { FormatError } from "../errors.js";
import { FileBudget } from "../formats/file-budget.js";
import { parseJsonObject, toJson } from "../formats/json.js";
import { readSafetensors, readSafetensorsMetadata, writeSafetensors } from "../formats/safetensors/safetensors.js";
import type { GeneratorState } from "../random.js";
import { shown } from "../shown.js";
import type { Tensor } from "../tensor.js";
import { version } from "../version.js";
import { checkState } from "./checkpoint-state.js";
import { crc32 } from "./crc32.js";

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

/** A checkpoint, taken apart. */
export interface Checkpoint {
  readonly state: CheckpointState;
  readonly model: Record<string, Tensor>;
  readonly optimizer: Record<string, Tensor>;
}

/** What {@link describeCheckpoint} tells. */
export interface CheckpointDescription {
  /** The epoch it was taken in, counted from 0. */
  readonly epoch: number;
  /** Batches of that epoch that were done. */
  readonly batch: number;
  /** Steps that were done, over all epochs. */
  readonly step: number;
  /** What `note` gave when it was taken. */
  readonly note: unknown;
  /** The version of Evenkeel that wrote it. */
  readonly evenkeel: string;
}

/** How every checkpoint begins, behind the length of its header: the checksum follows, of the file with eight zeros in its place. */
const start = '{"__metadata__":{"crc32":"';
const checksumAt = 8 + start.length;
const zeros = "00000000";
const entry = "evenkeel-checkpoint";

/** A checkpoint as the bytes of a safetensors file. */
export function writeCheckpoint({ state, model, optimizer }: Checkpoint): Uint8Array {
  const tensors = { ...prefixed("model.", model), ...prefixed("optimizer.", optimizer) };
  const json = toJson("fit(model, data, { checkpoint })", { format: 1, evenkeel: version, ...state });
  const bytes = writeSafetensors(tensors, { crc32: zeros, [entry]: json });
  bytes.set(new TextEncoder().encode(crc32(bytes)), checksumAt);
  return bytes;
}

function prefixed(prefix: string, tensors: Record<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, t]) => [prefix + name, t]));
}

/** Takes a checkpoint apart. @throws FormatError if it is none, or any byte of it has changed */
export function readCheckpoint(bytes: Uint8Array): Checkpoint {
  const { state } = readHead(bytes);
  const parts = { model: {}, optimizer: {} } as { model: Record<string, Tensor>; optimizer: Record<string, Tensor> };
  for (const [name, t] of Object.entries(readSafetensors(bytes).tensors)) {
    const [part, rest] = name.startsWith("model.") ? [parts.model, name.slice(6)] : [parts.optimizer, name.slice(10)];
    Object.defineProperty(part, rest, { value: t, enumerable: true });
  }
  return { state, ...parts };
}

/**
 * What a checkpoint says of itself, without its tensors.
 *
 * @throws FormatError if it is none, or any byte of it has changed
 */
export function describeCheckpoint(bytes: Uint8Array): CheckpointDescription {
  const { state, evenkeel } = readHead(bytes);
  const { epoch, batch, step } = state.position;
  return { epoch, batch, step, note: state.note, evenkeel };
}

function readHead(bytes: Uint8Array): { readonly state: CheckpointState; readonly evenkeel: string } {
  const text = (from: number, to: number): string => new TextDecoder("latin1").decode(bytes.subarray(from, to));
  if (!(bytes instanceof Uint8Array) || text(8, checksumAt) !== start) {
    throw fault("bytes that fit() saved", "others");
  }
  const expected = text(checksumAt, checksumAt + zeros.length);
  const zeroed = new TextEncoder().encode(zeros);
  const received = crc32(bytes.subarray(0, checksumAt), zeroed, bytes.subarray(checksumAt + zeros.length));
  if (received !== expected) {
    throw fault("a whole checkpoint", `one that is cut short or changed (CRC-32 ${received}, not ${expected})`);
  }
  const json = readSafetensorsMetadata(bytes)[entry];
  if (json === undefined) throw fault("bytes that fit() saved", "another safetensors file");
  const head = parseJsonObject(json, { budget: new FileBudget("checkpoint", bytes.length), fault });
  if (head["format"] !== 1) {
    throw fault(
      "a checkpoint of format 1",
      shown(head["format"]),
      "Read it with the version of Evenkeel that wrote it.",
    );
  }
  const state = checkState(head, fault);
  return { state, evenkeel: state.evenkeel };
}

function fault(expected: string, received: string, cure = "Use an older copy, or start anew."): FormatError {
  return new FormatError({ where: "checkpoint", expected, received, cure });
}
