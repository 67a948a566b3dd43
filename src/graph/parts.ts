import type { Tensor } from "../tensor.js";
import type { Argument } from "./argument.js";
import type { Branch } from "./branch.js";
import type { NetworkNode, OpenShape } from "./node.js";

/** An input of a graph: the shape it was traced with; null where any will do. */
export interface GraphInput {
  readonly shape: OpenShape | null;
}

/** What a graph is made of. */
export interface GraphParts {
  readonly inputs: readonly GraphInput[];
  readonly nodes: readonly NetworkNode[];
  /** What `forward` returns: a value, or arrays and objects of them. */
  readonly output: Argument;
  /** Tensors that `forward` makes itself. */
  readonly constants: readonly Tensor[];
  /** The model's names, with its layers, parameters and buffers. */
  readonly names: Branch;
  /** False: it holds what the network does in evaluation alone. */
  readonly trains: boolean;
}

/** The tensors of the state dict themselves, by key. */
export function stateOf({ names }: GraphParts): ReadonlyMap<string, Tensor> {
  return new Map(names.ownState());
}
