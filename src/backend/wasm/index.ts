import type { Backend, Memory } from "../backend.js";
import { conv } from "./conv.js";
import { elementwise } from "./elementwise.js";
import { gemm } from "./gemm.js";
import { losses } from "./losses.js";
import { normalization } from "./normalization.js";
import { optimization } from "./optimization.js";
import { pooling } from "./pooling.js";
import { reductions } from "./reductions.js";
import { Runtime } from "./runtime.js";

/** Blocks are addresses in the shared memory. */
function memory({ memory }: Runtime): Memory<number> {
  const copyOut = (block: number, bytes: number): ArrayBuffer =>
    memory.bytes.slice(block, block + bytes).buffer as ArrayBuffer;
  return {
    allocate: (bytes) => memory.allocate(bytes),
    free: (block, bytes) => memory.free(block, bytes),
    write(block, values, offset = 0) {
      memory.bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), block + offset);
    },
    read: async (block, bytes) => copyOut(block, bytes),
    readSync: copyOut,
    bytesInUse: () => memory.inUse,
  };
}

let instance: Backend<number> | null = null;

/** The wasm backend, compiled at first use. @throws BackendError if WebAssembly is refused here */
export function wasm(): Backend<number> {
  if (instance === null) {
    const runtime = new Runtime();
    instance = {
      name: "wasm",
      ...memory(runtime),
      ...elementwise(runtime),
      ...reductions(runtime),
      ...gemm(runtime),
      ...conv(runtime),
      ...pooling(runtime),
      ...normalization(runtime),
      ...losses(runtime),
      ...optimization(runtime),
    };
  }
  return instance;
}
