/**
 * Where the threads meet: words at fixed places of the shared memory, below all blocks. One job at a time: the thread
 * that owns the memory writes it, opens it, works on it like the others until all chunks are taken, closes it, and
 * waits until nobody is inside. A chunk is a range of the kernel's units. Each thread begins with a stretch of chunks
 * of its own, the same in every job, so that it finds what it wrote in its cache, and then helps with the others.
 *
 * Words that several threads write lie in cache lines of their own; a job is read with the word that opens it.
 */
export const board = {
  /** Byte address. */
  start: 1024,
  /** In 32-bit words. */
  length: 1280,
  /** Counts up; odd while a job is open. */
  job: 0,
  /**
   * The job itself, plain words: index of the kernel among the exports, units, chunks, threads, arguments; working
   * memory, 0 if none, and its bytes.
   */
  kernel: 1,
  units: 2,
  chunks: 3,
  threads: 4,
  argumentCount: 5,
  scratch: 6,
  scratchBytes: 7,
  /** Arguments, as float64, from this word on. */
  arguments: 8,
  maxArguments: 36,
  /** Workers that are inside a job. */
  active: 80,
  /** Workers that sleep until `job` changes. */
  sleeping: 96,
  /** Kernels that trapped on another thread. */
  trapped: 112,
  /** Which generation of workers serves; those of an earlier one end. */
  generation: 113,
  /** For each slot from this word on, the generation of the worker that is ready there. */
  joined: 128,
  /**
   * For each slot so many words from this one on: the last job in which somebody took the first, second … chunk of its
   * stretch.
   */
  claims: 256,
  claimsPerSlot: 16,
} as const;

/** Where each number of a {@link board} stands. */
export type Board = typeof board;
