import { tensor } from "../../create.js";
import { FormatError } from "../../errors.js";
import { type Shape, sizeOf } from "../../shape.js";
import { shown } from "../../shown.js";
import type { Tensor } from "../../tensor.js";
import { FileBudget } from "../file-budget.js";
import { isObject, parseJsonObject } from "../json.js";
import { numberTypes } from "../number-types.js";

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** Tensors by name, all as float32. */
  readonly tensors: Record<string, Tensor>;
  /** Free text by name. */
  readonly metadata: Record<string, string>;
  /** The type of each tensor that is of no type Evenkeel reads, such as `C64`, by name: it is left out of `tensors`. */
  readonly unread: Record<string, string>;
}

/**
 * Writes tensors as a safetensors file: eight bytes of header length, a JSON header, and the values as little-endian
 * float32.
 *
 * @param tensors - by name
 * @param metadata - free text by name
 * @example
 * ```ts
 * const bytes = writeSafetensors({ weight: tensor([1, 2]) }, { note: "two weights" });
 * readSafetensors(bytes).metadata.note; // two weights
 * ```
 */
export function writeSafetensors(tensors: Record<string, Tensor>, metadata: Record<string, string> = {}): Uint8Array {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, t]) => {
    const start = end;
    end += t.size * 4;
    return [name, { dtype: "F32", shape: t.shape, data_offsets: [start, end] }] as const;
  });
  const header = Object.fromEntries([["__metadata__", metadata], ...entries]);
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded + end).fill(0x20, 8, 8 + padded);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  let at = 8 + padded;
  for (const t of Object.values(tensors)) {
    const values = t.dataSync();
    bytes.set(new Uint8Array(values.buffer), at);
    at += values.byteLength;
  }
  return bytes;
}

function fault(expected: string, received: string): FormatError {
  return new FormatError({
    where: "readSafetensors(bytes)",
    expected,
    received,
    cure: "Check that the file is a complete .safetensors file.",
  });
}

/** The JSON object at the start of the file, and how many bytes stand before the values. */
function readHeader(bytes: Uint8Array): { readonly header: Record<string, unknown>; readonly start: number } {
  if (!(bytes instanceof Uint8Array)) throw fault("a Uint8Array", Object.prototype.toString.call(bytes).slice(8, -1));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) throw fault("at least 8 bytes", String(bytes.length));
  const length = Number(view.getBigUint64(0, true));
  if (length > bytes.length - 8) {
    const isCut = bytes[8] === "{".charCodeAt(0);
    if (!isCut) throw fault("a header that begins with {", "a file of another kind");
    throw fault(`a header of ${length} bytes`, `${bytes.length - 8} bytes in all`);
  }
  if (length > longestHeader) throw fault(`a header of at most ${longestHeader} bytes`, String(length));
  let json: string;
  try {
    json = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length));
  } catch {
    throw fault("a JSON header", "bytes that are no text in UTF-8");
  }
  const budget = new FileBudget("readSafetensors(bytes)", bytes.length);
  return { header: parseJsonObject(json, { budget, mostParts, fault }), start: 8 + length };
}

/** Far beyond any model; what JSON.parse makes of a header stays below 200 MB. */
const longestHeader = 2 ** 24;
const mostParts = 2 ** 18;

/** The free text of a safetensors file, by name, without its tensors. @throws FormatError if the file has no header */
export function readSafetensorsMetadata(bytes: Uint8Array): Record<string, string> {
  return textEntries(readHeader(bytes).header["__metadata__"]);
}

/**
 * Reads a safetensors file, of any writer. Values of other types (F64, F16, BF16, F8, integers) become float32; tensors
 * of types that are no such numbers are named in `unread`.
 *
 * @throws FormatError if the file is cut short or is none: the tensors' bytes must fill the rest of it, each byte
 * belonging to one of them
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, start } = readHeader(bytes);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => checkEntry(name, entry));
  checkLayout(entries, bytes.length - start);
  const tensors: [string, Tensor][] = [];
  try {
    for (const entry of entries) {
      const values = readValues(bytes, start, entry);
      if (values !== null) tensors.push([entry.name, tensor(values, entry.shape)]);
    }
  } catch (cause) {
    for (const [, t] of tensors) t.dispose();
    throw cause;
  }
  const unread = entries.filter(({ type }) => !isRead(type)).map(({ name, type }) => [name, type]);
  return {
    tensors: Object.fromEntries(tensors),
    metadata: textEntries(header["__metadata__"]),
    unread: Object.fromEntries(unread),
  };
}

/** A tensor as the header describes it: its bytes lie from `start` to `end` behind the header. */
interface Entry {
  readonly name: string;
  readonly type: string;
  readonly shape: Shape;
  readonly start: number;
  readonly end: number;
}

function isRead(type: string): boolean {
  return Object.hasOwn(numberTypes, type);
}

/** The values of a tensor; null if they are of no type that is read. */
function readValues(bytes: Uint8Array, base: number, { type, shape, start, end }: Entry): Float32Array | null {
  if (!isRead(type)) return null;
  const from = bytes.byteOffset + base + start;
  if (type === "F32") return new Float32Array(bytes.buffer.slice(from, from + end - start));
  const data = new DataView(bytes.buffer, from, end - start);
  const values = new Float32Array(sizeOf(shape));
  const { bytes: width, read } = numberTypes[type];
  for (let i = 0; i < values.length; i++) values[i] = read(data, i * width);
  return values;
}

/** Refuses bytes that no tensor, or more than one, lays claim to. */
function checkLayout(entries: readonly Entry[], room: number): void {
  let at = 0;
  for (const { name, start, end } of entries.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== at) throw fault(`the bytes of ${shown(name)} from ${at} on`, `bytes ${start} to ${end}`);
    at = end;
  }
  if (at !== room) throw fault(`${at} bytes of values`, String(room));
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function checkEntry(name: string, entry: unknown): Entry {
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : {};
  if (typeof dtype !== "string") {
    throw fault(`a number type for ${shown(name)}`, dtype === undefined ? "none" : shown(dtype));
  }
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw fault(`a shape and two offsets for ${shown(name)}`, shown(entry));
  }
  const [start, end] = offsets;
  if (end < start || (isRead(dtype) && end - start !== sizeOf(shape) * numberTypes[dtype].bytes)) {
    throw fault(`${sizeOf(shape)} values of ${dtype} for ${shown(name)}`, `bytes ${start} to ${end}`);
  }
  return { name, type: dtype, shape, start, end };
}

function textEntries(metadata: unknown): Record<string, string> {
  if (!isObject(metadata)) return {};
  return Object.fromEntries(
    Object.entries(metadata).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
