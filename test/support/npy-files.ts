import { zipSync } from "fflate";

/** An NPY file of version 1. */
export function npyBytes(descr: string, shape: readonly number[], values: ArrayBufferView): Uint8Array {
  const sizes = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${sizes}, }\n`;
  const start = [0x93, 78, 85, 77, 80, 89, 1, 0, header.length & 255, header.length >> 8];
  const bytes = new Uint8Array(start.length + header.length + values.byteLength);
  bytes.set([...start, ...new TextEncoder().encode(header)]);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), start.length + header.length);
  return bytes;
}

/** An NPZ file. */
export function npzBytes(arrays: Readonly<Record<string, Uint8Array>>): Uint8Array {
  return zipSync(Object.fromEntries(Object.entries(arrays).map(([name, bytes]) => [`${name}.npy`, bytes])));
}
