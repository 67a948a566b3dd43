import { availableParallelism, cpus } from "node:os";
import { CommunicationError, MissingPackageError } from "../errors.js";

/** What of koffi is used here. */
interface Koffi {
  load(path: string): KoffiLibrary;
}
interface KoffiLibrary {
  func(prototype: string): (...args: unknown[]) => number;
  symbol(name: string, type: string): unknown;
}

/** Handles are addresses in Open MPI and whole numbers in MPICH. */
type Handle = unknown;
/** Room for one request, whatever it is. */
export type Request = BigUint64Array;

/** The functions of MPI that are needed, with the constants of the library that was found. */
export interface MpiLibrary {
  /** Its file. */
  readonly file: string;
  /** Starts MPI; from then on errors are thrown. */
  init(): void;
  finalize(): void;
  abort(code: number): void;
  rank(): number;
  size(): number;
  startAllReduceSum(values: Float32Array | Float64Array): Request;
  startAllGather(mine: Float64Array, all: Float64Array): Request;
  startBroadcast(values: Float32Array | Float64Array, root: number): Request;
  startSend(bytes: Uint8Array, to: number, tag: number): Request;
  startReceive(bytes: Uint8Array, from: number, tag: number): Request;
  /** Whether a message of this tag waits, from whomever. */
  probe(tag: number): boolean;
  /** Whether a request is complete; drives everything that is under way. @throws CommunicationError if it failed */
  test(request: Request): boolean;
}

const candidates = ["libmpi.so.40", "libmpi.so.12", "libmpich.so.12", "libmpi.so", "libmpi.40.dylib", "libmpi.dylib"];

/** What an MPI library calls its handles and constants. */
interface Dialect {
  readonly handle: "void *" | "int";
  readonly world: Handle;
  readonly float: Handle;
  readonly double: Handle;
  readonly byte: Handle;
  readonly sum: Handle;
  readonly errorsReturn: Handle;
  readonly inPlace: bigint;
  readonly statusIgnore: bigint;
  readonly anySource: number;
}

function dialectOf(library: KoffiLibrary): Dialect {
  try {
    const symbol = (name: string): Handle => library.symbol(name, "char");
    return {
      handle: "void *",
      world: symbol("ompi_mpi_comm_world"),
      float: symbol("ompi_mpi_float"),
      double: symbol("ompi_mpi_double"),
      byte: symbol("ompi_mpi_byte"),
      sum: symbol("ompi_mpi_op_sum"),
      errorsReturn: symbol("ompi_mpi_errors_return"),
      inPlace: 1n,
      statusIgnore: 0n,
      anySource: -1,
    };
  } catch {
    // Not Open MPI: MPICH and those that share its binary interface.
    return {
      handle: "int",
      world: 0x44000000,
      float: 0x4c00040a,
      double: 0x4c00080b,
      byte: 0x4c00010d,
      sum: 0x58000003,
      errorsReturn: 0x54000001,
      inPlace: -1n,
      statusIgnore: 1n,
      anySource: -2,
    };
  }
}

/**
 * Finds MPI and binds what is needed of it.
 *
 * @param named - a library's file, instead of the usual names
 * @throws MissingPackageError if koffi is not installed
 * @throws CommunicationError if there is no MPI library
 */
export async function loadMpi(named: string | undefined): Promise<MpiLibrary> {
  const koffi = await importKoffi();
  const files = named === undefined ? candidates : [named];
  for (const file of files) {
    let library: KoffiLibrary;
    try {
      library = koffi.load(file);
    } catch {
      continue;
    }
    return bind(file, library);
  }
  throw new CommunicationError({
    where: "connect()",
    expected: "an MPI library",
    received: `none of ${files.join(", ")}`,
    cure: "Install Open MPI (Debian: apt-get install openmpi-bin libopenmpi-dev), or set EVENKEEL_MPI to the library's file.",
    ranks: [],
  });
}

async function importKoffi(): Promise<Koffi> {
  try {
    const module: { default: Koffi } = await import("koffi");
    return module.default;
  } catch (cause) {
    throw new MissingPackageError({ where: "connect()", package: "koffi", purpose: "to call MPI" }, { cause });
  }
}

function bind(file: string, library: KoffiLibrary): MpiLibrary {
  const dialect = dialectOf(library);
  const { handle: h, world, inPlace, statusIgnore, anySource } = dialect;
  const checked = (prototype: string): ((...args: unknown[]) => void) => {
    const call = library.func(prototype);
    const name = prototype.slice(4, prototype.indexOf("("));
    return (...args) => {
      const code = call(...args);
      if (code === 0) return;
      throw new CommunicationError({
        where: name,
        expected: "success",
        received: `error ${code} of ${file}`,
        cure: "Look at what MPI itself has printed.",
        ranks: [],
      });
    };
  };
  const initThread = checked("int MPI_Init_thread(void *, void *, int, void *)");
  const commRank = checked(`int MPI_Comm_rank(${h}, void *)`);
  const commSize = checked(`int MPI_Comm_size(${h}, void *)`);
  const allReduce = checked(`int MPI_Iallreduce(void *, void *, int, ${h}, ${h}, ${h}, void *)`);
  const allGather = checked(`int MPI_Iallgather(void *, int, ${h}, void *, int, ${h}, ${h}, void *)`);
  const broadcast = checked(`int MPI_Ibcast(void *, int, ${h}, int, ${h}, void *)`);
  const send = checked(`int MPI_Isend(void *, int, ${h}, int, int, ${h}, void *)`);
  const receive = checked(`int MPI_Irecv(void *, int, ${h}, int, int, ${h}, void *)`);
  const probe = checked(`int MPI_Iprobe(int, int, ${h}, void *, void *)`);
  const test = checked("int MPI_Test(void *, void *, void *)");
  const setErrorHandler = checked(`int MPI_Comm_set_errhandler(${h}, ${h})`);
  const abort = library.func(`int MPI_Abort(${h}, int)`);
  const finalize = checked("int MPI_Finalize()");

  const answer = new Int32Array(1);
  const ask = (call: (...args: unknown[]) => void): number => {
    call(world, answer);
    return answer[0];
  };
  const typeOf = (values: Float32Array | Float64Array): Handle =>
    values instanceof Float32Array ? dialect.float : dialect.double;
  const request = (start: (room: Request) => void): Request => {
    const room = new BigUint64Array(1);
    start(room);
    return room;
  };
  return {
    file,
    init() {
      initThread(null, null, 0, answer);
      // By default MPI ends the job at the first error, without saying which layer it was in.
      setErrorHandler(world, dialect.errorsReturn);
    },
    finalize: () => finalize(),
    abort: (code) => void abort(world, code),
    rank: () => ask(commRank),
    size: () => ask(commSize),
    startAllReduceSum: (values) =>
      request((room) => allReduce(inPlace, values, values.length, typeOf(values), dialect.sum, world, room)),
    startAllGather: (mine, all) =>
      request((room) => allGather(mine, mine.length, dialect.double, all, mine.length, dialect.double, world, room)),
    startBroadcast: (values, root) =>
      request((room) => broadcast(values, values.length, typeOf(values), root, world, room)),
    startSend: (bytes, to, tag) => request((room) => send(bytes, bytes.length, dialect.byte, to, tag, world, room)),
    startReceive: (bytes, from, tag) =>
      request((room) => receive(bytes, bytes.length, dialect.byte, from, tag, world, room)),
    probe(tag) {
      probe(anySource, tag, world, answer, statusIgnore);
      return answer[0] !== 0;
    },
    test(room) {
      test(room, answer, statusIgnore);
      return answer[0] !== 0;
    },
  };
}

/** What `mpirun` tells each process before MPI is even loaded; null if it did not start this one. */
export function launchedBy(): { readonly size: number; readonly localRanks: number } | null {
  const { env } = process;
  const size = Number(env["OMPI_COMM_WORLD_SIZE"] ?? env["PMI_SIZE"] ?? env["MPI_LOCALNRANKS"]);
  if (!Number.isInteger(size) || size < 1) return null;
  const localRanks = Number(env["OMPI_COMM_WORLD_LOCAL_SIZE"] ?? env["MPI_LOCALNRANKS"] ?? size);
  return { size, localRanks: Number.isInteger(localRanks) && localRanks > 0 ? localRanks : size };
}

/** Threads for each rank of this machine: its cores shared out, and no more than a rank is bound to. */
export function threadsPerRank(localRanks: number): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(cpus().length / localRanks)));
}
