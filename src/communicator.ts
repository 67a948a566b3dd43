/**
 * How the processes of one training (ranks 0 … size − 1) exchange numbers. Every member is a collective: each rank must
 * call it, in the same order and with arrays of the same length, and it returns when this rank's result is there.
 * `evenkeel/mpi` has one on MPI, {@link inProcessCommunicator} one for threads of a process.
 *
 * `purpose` says what a collective is for (`BatchNorm(64) at features.1, forward`), so that a rank that is missing can
 * be told what it missed.
 */
export interface Communicator {
  /** This process, from 0. */
  readonly rank: number;
  /** How many processes there are. */
  readonly size: number;
  /** values[i] ← Σ over ranks of values[i], in place; the same bits on every rank. */
  allReduceSum(values: Float32Array | Float64Array, purpose?: string): void;
  /**
   * Begins {@link Communicator.allReduceSum}, so that this rank can go on computing; the array must be left alone until
   * {@link PendingCollective.finish}. Several may be under way, begun in the same order on every rank.
   */
  beginAllReduceSum(values: Float32Array | Float64Array, purpose?: string): PendingCollective;
  /** The values of all ranks one after another, in the order of ranks: size · length of them. */
  allGather(values: Float64Array, purpose?: string): Float64Array;
  /** values ← those of rank `root`, in place. @param root - 0 by default */
  broadcast(values: Float32Array | Float64Array, root?: number, purpose?: string): void;
  /** Returns when every rank has called it. */
  barrier(purpose?: string): void;
}

/** A collective that has been begun. */
export interface PendingCollective {
  /** Waits until the result is there. */
  finish(): void;
}

/** One process by itself: every collective leaves things as they are. */
export const alone: Communicator = {
  rank: 0,
  size: 1,
  allReduceSum() {},
  beginAllReduceSum: () => ({ finish() {} }),
  allGather: (values) => values.slice(),
  broadcast() {},
  barrier() {},
};

/** A number that tells purposes apart, to go with what is exchanged: a hash of 32 bits (FNV-1a). */
export function markOf(purpose: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < purpose.length; i++) hash = Math.imul(hash ^ purpose.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
