import { alone, type Communicator } from "../communicator.js";
import { connect, isLaunchedByMpi } from "../mpi/connect.js";

/** The communicator of this run: that of MPI where `mpirun` started several processes, else this process alone. */
export function joinRanks(timeout: number): Promise<Communicator> {
  if (!isLaunchedByMpi()) return Promise.resolve(alone);

  return connect({ timeout });
}
