import { FormatError } from "../../errors.js";
import { FileBudget } from "../../formats/file-budget.js";
import { parseJsonObject, toJson } from "../../formats/json.js";
import { readSafetensors, readSafetensorsMetadata, writeSafetensors } from "../../formats/safetensors/safetensors.js";
import { shown } from "../../shown.js";
import type { Tensor } from "../../tensor.js";
import { isNewer, version } from "../../version.js";
import { type CheckpointState, checkState } from "./checkpoint-state.js";
import { crc32 } from "./crc32.js";

/** A checkpoint, taken apart. */
export interface Checkpoint {
  readonly state: CheckpointState;
  readonly model: Record<string, Tensor>;
  readonly optimizer: Record<string, Tensor>;
  /** Tensors of what goes along, by its key and their name: `average.0.weight`. */
  readonly companions: Record<string, Tensor>;
}

const parts = ["model", "optimizer", "companions"] as const;

/** What {@link describeCheckpoint} returns. */
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

/**
 * How every checkpoint begins, behind the length of its header: the checksum follows, of the file with eight zeros in
 * its place.
 */
const start = '{"__metadata__":{"crc32":"';
const checksumAt = 8 + start.length;
const zeros = "00000000";
const entry = "evenkeel-checkpoint";

/** A checkpoint as the bytes of a safetensors file. */
export function writeCheckpoint({ state, ...tensorsOf }: Checkpoint): Uint8Array {
  const tensors = Object.assign({}, ...parts.map((part) => prefixed(`${part}.`, tensorsOf[part])));
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
  const { tensors } = readSafetensors(bytes);
  const found: Omit<Checkpoint, "state"> = { model: {}, optimizer: {}, companions: {} };
  for (const [name, t] of Object.entries(tensors)) {
    const part = parts.find((one) => name.startsWith(`${one}.`));
    if (part !== undefined)
      Object.defineProperty(found[part], name.slice(part.length + 1), { value: t, enumerable: true });
    else {
      for (const one of Object.values(tensors)) one.dispose();
      throw fault("tensors of a model and an optimiser", JSON.stringify(name.slice(0, 100)));
    }
  }
  return { state, ...found };
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
  const { format, evenkeel } = head;
  if (typeof evenkeel !== "string") throw fault("the state that fit() saves", "one without its version");
  const by = evenkeel.slice(0, 40);
  if (format !== 1 || isNewer(by)) {
    const cure = `Read it with Evenkeel ${by}, or a newer one.`;
    const received = `one of format ${shown(format)} by Evenkeel ${by}`;
    throw fault(`a checkpoint of format 1 by Evenkeel ${version} or an older one`, received, cure);
  }
  return { state: checkState(head, fault), evenkeel: by };
}

function fault(expected: string, received: string, cure = "Use an older copy, or start anew."): FormatError {
  return new FormatError({ where: "checkpoint", expected, received, cure });
}
