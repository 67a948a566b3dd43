import { FormatError } from "../errors.js";
import { formatShape, type Shape, sizeOf } from "../shape.js";

/** An array as NumPy stores it. */
export interface NpyArray {
  /** Sizes, outermost first; [] for a scalar. */
  readonly shape: Shape;
  /** Row-major. Unsigned bytes and booleans stay bytes; what float32 holds exactly becomes float32, every other type float64. */
  readonly values: Uint8Array | Float32Array | Float64Array;
  /** Whether NumPy's type is one of whole numbers or booleans. */
  readonly isInteger: boolean;
}

type Reader = (view: DataView, at: number, little: boolean) => number;

const readers: Readonly<Record<string, { readonly bytes: number; readonly read: Reader }>> = {
  f4: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  u1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  b1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  u2: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  u4: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  i1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  i2: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  i4: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  i8: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
};

/**
 * Reads a NumPy file of version 1, 2 or 3, row-major, of type f4, f8, u1, u2, u4, b1, i1, i2, i4 or i8 in either byte
 * order.
 *
 * @param bytes - the file
 * @param name - what messages call it
 * @throws FormatError if it is none, holds another type or column-major values, or is cut short
 */
export function parseNpy(bytes: Uint8Array, name = "bytes"): NpyArray {
  const fault = (
    expected: string,
    received: string,
    cure = "Check that the file is a complete NPY file.",
  ): FormatError => new FormatError({ where: `parseNpy(${name})`, expected, received, cure });
  if (bytes.length < 12) throw fault("at least 12 bytes", String(bytes.length));
  if (String.fromCharCode(...bytes.subarray(0, 6)) !== "\x93NUMPY") throw fault("the NPY signature", "other bytes");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6];
  if (version < 1 || version > 3) throw fault("version 1, 2 or 3", String(version));
  const headerStart = version === 1 ? 10 : 12;
  const start = headerStart + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (start > bytes.length) throw fault(`a header that ends at byte ${start}`, `${bytes.length} bytes in all`);
  const header = new TextDecoder().decode(bytes.subarray(headerStart, Math.min(start, headerStart + 4096)));
  const type = /'descr':\s*'([<>|=])([a-z]\d+)'/.exec(header);
  const fortran = /'fortran_order':\s*(True|False)/.exec(header);
  const sizes = /'shape':\s*\(([\d, ]*)\)/.exec(header);
  if (type === null || fortran === null || sizes === null) {
    throw fault("a header with one plain descr, fortran_order and shape", JSON.stringify(header.slice(0, 80).trim()));
  }
  const reader = Object.hasOwn(readers, type[2]) ? readers[type[2]] : undefined;
  if (reader === undefined)
    throw fault(Object.keys(readers).join(", "), type[2], "Save it with array.astype('float32').");
  if (fortran[1] === "True") {
    throw fault("row-major values", "fortran_order: True", "Save it with numpy.ascontiguousarray(array).");
  }
  const shape = sizes[1].split(",").flatMap((size) => (size.trim() === "" ? [] : [Number(size)]));
  const length = sizeOf(shape);
  if (!Number.isSafeInteger(length) || bytes.length - start !== length * reader.bytes) {
    throw fault(
      `${length * reader.bytes} bytes of values for shape ${formatShape(shape)}`,
      String(bytes.length - start),
    );
  }
  const isInteger = !type[2].startsWith("f");
  if (type[2] === "u1" || type[2] === "b1") return { shape, values: bytes.slice(start), isInteger };
  const isExact = type[2] === "f4" || (isInteger && reader.bytes < 4);
  const values = isExact ? new Float32Array(length) : new Float64Array(length);
  for (let i = 0; i < length; i++) values[i] = reader.read(view, start + i * reader.bytes, type[1] !== ">");
  return { shape, values, isInteger };
}
