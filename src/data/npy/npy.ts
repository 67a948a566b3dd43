import { FormatError } from "../../errors.js";
import { formatShape, type Shape, sizeOf } from "../../shape.js";
import { pickledValues } from "./npy-objects.js";

/** An array as NumPy stores it. */
export interface NpyArray {
  /** Sizes, outermost first; [] for a scalar. */
  readonly shape: Shape;
  /**
   * Row-major. Unsigned bytes and booleans stay bytes; what float32 holds exactly becomes float32, every other type
   * float64.
   */
  readonly values: Uint8Array | Float32Array | Float64Array;
  /** Whether NumPy's type is one of whole numbers or booleans. */
  readonly isInteger: boolean;
  /** The texts of an array of texts, row-major, whose `values` are NaN. */
  readonly texts?: readonly string[];
}

type Reader = (view: DataView, at: number, little: boolean) => number;

const readers: Readonly<Record<string, { readonly bytes: number; readonly read: Reader }>> = {
  f2: { bytes: 2, read: (view, at, little) => float16(view.getUint16(at, little)) },
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
  u8: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
};

function float16(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size =
    exponent === 31
      ? fraction === 0
        ? Number.POSITIVE_INFINITY
        : Number.NaN
      : exponent === 0
        ? fraction * 2 ** -24
        : (1024 + fraction) * 2 ** (exponent - 25);
  return bits >> 15 === 1 ? -size : size;
}

/**
 * Reads a NumPy file of version 1, 2 or 3, of floats, whole numbers of every width, booleans or texts, in either byte
 * order, row-major or column-major (Fortran). An array of objects is read where they are texts or numbers alone;
 * nothing that it names is run.
 *
 * @param bytes - the file
 * @param name - what messages call it
 * @throws FormatError if it is none, holds another type or whole numbers beyond 2⁵³, or is cut short
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
  const type = /'descr':\s*'([<>|=])([a-zA-Z]\d*)(?:\[\w+\])?'/.exec(header);
  const fortran = /'fortran_order':\s*(True|False)/.exec(header);
  const sizes = /'shape':\s*\(([\d, ]*)\)/.exec(header);
  if (type === null || fortran === null || sizes === null) {
    throw fault("a header with one plain descr, fortran_order and shape", JSON.stringify(header.slice(0, 80).trim()));
  }
  const shape = sizes[1].split(",").flatMap((size) => (size.trim() === "" ? [] : [Number(size)]));
  const length = sizeOf(shape);
  const isFortran = fortran[1] === "True" && shape.length > 1;
  const arrange = <Values extends Float32Array | Float64Array | Uint8Array | readonly string[]>(
    values: Values,
  ): Values => (isFortran ? rowMajor(values, shape) : values);
  const little = type[1] !== ">";
  if (type[2] === "O") {
    const objects = Number.isSafeInteger(length) ? pickledValues(bytes.subarray(start), length) : null;
    if (objects?.every((value) => typeof value === "string")) return textArray(shape, arrange(objects));
    if (objects?.every((value) => typeof value !== "string")) {
      const isInteger = objects.every((value) => Number.isInteger(Number(value)));
      return { shape, values: arrange(Float64Array.from(objects, Number)), isInteger };
    }
    throw fault(
      "numbers or texts",
      "Python objects of other kinds",
      "Save it with array.astype(str) or .astype('float32').",
    );
  }
  const isText = /^[US]\d+$/.test(type[2]);
  const reader = Object.hasOwn(readers, type[2]) ? readers[type[2]] : undefined;
  if (reader === undefined && !isText) {
    const cure = "Save it with array.astype('float32'), or labels with array.astype('int32').";
    throw fault(`${Object.keys(readers).join(", ")}, U or S`, type[2], cure);
  }
  const width = reader?.bytes ?? Number(type[2].slice(1)) * (type[2].startsWith("U") ? 4 : 1);
  if (!Number.isSafeInteger(length) || bytes.length - start !== length * width) {
    throw fault(`${length * width} bytes of values for shape ${formatShape(shape)}`, String(bytes.length - start));
  }
  if (reader === undefined) {
    // Texts of no length take no bytes: nothing but the file's size bounds how many are made.
    if (width === 0) throw fault("texts of at least one letter", type[2], "Save the labels again.");
    const texts = Array.from({ length }, (_, k) => {
      const at = start + k * width;
      return type[2].startsWith("U") ? utf32(view, at, width / 4, little) : utf8(bytes.subarray(at, at + width));
    });
    if (texts.includes(notText)) throw fault("texts of Unicode", "other values", "Save the labels again.");
    return textArray(shape, arrange(texts));
  }
  const isInteger = !type[2].startsWith("f");
  if (type[2] === "u1" || type[2] === "b1") return { shape, values: arrange(bytes.slice(start)), isInteger };
  const isExact = type[2] === "f2" || type[2] === "f4" || (isInteger && reader.bytes < 4);
  const values = isExact ? new Float32Array(length) : new Float64Array(length);
  for (let i = 0; i < length; i++) values[i] = reader.read(view, start + i * reader.bytes, little);
  if (reader.bytes === 8 && isInteger && values.some((value) => Math.abs(value) > Number.MAX_SAFE_INTEGER)) {
    throw fault(
      "whole numbers up to 2⁵³",
      "larger ones, which would be rounded",
      "Number them from 0 and save them as int32.",
    );
  }
  return { shape, values: arrange(values), isInteger };
}

function textArray(shape: Shape, texts: readonly string[]): NpyArray {
  return { shape, values: new Float64Array(texts.length).fill(Number.NaN), isInteger: false, texts };
}

/** Stands for what is no text. */
const notText = "\0";

/** A text of 4 bytes a letter, filled up with zeros. */
function utf32(view: DataView, at: number, letters: number, little: boolean): string {
  let text = "";
  for (let k = 0; k < letters; k++) {
    const code = view.getUint32(at + 4 * k, little);
    if (code > 0x10ffff) return notText;
    if (code !== 0) text += String.fromCodePoint(code);
  }
  return text;
}

/** A text of bytes, filled up with zeros: UTF-8. */
function utf8(bytes: Uint8Array): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, end));
  } catch {
    return notText;
  }
}

/** Column-major values in row-major order. */
function rowMajor<Values extends Float32Array | Float64Array | Uint8Array | readonly string[]>(
  values: Values,
  shape: Shape,
): Values {
  const steps: number[] = [];
  let step = 1;
  for (const size of shape) {
    steps.push(step);
    step *= size;
  }
  const place = Array<number>(shape.length).fill(0);
  const ordered = values.slice() as { [index: number]: number | string };
  let from = 0;
  for (let to = 0; to < values.length; to++) {
    ordered[to] = values[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++place[axis] < shape[axis]) break;
      from -= steps[axis] * shape[axis];
      place[axis] = 0;
    }
  }
  return ordered as Values;
}
