import { tensor } from "../../../create.js";
import { ArgumentError, DataError, FormatError, ShapeError } from "../../../errors.js";
import type { Module } from "../../../nn/module.js";
import { work } from "../../file-budget.js";
import { titleOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { TensorValues } from "../file/tensor-values.js";
import type { Graph } from "../graph/graph.js";

/** A layer that does what nodes do, the one of them that it is named after, and the value that they make. */
export interface ImportedLayer {
  readonly layer: Module;
  readonly node: NodeProto;
  readonly output: string;
}

/** An input that is constant. @throws FormatError if it is not, naming the node */
export function valuesOf(node: NodeProto, graph: Graph, input: number): TensorValues {
  const values = graph.constant(node.input[input] ?? "");
  if (typeof values === "string") throw unsupported(node, graph, `input ${input} that is not constant: ${values}`);
  graph.model.spend(work.parameter * values.data.length);
  return values;
}

/** Gives a layer its parameters and buffers, in the layer's shapes. */
export function withState<M extends Module>(layer: M, values: Readonly<Record<string, Float64Array>>): M {
  const own = layer.stateDict();
  const state = Object.fromEntries(Object.entries(values).map(([key, data]) => [key, tensor(data, own[key].shape)]));
  layer.loadStateDict(state);
  for (const t of [...Object.values(own), ...Object.values(state)]) t.dispose();
  return layer;
}

/** To the seven digits that float32 holds: 0.9 is 0.8999999761581421 in the file. */
export function rounded(value: number): number {
  return Number(value.toPrecision(7));
}

/** What `make` makes of a node. @throws FormatError naming the node, where a layer refuses what the node says */
export function ofNode<T>(node: NodeProto, graph: Graph, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ArgumentError || cause instanceof ShapeError || cause instanceof DataError)) throw cause;
    throw unsupported(node, graph, `what the layer refuses (${cause.message.replace(/\.$/, "")})`, cause);
  }
}

/** Names the node, and what of it there is no layer for. */
export function unsupported(node: NodeProto, { model }: Graph, received: string, cause?: unknown): FormatError {
  const where = `${model.where}, ${titleOf(node)}`;
  const cure = "Leave this node out of the model, or build the network by hand and load its weights.";
  return new FormatError({ where, expected: "what a layer of Evenkeel does", received, cure }, { cause });
}
