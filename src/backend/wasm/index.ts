import type { Backend, Expectations, Memory } from "../backend.js";
import { findOffence } from "../host-checks.js";
import { conv } from "./conv.js";
import { elementwise } from "./elementwise.js";
import { gemm } from "./gemm.js";
import { GuardedMemory } from "./guarded-memory.js";
import { lookups } from "./lookups.js";
import { losses } from "./losses.js";
import { normalization } from "./normalization.js";
import { optimization } from "./optimization.js";
import { pooling } from "./pooling.js";
import { recurrences } from "./recurrences.js";
import { reductions } from "./reductions.js";
import { Runtime } from "./runtime.js";
import { statistics } from "./statistics.js";
import { summaries } from "./summary.js";

function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Blocks are addresses in the shared memory. */
function memory({ memory }: Runtime): Memory<number> & Expectations<number> {
  const copyOut = (block: number, bytes: number): ArrayBuffer =>
    memory.bytes.slice(block, block + bytes).buffer as ArrayBuffer;
  return {
    allocate: (bytes) => memory.allocate(bytes),
    free: (block, bytes) => memory.free(block, bytes),
    write: (block, values, offset = 0) => memory.bytes.set(bytesOf(values), block + offset),
    writeWide: (block, values, at = 0) => memory.bytes.set(bytesOf(values), block + 8 * at),
    read: async (block, bytes) => copyOut(block, bytes),
    readWide: async (block, count) => new Float64Array(copyOut(block, 8 * count)),
    readSync: copyOut,
    readInto: (block, values) => bytesOf(values).set(memory.bytes.subarray(block, block + values.byteLength)),
    bytesInUse: () => memory.inUse,
    bytesAtMost: () => memory.limit,
    expect(check, block, count, fault) {
      const { buffer } = memory.bytes;
      const values =
        check.is === "moments" ? new Float64Array(buffer, block, 3 * count) : new Float32Array(buffer, block, count);
      const offence = findOffence(check, values);
      const error = offence === null ? null : fault(offence);
      if (error !== null) throw error;
    },
  };
}

/** The wasm backend, and the threads it works on. */
interface Wasm {
  readonly runtime: Runtime;
  readonly backend: Backend<number>;
}

let instance: Wasm | null = null;

/** All members, on a runtime's memory and threads. */
export function membersOn(runtime: Runtime): Backend<number> {
  const norms = { ...statistics(runtime), ...normalization(runtime) };
  const products = gemm(runtime);
  return {
    name: "wasm",
    answersAtOnce: true,
    ...memory(runtime),
    ...elementwise(runtime),
    ...reductions(runtime),
    ...products,
    ...lookups(runtime),
    ...conv(runtime),
    ...pooling(runtime),
    ...recurrences(runtime, products),
    ...norms,
    ...summaries(runtime, norms),
    ...losses(runtime),
    ...optimization(runtime),
  };
}

function start(): Wasm {
  const runtime = new Runtime();
  return { runtime, backend: membersOn(runtime) };
}

/** The wasm backend, compiled at first use. @throws BackendError if WebAssembly is refused here */
export function wasm(): Backend<number> {
  instance ??= start();
  return instance.backend;
}

/** Asks for `count` threads, or for the number in force, and waits until they are ready or cannot be. */
export async function wasmThreads(count?: number): Promise<{ count: number; reason: string | null }> {
  instance ??= start();
  const { runtime } = instance;
  runtime.askForThreads(count);
  await runtime.pool.ready();
  return { count: runtime.pool.count, reason: runtime.pool.reason };
}

/**
 * Checks, where the memory is guarded, that no kernel has written beside a block that is in use.
 *
 * @throws Error naming the block
 */
export function checkGuards(): void {
  const memory = instance?.runtime.memory;
  if (memory instanceof GuardedMemory) memory.check();
}
