import { BackendError } from "../../errors.js";
import type { Memory } from "../backend.js";
import type { GpuBlock } from "./memory.js";
import type { Reader } from "./read.js";
import type { Recorder } from "./recorder.js";

/** The bytes of host values, which a device takes from plain memory only. */
function bytesOf(values: ArrayBufferView): [buffer: ArrayBuffer, offset: number, bytes: number] {
  const { buffer, byteOffset, byteLength } = values;
  if (buffer instanceof ArrayBuffer) return [buffer, byteOffset, byteLength];
  return [new Uint8Array(buffer, byteOffset, byteLength).slice().buffer, 0, byteLength];
}

/** Wide numbers as two f32, high and low. */
export function splitWide(values: Float64Array): Float32Array {
  const parts = new Float32Array(2 * values.length);
  values.forEach((value, i) => {
    const high = Math.fround(value);
    parts[2 * i] = high;
    parts[2 * i + 1] = Number.isFinite(high) ? value - high : 0;
  });
  return parts;
}

/** What {@link splitWide} split. */
function joinWide(parts: Float32Array): Float64Array {
  return Float64Array.from({ length: parts.length / 2 }, (_, i) => parts[2 * i] + parts[2 * i + 1]);
}

function notAtOnce(what: string): never {
  throw new BackendError({
    where: `${what} on the webgpu backend`,
    expected: "a call that may wait for the device",
    received: "one that needs the values at once",
    cure: 'Await data() instead, or make this tensor after setBackend("wasm").',
  });
}

/** Blocks of memory. */
export function memory(gpu: Recorder, reader: Reader): Memory<GpuBlock> {
  return {
    allocate: (bytes, where) => gpu.memory.allocate(bytes, where),
    free: (block, bytes) => gpu.memory.free(block, bytes),

    write(block, values, offset = 0) {
      gpu.write(block, offset, ...bytesOf(values));
    },

    writeWide(block, values, at = 0) {
      gpu.write(block, 8 * at, ...bytesOf(splitWide(values)));
    },

    read: (block, bytes) => reader.read(block, bytes),
    readWide: async (block, count) => joinWide(new Float32Array(await reader.read(block, 8 * count))),
    readSync: () => notAtOnce("dataSync()"),
    readInto: () => notAtOnce("a read"),
    bytesInUse: () => gpu.memory.inUse,
    bytesAtMost: () => Number.POSITIVE_INFINITY,
  };
}
