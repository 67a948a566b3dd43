import { FormatError } from "../errors.js";
import { formatShape, type Shape, sizeOf } from "../shape.js";

/** An array of bytes with its shape. */
export interface IdxArray {
  /** Sizes, outermost first. */
  readonly shape: Shape;
  /** Row-major. */
  readonly values: Uint8Array;
}

/** What an IDX file's first bytes say. */
interface Header {
  readonly shape: Shape;
  /** Where the values begin. */
  readonly start: number;
}

/**
 * Reads an IDX file of unsigned bytes, the format of MNIST: two zero bytes, type 8, the rank, one big-endian size per
 * axis, the values.
 *
 * @param bytes - the file, unpacked; the values are a view of it
 * @param name - what messages call it
 * @throws FormatError if it is none, holds another type, or is cut short
 */
export function parseIdx(bytes: Uint8Array, name = "bytes"): IdxArray {
  const { shape, start } = parseHeader(bytes, name);
  if (bytes.length - start !== sizeOf(shape)) {
    throw fault(name, `${sizeOf(shape)} values for shape ${formatShape(shape)}`, String(bytes.length - start));
  }
  return { shape, values: bytes.subarray(start) };
}

/**
 * How long an IDX file is by its header, so that no more is unpacked.
 *
 * @param start - its first bytes
 * @throws FormatError if it is none
 */
export function idxLength(start: Uint8Array, name: string): number {
  const { shape, start: values } = parseHeader(start, name);
  return values + sizeOf(shape);
}

function parseHeader(bytes: Uint8Array, name: string): Header {
  if (bytes.length < 4) throw fault(name, "at least 4 bytes", String(bytes.length));
  const [zero, zeroToo, type, rank] = bytes;
  if (zero !== 0 || zeroToo !== 0 || type !== 8) {
    throw fault(name, "the IDX bytes 0, 0, 8 (unsigned bytes)", `${zero}, ${zeroToo}, ${type}`);
  }
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw fault(name, `${rank} sizes of 4 bytes`, `${bytes.length} bytes in all`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { shape: Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis)), start };
}

function fault(name: string, expected: string, received: string): FormatError {
  const cure = "Check that the file is a complete IDX file.";
  return new FormatError({ where: `parseIdx(${name})`, expected, received, cure });
}
