/**
 * Where the threads meet: words at fixed places of the shared memory, below all blocks. One job at a time: the thread that owns the memory
 * writes it, opens it, works on it like the others, waits for its last chunk, and closes it. A chunk is a range of the kernel's units.
 *
 * Words that several threads write lie in cache lines of their own.
 */
export const board = {
  /** Byte address. */
  start: 1024,
  /** In 32-bit words. */
  length: 256,
  /** Counts up; odd while a job is open. */
  job: 0,
  /** The next chunk that nobody has taken. */
  cursor: 16,
  /** Chunks done. */
  finished: 32,
  /** Workers that are inside a job. */
  active: 48,
  /** Workers that sleep until `job` changes. */
  sleeping: 64,
  /** Kernels that trapped on another thread. */
  trapped: 80,
  /** Which generation of workers serves; those of an earlier one end. */
  generation: 81,
  /** The job itself, plain words: index of the kernel among the exports, units, chunks, arguments; working memory, 0 if none, and its bytes. */
  kernel: 96,
  units: 97,
  chunks: 98,
  argumentCount: 99,
  scratch: 100,
  scratchBytes: 101,
  /** Arguments, as float64, from this word on. */
  arguments: 112,
  maxArguments: 40,
  /** For each slot from this word on, the generation of the worker that is ready there. */
  joined: 192,
} as const;

/** Where each number of a {@link board} stands. */
export type Board = typeof board;
