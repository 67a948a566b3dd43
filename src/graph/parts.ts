import type { Tensor } from "../tensor.js";
import { type Argument, leavesOf, StateRef } from "./argument.js";
import type { Branch } from "./branch.js";
import type { NetworkNode, OpenShape } from "./node.js";

/** An input of a graph: the shape it was traced with; null where any will do. */
export interface GraphInput {
  /** Its sizes; a size that may vary refers to an axis of the first input. */
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

/** The parameters and buffers that ops take, each with the name of one that does. */
export function tensorsReadByOps(parts: GraphParts): Map<Tensor, string> {
  const state = stateOf(parts);
  const found = new Map<Tensor, string>();
  const read = (tree: unknown, by: string): void => {
    for (const leaf of leavesOf(tree)) {
      const t = leaf instanceof StateRef ? state.get(leaf.key) : undefined;
      if (t !== undefined) found.set(t, by);
    }
  };
  for (const node of parts.nodes) read(node.args, node.name);
  read(parts.output, "the output");
  return found;
}
