import { tensor } from "../../create.js";
import { FormatError } from "../../errors.js";
import { type Shape, sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { bfloatToNumber, halfToNumber } from "../half.js";

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** Tensors by name, all as float32. */
  readonly tensors: Record<string, Tensor>;
  /** Free text by name. */
  readonly metadata: Record<string, string>;
}

const bytesPerValue: Readonly<Record<string, number>> = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2 },
  ...{ I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 },
};

/** Reads value i of a type of {@link bytesPerValue}. */
function readValue(data: DataView, type: string, i: number): number {
  const at = i * bytesPerValue[type];
  switch (type) {
    case "F64":
      return data.getFloat64(at, true);
    case "F32":
      return data.getFloat32(at, true);
    case "F16":
      return halfToNumber(data.getUint16(at, true));
    case "BF16":
      return bfloatToNumber(data.getUint16(at, true));
    case "I64":
      return Number(data.getBigInt64(at, true));
    case "I32":
      return data.getInt32(at, true);
    case "I16":
      return data.getInt16(at, true);
    case "I8":
      return data.getInt8(at);
    default:
      return data.getUint8(at);
  }
}

/**
 * Writes tensors as a safetensors file: eight bytes of header length, a JSON header, and the values as little-endian float32.
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

/** What a file says, short enough for a message. */
function quote(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
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
  let header: unknown;
  try {
    const json = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length));
    checkNames(json);
    header = JSON.parse(json);
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw fault("a JSON header", cause instanceof Error ? quote(cause.message) : String(cause));
  }
  if (!isRecord(header)) throw fault("a JSON object as header", typeof header);
  return { header, start: 8 + length };
}

/** Far beyond any model; what JSON.parse makes of a header stays below 200 MB. */
const longestHeader = 2 ** 24;
const mostParts = 2 ** 19;

/** Refuses a name that stands twice in one object, of which JSON.parse would keep the last, and a header of too many parts. */
function checkNames(json: string): void {
  const open: (Set<string> | null)[] = [];
  let text = "";
  let parts = 0;
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') {
      const start = i++;
      while (i < json.length && json[i] !== '"') i += json[i] === "\\" ? 2 : 1;
      text = json.slice(start, i + 1);
    } else if (character === "{" || character === "[") {
      open.push(null);
    } else if (character === "}" || character === "]") {
      open.pop();
    } else if (character === ":") {
      const name = text.includes("\\") ? JSON.parse(text) : text.slice(1, -1);
      const names = open.pop() ?? new Set();
      if (names.has(name)) throw fault("each name once", `${quote(name)} twice`);
      open.push(names.add(name));
    } else if (character !== ",") {
      continue;
    }
    if (++parts > mostParts || open.length > 8) {
      throw fault(`a flat header of at most ${mostParts} parts`, open.length > 8 ? "a deeper one" : "more");
    }
  }
}

/** The free text of a safetensors file, by name, without its tensors. @throws FormatError if the file has no header */
export function readSafetensorsMetadata(bytes: Uint8Array): Record<string, string> {
  return textEntries(readHeader(bytes).header["__metadata__"]);
}

/**
 * Reads a safetensors file, of any writer. Values of other types (F64, F16, BF16, integers) become float32.
 *
 * @throws FormatError if the file is cut short or is none: the tensors' bytes must fill the rest of it, each byte belonging to one of them
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, start } = readHeader(bytes);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => checkEntry(name, entry));
  checkLayout(entries, bytes.length - start);
  const tensors: [string, Tensor][] = [];
  try {
    for (const entry of entries) tensors.push([entry.name, tensor(readValues(bytes, start, entry), entry.shape)]);
  } catch (cause) {
    for (const [, t] of tensors) t.dispose();
    throw cause;
  }
  return { tensors: Object.fromEntries(tensors), metadata: textEntries(header["__metadata__"]) };
}

/** A tensor as the header describes it: its bytes lie from `start` to `end` behind the header. */
interface Entry {
  readonly name: string;
  readonly type: string;
  readonly shape: Shape;
  readonly start: number;
  readonly end: number;
}

function readValues(bytes: Uint8Array, base: number, { type, shape, start, end }: Entry): Float32Array {
  const from = bytes.byteOffset + base + start;
  if (type === "F32") return new Float32Array(bytes.buffer.slice(from, from + end - start));
  const data = new DataView(bytes.buffer, from, end - start);
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = readValue(data, type, i);
  return values;
}

/** Refuses bytes that no tensor, or more than one, lays claim to. */
function checkLayout(entries: readonly Entry[], room: number): void {
  let at = 0;
  for (const { name, start, end } of entries.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== at) throw fault(`the bytes of ${quote(name)} from ${at} on`, `bytes ${start} to ${end}`);
    at = end;
  }
  if (at !== room) throw fault(`${at} bytes of values`, String(room));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function checkEntry(name: string, entry: unknown): Entry {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  if (typeof dtype !== "string" || !Object.hasOwn(bytesPerValue, dtype)) {
    throw fault(
      `a number type of ${Object.keys(bytesPerValue).join(", ")} for ${quote(name)}`,
      dtype === undefined ? "none" : quote(dtype),
    );
  }
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw fault(`a shape and two offsets for ${quote(name)}`, quote(entry));
  }
  const [start, end] = offsets;
  if (end - start !== sizeOf(shape) * bytesPerValue[dtype]) {
    throw fault(`${sizeOf(shape)} values of ${dtype} for ${quote(name)}`, `bytes ${start} to ${end}`);
  }
  return { name, type: dtype, shape, start, end };
}

function textEntries(metadata: unknown): Record<string, string> {
  if (!isRecord(metadata)) return {};
  return Object.fromEntries(
    Object.entries(metadata).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
