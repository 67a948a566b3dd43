import { checkCount } from "./shape.js";

/** How many threads the kernels run on. */
export interface Threads {
  /** Threads in use, this one included. */
  readonly count: number;
  /** Why there are fewer than were asked for; null if there are not. */
  readonly reason: string | null;
}

/**
 * Asks for a number of threads and waits until they are ready. This version runs its kernels on one, and says so; results do not
 * depend on the number.
 *
 * @param n - how many, ≥ 1; 1 by default
 * @throws ArgumentError if it is not a whole number ≥ 1
 * @example
 * ```ts
 * const { count } = await threads(2);
 * count; // 1
 * ```
 */
export async function threads(n = 1): Promise<Threads> {
  checkCount("threads(n)", "n", n);
  return { count: 1, reason: n > 1 ? "this version runs its kernels on one thread" : null };
}
