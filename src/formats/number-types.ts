import { bfloatToNumber, halfToNumber, quarterToNumber } from "./half.js";

/** How a file stores one number, little-endian. */
export interface NumberType {
  readonly bytes: number;
  /** Reads the value at a byte. */
  readonly read: (data: DataView, at: number) => number;
}

/** Types of numbers that files hold, by their names in safetensors. */
export const numberTypes: Readonly<Record<string, NumberType>> = {
  F64: { bytes: 8, read: (data, at) => data.getFloat64(at, true) },
  F32: { bytes: 4, read: (data, at) => data.getFloat32(at, true) },
  F16: { bytes: 2, read: (data, at) => halfToNumber(data.getUint16(at, true)) },
  BF16: { bytes: 2, read: (data, at) => bfloatToNumber(data.getUint16(at, true)) },
  F8_E5M2: { bytes: 1, read: (data, at) => halfToNumber(data.getUint8(at) << 8) },
  F8_E4M3: { bytes: 1, read: (data, at) => quarterToNumber(data.getUint8(at)) },
  I64: { bytes: 8, read: (data, at) => Number(data.getBigInt64(at, true)) },
  I32: { bytes: 4, read: (data, at) => data.getInt32(at, true) },
  I16: { bytes: 2, read: (data, at) => data.getInt16(at, true) },
  I8: { bytes: 1, read: (data, at) => data.getInt8(at) },
  U64: { bytes: 8, read: (data, at) => Number(data.getBigUint64(at, true)) },
  U32: { bytes: 4, read: (data, at) => data.getUint32(at, true) },
  U16: { bytes: 2, read: (data, at) => data.getUint16(at, true) },
  U8: { bytes: 1, read: (data, at) => data.getUint8(at) },
  BOOL: { bytes: 1, read: (data, at) => data.getUint8(at) },
};
