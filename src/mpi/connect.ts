import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { type Communicator, markOf, type PendingCollective } from "../communicator.js";
import { ArgumentError, CommunicationError, EvenkeelError } from "../errors.js";
import { checkOptions } from "../options.js";
import { threads } from "../threads.js";
import { launchedBy, loadMpi, type MpiLibrary, type Request, threadsPerRank } from "./library.js";
import { Watchdog } from "./watchdog.js";

/** Options of {@link connect}. */
export interface ConnectOptions {
  /** Seconds that a collective may take before the ranks that are missing are looked for; > 0. @defaultValue 60 */
  readonly timeout?: number;
  /**
   * The MPI library's file.
   *
   * @defaultValue the environment variable EVENKEEL_MPI, or the usual names of Open MPI and MPICH
   */
  readonly library?: string;
}

/** A {@link Communicator} among the processes that `mpirun` started. */
export interface MpiCommunicator extends Communicator {
  /** Bytes handed to MPI by this rank so far, of all collectives. */
  readonly bytesGiven: number;
  /** Ends the whole job at once, with this exit code. */
  abort(code: number): void;
}

let connected: Promise<MpiCommunicator> | null = null;

/**
 * Joins the processes that `mpirun` started: `mpirun -np 2 node train.js`. Every collective is a non-blocking one that
 * is polled up to a deadline; when it has passed, the ranks tell each other where they wait, and a `CommunicationError`
 * names those that do not answer within 2 s or wait elsewhere. MPI is finalised when the process ends with exit code 0;
 * any other end ends the whole job.
 *
 * Unless EVENKEEL_THREADS says otherwise, each rank gets the machine's cores divided by its ranks there as threads.
 *
 * @throws MissingPackageError if koffi is not installed
 * @throws CommunicationError if `mpirun` did not start this process, or there is no MPI library
 * @throws ArgumentError if the timeout is not a number above 0
 */
export function connect(options: ConnectOptions = {}): Promise<MpiCommunicator> {
  checkOptions("connect()", options, { timeout: true, library: true });
  connected ??= join(options).catch((error: unknown) => {
    connected = null;
    throw error;
  });
  return connected;
}

/** Whether `mpirun` started this process together with others. */
export function isLaunchedByMpi(): boolean {
  return (launchedBy()?.size ?? 1) > 1;
}

async function join({ timeout = 60, library }: ConnectOptions): Promise<MpiCommunicator> {
  if (!(timeout > 0 && timeout < Number.POSITIVE_INFINITY)) {
    throw new ArgumentError({
      where: "connect({ timeout })",
      expected: "a number of seconds above 0",
      received: String(timeout),
      cure: "Pass for example 60.",
    });
  }
  const launch = launchedBy();
  if (launch === null) {
    throw new CommunicationError({
      where: "connect()",
      expected: "a process that mpirun started",
      received: "one started by itself",
      cure: "Run: mpirun -np 2 node …",
      ranks: [],
    });
  }
  const mpi = await loadMpi(library ?? process.env["EVENKEEL_MPI"]);
  mpi.init();
  if (process.env["EVENKEEL_THREADS"] === undefined) await threads(threadsPerRank(launch.localRanks));
  const communicator = communicate(mpi, timeout);
  process.once("exit", (code) => leave(mpi, communicator, code));
  return communicator;
}

/** Other ranks may still need this one: it leaves together with them, or ends the job. */
function leave(mpi: MpiLibrary, communicator: MpiCommunicator, code: number): void {
  if (code !== 0) return;
  try {
    communicator.barrier("end of the program");
    mpi.finalize();
  } catch (error) {
    process.stderr.write(`evenkeel: ${error instanceof EvenkeelError ? error.message : String(error)}\n`);
    mpi.abort(1);
  }
}

function communicate(mpi: MpiLibrary, timeout: number): MpiCommunicator {
  const rank = mpi.rank();
  const size = mpi.size();
  let watchdog = new Watchdog(mpi, rank, size, timeout, []);
  let sequence = 0;
  let bytesGiven = 0;
  const ranks = Array.from({ length: size }, (_, r) => r);

  const begin = (
    purpose: string,
    bytes: number,
    start: () => Request,
    isSound: () => boolean = () => true,
  ): PendingCollective => {
    const waiting = { sequence: ++sequence, purpose };
    bytesGiven += bytes;
    const request = start();
    return { finish: () => watchdog.wait(request, waiting, isSound) };
  };
  const allGather = (values: Float64Array, purpose = "allGather"): Float64Array => {
    // Each rank's values go behind a mark of what they are for.
    const mine = Float64Array.of(markOf(purpose), ...values);
    const all = new Float64Array(size * mine.length);
    const isSound = (): boolean => ranks.every((r) => all[r * mine.length] === mine[0]);
    begin(purpose, mine.byteLength, () => mpi.startAllGather(mine, all), isSound).finish();
    return all.filter((_, i) => i % mine.length !== 0);
  };
  const beginAllReduceSum = (values: Float32Array | Float64Array, purpose = "allReduceSum"): PendingCollective => {
    // Gradients are many and go as they are; what a layer exchanges in float64 is little, and marked.
    if (values instanceof Float32Array) return begin(purpose, values.byteLength, () => mpi.startAllReduceSum(values));
    const marked = Float64Array.of(markOf(purpose), ...values);
    const isSound = (): boolean => marked[0] === size * markOf(purpose);
    const { finish } = begin(purpose, marked.byteLength, () => mpi.startAllReduceSum(marked), isSound);
    return {
      finish() {
        finish();
        values.set(marked.subarray(1));
      },
    };
  };
  watchdog = new Watchdog(
    mpi,
    rank,
    size,
    timeout,
    neighboursOf(allGather(Float64Array.of(process.pid, hostNumber()), "connect()"), rank),
  );
  return {
    rank,
    size,
    get bytesGiven() {
      return bytesGiven;
    },
    allGather,
    beginAllReduceSum,
    allReduceSum: (values, purpose) => beginAllReduceSum(values, purpose).finish(),
    broadcast: (values, root = 0, purpose = "broadcast") =>
      begin(purpose, values.byteLength, () => mpi.startBroadcast(values, root)).finish(),
    barrier: (purpose = "barrier") => beginAllReduceSum(new Float64Array(1), purpose).finish(),
    abort: (code) => mpi.abort(code),
  };
}

/** The processes on this rank's own machine, by rank. */
function neighboursOf(told: Float64Array, rank: number): (number | null)[] {
  const host = told[2 * rank + 1];
  return Array.from({ length: told.length / 2 }, (_, r) => (told[2 * r + 1] === host ? told[2 * r] : null));
}

/**
 * A number that tells apart where process numbers mean the same: a hash of the host's name and, in containers, of their
 * name space.
 */
function hostNumber(): number {
  let space = "";
  try {
    space = readlinkSync("/proc/self/ns/pid");
  } catch {
    // Only Linux has it.
  }
  return markOf(hostname() + space);
}
