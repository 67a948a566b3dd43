import { alone, type Communicator } from "../communicator.js";
import { connect, isLaunchedByMpi } from "../mpi/connect.js";

/** The communicator of this run: that of MPI where `mpirun` started several processes, else this process alone. */
export function joinRanks(timeout: number | undefined): Promise<Communicator> {
  if (!isLaunchedByMpi()) return Promise.resolve(alone);
  return connect(timeout === undefined ? {} : { timeout });
}

/** A value of rank 0, which must survive JSON, on every rank. */
export function share<Value>(communicator: Communicator, value: Value | null): Value {
  if (communicator.size === 1) return value as Value;
  const mine = communicator.rank === 0 ? new TextEncoder().encode(JSON.stringify(value)) : new Uint8Array();
  const length = Float64Array.of(mine.length);
  communicator.broadcast(length, 0, "length of the run's settings");
  const bytes = new Float64Array(length[0]);
  if (communicator.rank === 0) bytes.set(mine);
  communicator.broadcast(bytes, 0, "the run's settings");
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes)));
}
