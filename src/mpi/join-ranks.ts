import { alone, type Communicator } from "../communicator.js";
import { connect, isLaunchedByMpi } from "./connect.js";

/** The communicator of this process: that of MPI where `mpirun` started several, else this process alone. */
export function joinRanks(timeout: number | undefined): Promise<Communicator> {
  if (!isLaunchedByMpi()) return Promise.resolve(alone);
  return connect(timeout === undefined ? {} : { timeout });
}
