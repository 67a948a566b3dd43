import { tensor } from "../create.js";
import { FormatError } from "../errors.js";
import { type Shape, sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { bfloatToNumber, halfToNumber } from "./half.js";

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
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, t] of Object.entries(tensors)) {
    header[name] = { dtype: "F32", shape: t.shape, data_offsets: [end, end + t.size * 4] };
    end += t.size * 4;
  }
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
  if (length > bytes.length - 8) throw fault(`a header of ${length} bytes`, `${bytes.length - 8} bytes in all`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    throw fault("a JSON header", cause instanceof Error ? cause.message : String(cause));
  }
  if (!isRecord(header)) throw fault("a JSON object as header", typeof header);
  return { header, start: 8 + length };
}

/** The free text of a safetensors file, by name, without its tensors. @throws FormatError if the file has no header */
export function readSafetensorsMetadata(bytes: Uint8Array): Record<string, string> {
  return textEntries(readHeader(bytes).header["__metadata__"]);
}

/**
 * Reads a safetensors file, of any writer. Values of other types (F64, F16, BF16, integers) become float32.
 *
 * @throws FormatError if the file is cut short or is none
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, start: base } = readHeader(bytes);
  const tensors: Record<string, Tensor> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const { type, shape, start, end } = checkEntry(name, entry, bytes.length - base);
    const data = new DataView(bytes.buffer, bytes.byteOffset + base + start, end - start);
    tensors[name] = tensor(
      Float32Array.from({ length: sizeOf(shape) }, (_, i) => readValue(data, type, i)),
      shape,
    );
  }
  return { tensors, metadata: textEntries(header["__metadata__"]) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function checkEntry(
  name: string,
  entry: unknown,
  room: number,
): { type: string; shape: Shape; start: number; end: number } {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  if (typeof dtype !== "string" || !Object.hasOwn(bytesPerValue, dtype)) {
    throw fault(
      `a number type of ${Object.keys(bytesPerValue).join(", ")} for ${name}`,
      JSON.stringify(dtype) ?? "none",
    );
  }
  if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw fault(`a shape and two offsets for ${name}`, JSON.stringify(entry));
  }
  const [start, end] = offsets;
  if (start > end || end > room || end - start !== sizeOf(shape) * bytesPerValue[dtype]) {
    throw fault(`${sizeOf(shape)} values of ${dtype} for ${name}`, `bytes ${start} to ${end} of ${room}`);
  }
  return { type: dtype, shape, start, end };
}

function textEntries(metadata: unknown): Record<string, string> {
  if (!isRecord(metadata)) return {};
  return Object.fromEntries(
    Object.entries(metadata).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
