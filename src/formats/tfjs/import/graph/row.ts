import type { GraphStep, Made } from "./graph-step.js";

/** Makes what a node of a graph model gives: one value, or a list of them. */
export type GraphRow = (at: GraphStep) => Made | readonly Made[];
