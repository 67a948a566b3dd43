import { BackendError } from "../../errors.js";
import { kernelBytes } from "./kernels.generated.js";
import { WasmMemory } from "./memory.js";

type Kernel = (...args: number[]) => void;

/** The bytes behind base64, without `Buffer` (Node only) or `Uint8Array.fromBase64` (new engines only). */
function decode(base64: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/**
 * The compiled kernels and the memory they work on.
 *
 * A kernel takes pointers and counts, and last the range of its units (rows, channels, images, pieces …) that this call
 * does. Results never depend on how the range is cut, so the cuts may be handed to several threads.
 */
export class Runtime {
  readonly memory = new WasmMemory();
  readonly #kernels: Record<string, Kernel>;

  constructor() {
    let module: WebAssembly.Module;
    try {
      module = new WebAssembly.Module(decode(kernelBytes));
    } catch (cause) {
      throw new BackendError(
        {
          where: "the wasm backend",
          expected: "leave to compile WebAssembly with 128-bit SIMD and threads",
          received: String(cause),
          cure: "Add 'wasm-unsafe-eval' to script-src of the Content-Security-Policy, or use a newer engine.",
        },
        { cause },
      );
    }
    const instance = new WebAssembly.Instance(module, { env: { memory: this.memory.memory } });
    this.#kernels = instance.exports as Record<string, Kernel>;
  }

  /** Runs a kernel over all of its units. */
  run(kernel: string, units: number, ...args: number[]): void {
    this.#kernels[kernel](...args, 0, units);
  }

  /** Runs a kernel that needs working memory of its own, passed after the range. */
  runWithScratch(kernel: string, units: number, scratchBytes: number, ...args: number[]): void {
    const scratch = this.memory.allocate(scratchBytes);
    try {
      this.#kernels[kernel](...args, 0, units, scratch);
    } finally {
      this.memory.free(scratch, scratchBytes);
    }
  }

  /** Runs `body` with working memory that kernels of one member share. */
  withScratch<T>(bytes: number, body: (scratch: number) => T): T {
    const scratch = this.memory.allocate(bytes);
    try {
      return body(scratch);
    } finally {
      this.memory.free(scratch, bytes);
    }
  }
}
