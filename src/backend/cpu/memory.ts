import type { Expectations, Memory } from "../backend.js";
import { findOffence } from "../host-checks.js";

let inUse = 0;

/** The f32 values of a block. */
export function f32(block: ArrayBuffer): Float32Array {
  return new Float32Array(block);
}

/** The f64 values of a block. */
export function f64(block: ArrayBuffer): Float64Array {
  return new Float64Array(block);
}

/** The i32 values of a block. */
export function i32(block: ArrayBuffer): Int32Array {
  return new Int32Array(block);
}

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Blocks that the garbage collector frees; only their sum is kept. */
export const memory: Memory<ArrayBuffer> & Expectations<ArrayBuffer> = {
  allocate(bytes) {
    // A multiple of 8 and never empty, so that a view of any type fits.
    const block = new ArrayBuffer(Math.max(8, Math.ceil(bytes / 8) * 8));
    inUse += bytes;
    return block;
  },

  free(_block, bytes) {
    inUse -= bytes;
  },

  write(block, values, offset = 0) {
    new Uint8Array(block, offset).set(bytesOf(values));
  },

  writeWide(block, values, at = 0) {
    f64(block).set(values, at);
  },

  read(block, bytes) {
    return Promise.resolve(block.slice(0, bytes));
  },

  readWide(block, count) {
    return Promise.resolve(f64(block).slice(0, count));
  },

  readSync(block, bytes) {
    return block.slice(0, bytes);
  },

  readInto(block, values) {
    bytesOf(values).set(new Uint8Array(block, 0, values.byteLength));
  },

  bytesAtMost: () => Number.POSITIVE_INFINITY,

  bytesInUse() {
    return inUse;
  },

  expect(check, block, count, fault) {
    const values = check.is === "moments" ? f64(block).subarray(0, 3 * count) : f32(block).subarray(0, count);
    const offence = findOffence(check, values);
    const error = offence === null ? null : fault(offence);
    if (error !== null) throw error;
  },
};
