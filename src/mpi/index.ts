/**
 * Ranks that `mpirun` started: `evenkeel/mpi`. Needs an MPI library and the package koffi.
 *
 * @module evenkeel/mpi
 */
export type { Communicator, PendingCollective } from "../communicator.js";
export { type ConnectOptions, connect, isLaunchedByMpi, type MpiCommunicator } from "./connect.js";
