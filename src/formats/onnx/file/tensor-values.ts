import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from "../../half.js";
import type { TensorProto } from "./codec.js";

/** Element types, as TensorProto.DataType numbers them. */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

/** See {@link elementTypes}. */
export type ElementType = keyof typeof elementTypes;

const names = new Map<number, ElementType>(
  Object.entries(elementTypes).map(([name, type]) => [type, name as ElementType]),
);

/** The name of an element type; undefined for texts, complex numbers and those of less than 8 bits. */
export function elementTypeOf(dataType: number): ElementType | undefined {
  return names.get(dataType);
}

/** Whether numbers of a type are rounded reals. */
export function isFloat(type: ElementType): boolean {
  return type === "float32" || type === "float16" || type === "bfloat16" || type === "float64";
}

/** Whether numbers of a type are whole; booleans are not. */
export function isWholeType(type: ElementType): boolean {
  return !isFloat(type) && type !== "bool";
}

interface Element {
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
  readonly write: (view: DataView, at: number, value: number) => void;
}

const elements: Readonly<Record<ElementType, Element>> = {
  float32: { bytes: 4, read: (v, at) => v.getFloat32(at, true), write: (v, at, x) => v.setFloat32(at, x, true) },
  float64: { bytes: 8, read: (v, at) => v.getFloat64(at, true), write: (v, at, x) => v.setFloat64(at, x, true) },
  float16: {
    bytes: 2,
    read: (v, at) => halfToNumber(v.getUint16(at, true)),
    write: (v, at, x) => v.setUint16(at, numberToHalf(x), true),
  },
  bfloat16: {
    bytes: 2,
    read: (v, at) => bfloatToNumber(v.getUint16(at, true)),
    write: (v, at, x) => v.setUint16(at, numberToBfloat(x), true),
  },
  uint8: { bytes: 1, read: (v, at) => v.getUint8(at), write: (v, at, x) => v.setUint8(at, x) },
  bool: { bytes: 1, read: (v, at) => v.getUint8(at), write: (v, at, x) => v.setUint8(at, x) },
  int8: { bytes: 1, read: (v, at) => v.getInt8(at), write: (v, at, x) => v.setInt8(at, x) },
  uint16: { bytes: 2, read: (v, at) => v.getUint16(at, true), write: (v, at, x) => v.setUint16(at, x, true) },
  int16: { bytes: 2, read: (v, at) => v.getInt16(at, true), write: (v, at, x) => v.setInt16(at, x, true) },
  uint32: { bytes: 4, read: (v, at) => v.getUint32(at, true), write: (v, at, x) => v.setUint32(at, x, true) },
  int32: { bytes: 4, read: (v, at) => v.getInt32(at, true), write: (v, at, x) => v.setInt32(at, x, true) },
  uint64: {
    bytes: 8,
    read: (v, at) => Number(v.getBigUint64(at, true)),
    write: (v, at, x) => v.setBigUint64(at, BigInt(x), true),
  },
  int64: {
    bytes: 8,
    read: (v, at) => Number(v.getBigInt64(at, true)),
    write: (v, at, x) => v.setBigInt64(at, BigInt(x), true),
  },
};

/** A tensor's numbers, whatever type they are stored in. */
export interface TensorValues {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Files beside a model in which it keeps tensors, by the name the model gives them. */
export type ExternalFiles = Readonly<Record<string, Uint8Array>>;

/** So many axes may a tensor have, as in NumPy. */
export const mostAxes = 64;

/** Whether this machine has the order of bytes that files have. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Reads a tensor; a text says why it cannot be read, which costs no time. */
export function readTensor(tensor: TensorProto, files: ExternalFiles): TensorValues | string {
  const type = elementTypeOf(tensor.dataType);
  if (type === undefined) return `it is of a type without numbers (${tensor.dataType})`;
  if (tensor.dims.length > mostAxes) return `it has ${tensor.dims.length} axes`;
  const shape = tensor.dims.map(Number);
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (!shape.every((extent) => extent >= 0) || !Number.isSafeInteger(size)) return `its shape is ${shape.join("×")}`;
  const raw = tensor.dataLocation === 1 ? externalBytes(tensor, files) : tensor.rawData;
  if (typeof raw === "string") return raw;
  const { bytes, read } = elements[type];
  if (raw.length > 0 || size === 0) {
    if (raw.length !== size * bytes) return `${raw.length} bytes do not hold ${size} values of ${type}`;
    // Nearly all: some ten times as fast as number by number.
    if (type === "float32" && isLittleEndian)
      return { type, shape, data: new Float64Array(new Float32Array(new Uint8Array(raw).buffer)) };
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    const data = new Float64Array(size);
    for (let i = 0; i < size; i++) data[i] = read(view, i * bytes);
    return { type, shape, data };
  }
  const stored = storedIn(tensor, type);
  if (stored.length !== size) return `it holds ${stored.length} values for a shape of ${size}`;
  const numberOf = bitsOf[type] ?? Number;
  return { type, shape, data: Float64Array.from(stored, numberOf) };
}

/** Where a typed field holds numbers as their bits. */
const bitsOf: Partial<Record<ElementType, (stored: number | bigint) => number>> = {
  float16: (bits) => halfToNumber(Number(bits) & 0xffff),
  bfloat16: (bits) => bfloatToNumber(Number(bits) & 0xffff),
};

/** The typed field that holds a type: each serves several. */
function storedIn(tensor: TensorProto, type: ElementType): readonly (number | bigint)[] {
  switch (type) {
    case "float32":
      return tensor.floatData;
    case "float64":
      return tensor.doubleData;
    case "int64":
      return tensor.int64Data;
    case "uint32":
    case "uint64":
      return tensor.uint64Data;
    default:
      return tensor.int32Data;
  }
}

/** The bytes of a tensor that lies in another file; a text says why they cannot be had. */
export function externalBytes(tensor: TensorProto, files: ExternalFiles): Uint8Array | string {
  const entries = Object.fromEntries(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries["location"] ?? "";
  const file = Object.hasOwn(files, location) ? files[location] : undefined;
  if (file === undefined) return `it lies in another file, ${JSON.stringify(location)}, which was not given`;
  const numberOf = (text: string): number => (/^\d*$/.test(text) ? Number(text) : Number.NaN);
  const offset = numberOf(entries["offset"] ?? "");
  const length = entries["length"] === undefined ? file.length - offset : numberOf(entries["length"]);
  if (!(offset + length <= file.length) || length < 0) {
    return `bytes ${offset} to ${offset + length} are not in ${JSON.stringify(location)} of ${file.length}`;
  }
  return file.subarray(offset, offset + length);
}

/** Writes numbers in their type, little-endian; null if a finite one becomes infinite. */
export function packValues({ type, data }: TensorValues): Uint8Array<ArrayBuffer> | null {
  const { bytes, read, write } = elements[type];
  const packed = new Uint8Array(data.length * bytes);
  const view = new DataView(packed.buffer);
  for (let i = 0; i < data.length; i++) {
    write(view, i * bytes, data[i]);
    if (Number.isFinite(data[i]) && !Number.isFinite(read(view, i * bytes))) return null;
  }
  return packed;
}
