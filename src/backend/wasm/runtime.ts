import { BackendError } from "../../errors.js";
import { outOfMemory } from "../out-of-memory.js";
import { GuardedMemory } from "./guarded-memory.js";
import { kernelBytes } from "./kernels.generated.js";
import { WasmMemory } from "./memory.js";
import { leastWork, Pool } from "./pool.js";

/** A kernel, and its place among the exports. */
interface Kernel {
  readonly name: string;
  readonly index: number;
  readonly call: (...args: number[]) => void;
}

/** So many threads are started unless a number is asked for. */
const mostByDefault = 8;

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
  readonly memory: WasmMemory = isGuarded() ? new GuardedMemory() : new WasmMemory();
  readonly pool: Pool;
  readonly #kernels: Readonly<Record<string, Kernel>>;
  #asked = false;

  constructor(least?: typeof leastWork) {
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
    const names = Object.keys(instance.exports);
    const kernel = (name: string, index: number): Kernel => {
      return { name, index, call: instance.exports[name] as Kernel["call"] };
    };
    this.#kernels = Object.fromEntries(names.map((name, index) => [name, kernel(name, index)]));
    this.pool = new Pool(module, this.memory.memory, least);
  }

  /** Asks for a number of threads; at first by default for EVENKEEL_THREADS or, up to eight, as many as the machine runs at once. */
  askForThreads(count?: number): void {
    if (count === undefined && this.#asked) return;
    this.#asked = true;
    const wanted = count ?? defaultThreads();
    if (wanted !== this.pool.requested) this.pool.start(wanted);
  }

  /** Runs a kernel over all of its units on this thread. */
  run(kernel: string, units: number, ...args: number[]): void {
    this.#kernels[kernel].call(...args, 0, units);
  }

  /** Runs a kernel that needs working memory of its own, passed after the range. */
  runWithScratch(kernel: string, units: number, scratchBytes: number, ...args: number[]): void {
    this.withScratch(scratchBytes, (scratch) => this.#kernels[kernel].call(...args, 0, units, scratch));
  }

  /** As {@link Runtime.run}, on all threads if `work`, about what it takes one of them in ns, is worth it. */
  share(kernel: string, units: number, work: number, ...args: number[]): void {
    if (!this.#isShared(units, work)) this.run(kernel, units, ...args);
    else this.pool.run(this.#kernels[kernel], units, work, args, { at: 0, bytes: 0 });
  }

  /** As {@link Runtime.share}, with working memory for each thread. */
  shareWithScratch(kernel: string, units: number, work: number, scratchBytes: number, ...args: number[]): void {
    if (!this.#isShared(units, work)) {
      this.runWithScratch(kernel, units, scratchBytes, ...args);
      return;
    }
    const threads = this.pool.requested;
    const at = this.#allocate(scratchBytes, threads);
    try {
      this.pool.run(this.#kernels[kernel], units, work, args, { at, bytes: this.memory.stepOf(scratchBytes) });
    } finally {
      this.memory.free(at, scratchBytes, threads);
    }
  }

  #isShared(units: number, work: number): boolean {
    if (units < 2) return false;
    if (!this.#asked && work >= leastWork.asleep) this.askForThreads();
    return this.pool.isWorth(work);
  }

  #allocate(bytes: number, count = 1): number {
    const { memory } = this;
    try {
      return memory.allocate(bytes, count);
    } catch (error) {
      const backend = { name: "wasm", bytesInUse: () => memory.inUse, bytesAtMost: () => memory.limit } as const;
      throw outOfMemory("the working memory of a kernel", backend, count * bytes, error);
    }
  }

  /** Runs `body` with working memory that kernels of one member share. */
  withScratch<T>(bytes: number, body: (scratch: number) => T): T {
    const scratch = this.#allocate(bytes);
    try {
      return body(scratch);
    } finally {
      this.memory.free(scratch, bytes);
    }
  }
}

/** Whether EVENKEEL_GUARDS asks for memory that finds kernels which leave it, as the tests do. */
function isGuarded(): boolean {
  return globalThis.process?.env?.["EVENKEEL_GUARDS"] === "1";
}

/** What EVENKEEL_THREADS says, or how many threads the machine runs at once, up to eight. */
function defaultThreads(): number {
  const { process, navigator } = globalThis;
  const given = Number(process?.env?.["EVENKEEL_THREADS"]);
  if (Number.isInteger(given) && given >= 1) return given;
  const cores = process?.getBuiltinModule?.("node:os").availableParallelism() ?? navigator?.hardwareConcurrency ?? 1;
  return Math.min(cores, mostByDefault);
}
