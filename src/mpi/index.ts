/**
 * Ranks that `mpirun` started: `evenkeel/mpi`. Needs an MPI library and the package koffi.
 *
 * @module
 */
export type { Communicator, PendingCollective } from "../communicator.js";
export { type ConnectOptions, connect, isLaunchedByMpi, type MpiCommunicator } from "./connect.js";
