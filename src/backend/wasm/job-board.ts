/**
 * Where the threads meet: words at fixed places of the shared memory, below all blocks. One job at a time: the thread that owns the memory
 * writes it, opens it, works on it like the others until all chunks are taken, closes it, and waits until nobody is inside. A chunk is a
 * range of the kernel's units. Each thread begins with a stretch of chunks of its own, the same in every job, so that it finds what it wrote
 * in its cache, and then helps with the others.
 *
 * Words that several threads write lie in cache lines of their own.
 */
export const board = {
  /** Byte address. */
  start: 1024,
  /** In 32-bit words. */
  length: 512,
  /** Counts up; odd while a job is open. */
  job: 0,
  /** Workers that are inside a job. */
  active: 16,
  /** Workers that sleep until `job` changes. */
  sleeping: 32,
  /** Kernels that trapped on another thread. */
  trapped: 48,
  /** Which generation of workers serves; those of an earlier one end. */
  generation: 49,
  /** The job itself, plain words: index of the kernel among the exports, units, chunks, threads, arguments; working memory, 0 if none, and its bytes. */
  kernel: 64,
  units: 65,
  chunks: 66,
  threads: 67,
  argumentCount: 68,
  scratch: 69,
  scratchBytes: 70,
  /** Arguments, as float64, from this word on. */
  arguments: 72,
  maxArguments: 40,
  /** For each slot from this word on, the generation of the worker that is ready there. */
  joined: 160,
  /** For each chunk from this word on, the last job in which somebody has taken it. */
  claims: 256,
  maxChunks: 256,
} as const;

/** Where each number of a {@link board} stands. */
export type Board = typeof board;
