import { type Communicator, markOf } from "../communicator.js";
import { ArgumentError, CommunicationError } from "../errors.js";
import { checkCount } from "../shape.js";

/** Memory through which the ranks of one process meet: post it to every worker. */
export interface InProcessGroup {
  /** How many ranks. */
  readonly size: number;
  /** Arrivals and generation of the barrier, then the length and the values that each rank brings. */
  readonly memory: SharedArrayBuffer;
}

/** Values a rank brings at once; longer arrays go in pieces. */
const pieceLength = 4096;
const headBytes = 64;
/** Before the values: how many there are, and the mark of what they are for. */
const slotHead = 2;
const slotBytes = 8 * (slotHead + pieceLength);

/**
 * Memory for {@link inProcessCommunicator}.
 *
 * @param size - how many ranks, each on a thread of its own
 * @throws ArgumentError if it is not a whole number ≥ 1
 */
export function inProcessGroup(size: number): InProcessGroup {
  checkCount("inProcessGroup(size)", "size", size);
  return { size, memory: new SharedArrayBuffer(headBytes + size * slotBytes) };
}

/**
 * A communicator among threads of one process (Node workers, web workers), over shared memory: for tests, and to try
 * what will run under MPI. A rank blocks while it waits, so each needs a thread of its own; a browser's main thread
 * cannot be one.
 *
 * @param group - from {@link inProcessGroup}, posted to every worker
 * @param rank - this thread's number, from 0
 * @param options - `timeout`: seconds after which a rank that has not come is given up
 * @throws ArgumentError if the group has no such rank
 * @example
 * ```ts
 * const communicator = inProcessCommunicator(inProcessGroup(1), 0);
 * communicator.allGather(Float64Array.of(1, 2)); // Float64Array [1, 2]
 * ```
 */
export function inProcessCommunicator(
  { size, memory }: InProcessGroup,
  rank: number,
  { timeout = 60 }: { readonly timeout?: number } = {},
): Communicator {
  if (!Number.isInteger(rank) || rank < 0 || rank >= size) {
    throw new ArgumentError({
      where: "inProcessCommunicator(group, rank)",
      expected: `a rank from 0 to ${size - 1}`,
      received: String(rank),
      cure: "Number the threads from 0.",
    });
  }
  const words = new Int32Array(memory, 0, 2);
  const slots = Array.from(
    { length: size },
    (_, r) => new Float64Array(memory, headBytes + r * slotBytes, slotHead + pieceLength),
  );

  const barrier = (purpose = "barrier"): void => {
    const generation = Atomics.load(words, 1);
    if (Atomics.add(words, 0, 1) === size - 1) {
      Atomics.store(words, 0, 0);
      Atomics.add(words, 1, 1);
      Atomics.notify(words, 1);
      return;
    }
    while (Atomics.load(words, 1) === generation) {
      if (Atomics.wait(words, 1, generation, 1000 * timeout) !== "timed-out") continue;
      throw new CommunicationError({
        where: `rank ${rank} of ${size}, ${purpose}`,
        expected: `every rank within ${timeout} s`,
        received: `only ${Atomics.load(words, 0)} of ${size}`,
        cure: "Let every rank run the same steps.",
        ranks: [],
      });
    }
  };

  /** Hands each piece of `values` over; `take` is given what all ranks brought, by rank. */
  const exchange = (
    values: ArrayLike<number>,
    purpose: string,
    take: (pieces: readonly Float64Array[], start: number, count: number) => void,
  ): void => {
    let start = 0;
    do {
      const count = Math.min(pieceLength, values.length - start);
      slots[rank].set([values.length, markOf(purpose)]);
      for (let i = 0; i < count; i++) slots[rank][slotHead + i] = values[start + i];
      barrier(purpose);
      const other = slots.findIndex((slot) => slot[0] !== values.length || slot[1] !== markOf(purpose));
      if (other >= 0) throw mismatch(other, slots[other][0], values.length, purpose);
      take(
        slots.map((slot) => slot.subarray(slotHead)),
        start,
        count,
      );
      barrier(purpose);
      start += count;
    } while (start < values.length);
  };

  const mismatch = (other: number, otherLength: number, length: number, purpose: string): CommunicationError =>
    new CommunicationError({
      where: `rank ${rank} of ${size}, ${purpose}`,
      expected: `${length} values from every rank`,
      received:
        otherLength === length ? `those of another collective from rank ${other}` : `${otherLength} from rank ${other}`,
      cure: "Let every rank run the same steps.",
      ranks: [other],
    });

  const allReduceSum = (values: Float32Array | Float64Array, purpose = "allReduceSum"): void => {
    exchange(values, purpose, (pieces, start, count) => {
      for (let i = 0; i < count; i++) values[start + i] = pieces.reduce((sum, piece) => sum + piece[i], 0);
    });
  };

  return {
    rank,
    size,
    allReduceSum,
    // Done where it is begun: threads of one process gain nothing by waiting.
    beginAllReduceSum(values, purpose) {
      allReduceSum(values, purpose);
      return { finish() {} };
    },
    allGather(values, purpose = "allGather") {
      const gathered = new Float64Array(size * values.length);
      exchange(values, purpose, (pieces, start, count) => {
        pieces.forEach((piece, r) => {
          gathered.set(piece.subarray(0, count), r * values.length + start);
        });
      });
      return gathered;
    },
    broadcast(values, root = 0, purpose = "broadcast") {
      exchange(values, purpose, (pieces, start, count) => values.set(pieces[root].subarray(0, count), start));
    },
    barrier,
  };
}
