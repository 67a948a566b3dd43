import { wasmThreads } from "./backend/wasm/index.js";
import { checkCount } from "./shape.js";

/** How many threads the kernels run on. */
export interface Threads {
  /** Threads in use, this one included. */
  readonly count: number;
  /** Why there are fewer than were asked for; null if there are not. */
  readonly reason: string | null;
}

/**
 * Sets the number of threads on which the wasm backend works, and waits until they are ready. Without this call threads
 * are started when there is first enough work for them, and help from then on. Results do not depend on the number, to
 * the last bit.
 *
 * Workers share the kernels' memory. In a browser that takes a page that is cross-origin isolated; where it is not,
 * there is one thread and `reason` says so. A process ends without waiting for idle workers; they sleep and cost
 * nothing.
 *
 * @param n - how many, 1 to 64, this one included; by default what the environment variable EVENKEEL_THREADS says, or
 * as many as the machine runs at once, up to 8
 * @throws ArgumentError if it is not a whole number ≥ 1
 * @example
 * ```ts
 * const { count } = await threads(1);
 * count; // 1
 * ```
 */
export async function threads(n?: number): Promise<Threads> {
  if (n !== undefined) checkCount("threads(n)", "n", n);
  return wasmThreads(n);
}
