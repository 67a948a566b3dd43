import { sizeOf } from "../../../shape.js";
import { halfToNumber, numberToHalf } from "../../half.js";
import { printable } from "../../printable.js";
import { isObject, type JsonObject, malformed } from "./json.js";

/** What the manifest says of a weight: TF.js's WeightsManifestEntry. */
export interface TfjsWeightSpec {
  /** Its name, as in `conv1/kernel`. */
  readonly name: string;
  /** Its sizes, outermost first. */
  readonly shape: readonly number[];
  /** `float32`, `int32`, `bool`, `complex64` or `string`. */
  readonly dtype: string;
  /** How it is stored if not as its dtype: value = scale · stored + min, or half precision. @defaultValue none */
  readonly quantization?: TfjsQuantization;
  /** `optimizer` for what only training needs. @defaultValue the model's */
  readonly group?: string;
}

/** How a weight is stored with fewer bits. */
export interface TfjsQuantization {
  /** `uint8`, `uint16` or `float16`. */
  readonly dtype: string;
  /** The value of one step; none with float16. */
  readonly scale?: number;
  /** The value of a stored 0; none with float16. */
  readonly min?: number;
}

/** A weight: what the manifest says of it, and its bytes, little-endian. */
export interface Weight {
  readonly spec: TfjsWeightSpec;
  readonly bytes: Uint8Array;
}

const storedBytes: Readonly<Record<string, number>> = {
  ...{ float32: 4, int32: 4, bool: 1, complex64: 8 },
  ...{ uint8: 1, uint16: 2, float16: 2 },
};
const types = ["float32", "int32", "bool", "complex64", "string"];
const quantizedTypes = ["uint8", "uint16", "float16"];

/** Checks what a manifest says of a weight; all that it says is kept. */
export function checkSpec(where: string, value: unknown): TfjsWeightSpec {
  if (!isObject(value) || typeof value["name"] !== "string") {
    throw malformed(where, "weights with a name each", printable(value));
  }
  const { name, shape, dtype, quantization } = value;
  const subject = `for the weight ${printable(name)}`;
  const isShape = Array.isArray(shape) && shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
  if (!isShape) throw malformed(where, `a shape ${subject}`, printable(shape));
  if (typeof dtype !== "string" || !types.includes(dtype)) {
    throw malformed(where, `${types.join(", ")} as the dtype ${subject}`, printable(dtype));
  }
  if (quantization !== undefined && !isQuantization(quantization, dtype)) {
    throw malformed(where, `a quantization that TF.js knows ${subject} of ${dtype}`, printable(quantization));
  }
  return value as JsonObject & TfjsWeightSpec;
}

function isQuantization(value: unknown, dtype: string): value is TfjsQuantization {
  if (!isObject(value) || typeof value["dtype"] !== "string" || !quantizedTypes.includes(value["dtype"])) return false;
  if (value["dtype"] === "float16") return dtype === "float32";
  return (dtype === "float32" || dtype === "int32") && Number.isFinite(value["scale"]) && Number.isFinite(value["min"]);
}

/** Cuts the bytes of a group into its weights. @throws FormatError if they are not exactly as many as the shapes say */
export function cutWeights(where: string, specs: readonly TfjsWeightSpec[], bytes: Uint8Array): Weight[] {
  let at = 0;
  const weights = specs.map((spec): Weight => {
    const length = lengthOf(spec, bytes, at);
    if (!(at + length <= bytes.length)) {
      const claimed = Number.isFinite(length) ? length : "more";
      const expected = `${claimed} bytes for the weight ${printable(spec.name)} (${spec.shape.join("×") || "scalar"})`;
      throw malformed(where, expected, `${bytes.length - at}, the rest of its file`);
    }
    at += length;
    return { spec, bytes: bytes.subarray(at - length, at) };
  });
  if (at !== bytes.length) throw malformed(where, `${at} bytes of weights, as their shapes say`, String(bytes.length));
  return weights;
}

function lengthOf({ dtype, shape, quantization }: TfjsWeightSpec, bytes: Uint8Array, at: number): number {
  const count = sizeOf(shape);
  if (dtype !== "string") return count * storedBytes[quantization?.dtype ?? dtype];
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let length = 0;
  for (let k = 0; k < count; k++) {
    if (at + length + 4 > bytes.length) return Number.POSITIVE_INFINITY;
    length += 4 + data.getUint32(at + length, true);
  }
  return length;
}

/** The numbers of a weight, as TF.js reads them; null of what is no real number. */
export function weightValues({ spec: { dtype, shape, quantization }, bytes }: Weight): Float64Array | null {
  const stored = quantization?.dtype ?? dtype;
  const read = readers[stored];
  if (read === undefined || (dtype !== "float32" && dtype !== "int32")) return null;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = Float64Array.from({ length: sizeOf(shape) }, (_, i) => read(data, i));
  const { scale, min } = quantization ?? {};
  if (scale === undefined || min === undefined || stored === "float16") return values;
  return values.map((value) =>
    dtype === "int32" ? Math.round(value * scale + min) : Math.fround(value * scale + min),
  );
}

const readers: Readonly<Record<string, (data: DataView, i: number) => number>> = {
  float32: (data, i) => data.getFloat32(4 * i, true),
  int32: (data, i) => data.getInt32(4 * i, true),
  uint8: (data, i) => data.getUint8(i),
  uint16: (data, i) => data.getUint16(2 * i, true),
  float16: (data, i) => halfToNumber(data.getUint16(2 * i, true)),
};

/** A weight of these numbers: float32, or stored as float16 if the spec says so. Null if one overflows. */
export function packWeight(spec: TfjsWeightSpec, values: Float64Array): Weight | null {
  const isHalf = spec.quantization?.dtype === "float16";
  const bytes = new Uint8Array(values.length * (isHalf ? 2 : 4));
  const data = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) {
    if (!Number.isFinite(isHalf ? halfToNumber(numberToHalf(value)) : Math.fround(value))) return null;
    if (isHalf) data.setUint16(2 * i, numberToHalf(value), true);
    else data.setFloat32(4 * i, value, true);
  }
  return { spec, bytes };
}
