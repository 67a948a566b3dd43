import { BackendError, OutOfMemoryError } from "../../errors.js";
import { formatBytes } from "../format-bytes.js";
import { GuardedMemory } from "./guarded-memory.js";
import { type Compiled, type Kernel, listArguments, type Size } from "./kernel.js";
import { kernelBytes } from "./kernels.generated.js";
import { WasmMemory } from "./memory.js";
import { leastWork, Pool } from "./pool.js";

/** How many units a kernel has, and about what they take one thread, in ns. */
interface Shared {
  readonly units: number;
  readonly work: number;
}

/** So many threads are started unless a number is asked for. */
const mostByDefault = 8;

/** The bytes behind base64, without `Buffer` (Node only) or `Uint8Array.fromBase64` (new engines only). */
/** Bytes from two lower case digits each. */
function decode(hex: string): Uint8Array<ArrayBuffer> {
  const digit = (place: number): number => {
    const code = hex.charCodeAt(place);
    return code < 97 ? code - 48 : code - 87; // 0 to 9, a to f
  };
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = 16 * digit(2 * i) + digit(2 * i + 1);
  return bytes;
}

/** The compiled kernels and the memory they work on. Kernels are called by their descriptions: see kernel.ts. */
export class Runtime {
  readonly memory: WasmMemory = isGuarded() ? new GuardedMemory() : new WasmMemory();
  readonly pool: Pool;
  readonly #functions: readonly Compiled[];
  #asked = false;

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
    this.#functions = Object.values(instance.exports) as Compiled[];
    this.pool = new Pool(module, this.memory.memory);
  }

  /**
   * Asks for a number of threads; at first by default for EVENKEEL_THREADS or, up to eight, as many as the machine runs
   * at once.
   */
  askForThreads(count?: number): void {
    if (count === undefined && this.#asked) return;
    this.#asked = true;
    const wanted = count ?? defaultThreads();
    if (wanted !== this.pool.requested) this.pool.start(wanted);
  }

  /** Bytes of something, as the kernels' own function says. */
  size<Arguments>(size: Size<Arguments>, named: NoInfer<Arguments>): number {
    return size.call(this.#functions[size.index], named);
  }

  /** Runs a kernel over all of its units on this thread. */
  run<Arguments>(kernel: Kernel<Arguments>, units: number, named: NoInfer<Arguments>): void {
    const compiled = this.#functions[kernel.index];
    if (kernel.scratch === null) kernel.call(compiled, named, 0, units, 0);
    else this.withScratch(this.size(kernel.scratch, named), (at) => kernel.call(compiled, named, 0, units, at));
  }

  /** As {@link Runtime.run}, on all threads if the work is worth it. */
  share<Arguments>(kernel: Kernel<Arguments>, { units, work }: Shared, named: NoInfer<Arguments>): void {
    if (!this.#isShared(units, work)) {
      this.run(kernel, units, named);
      return;
    }
    const { name, index, scratch } = kernel;
    const job = { name, index, call: this.#functions[index] };
    const args = listArguments(kernel, named);
    if (scratch === null) {
      this.pool.run(job, units, work, args, { at: 0, bytes: 0 });
      return;
    }
    const bytes = this.size(scratch, named);
    const threads = this.pool.requested;
    const at = this.#allocateScratch(bytes, threads);
    try {
      this.pool.run(job, units, work, args, { at, bytes: this.memory.stepOf(bytes) });
    } finally {
      this.memory.free(at, bytes, threads);
    }
  }

  #isShared(units: number, work: number): boolean {
    if (units < 2) return false;
    if (!this.#asked && work >= leastWork.asleep) this.askForThreads();
    return this.pool.isWorth(work);
  }

  /** Runs `body` with working memory that kernels of one member share. */
  withScratch<T>(bytes: number, body: (scratch: number) => T): T {
    const scratch = this.#allocateScratch(bytes);
    try {
      return body(scratch);
    } finally {
      this.memory.free(scratch, bytes);
    }
  }

  #allocateScratch(bytes: number, count = 1): number {
    try {
      return this.memory.allocate(bytes, count);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      const { inUse: used, limit } = this.memory;
      throw new OutOfMemoryError(
        {
          where: "the working memory of a kernel",
          expected: `room for ${formatBytes(count * bytes)} on the wasm backend`,
          received: `a refusal with ${formatBytes(used)} in use`,
          cure: "Use a smaller batch, or open a scope() around each step.",
          ...{ bytes: count * bytes, used, limit },
        },
        { cause },
      );
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
