import { tensor } from "../../../create.js";
import type { Module } from "../../../nn/module.js";
import { work } from "../../file-budget.js";
import { attempted, Refusal } from "../../foreign/import-faults.js";
import { nodeTitle } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { TensorValues } from "../file/tensor-values.js";
import type { OnnxGraph } from "../graph/graph.js";

/** A layer that does what nodes do, the one of them that it is named after, and the value that they make. */
export interface ImportedLayer {
  readonly layer: Module;
  readonly node: NodeProto;
  readonly output: string;
}

/** An input that is constant. @throws Refusal if it is not */
export function constantValues(node: NodeProto, graph: OnnxGraph, input: number): TensorValues {
  const values = graph.constant(node.input[input] ?? "");
  if (typeof values === "string") throw notConstant(node, graph, input, values);
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

/** What `make` makes of a node. @throws Refusal where a layer refuses what the node says */
export function ofNode<T>(node: NodeProto, make: () => T): T {
  return attempted(nodeTitle(node), make);
}

/** Names what of a node there is no layer or op for. */
export function unsupported(node: NodeProto, received: string, cause?: unknown): Refusal {
  return new Refusal(nodeTitle(node), received, cause);
}

/** Names an input that should be constant. @param reason - why it is not */
export function notConstant(node: NodeProto, graph: OnnxGraph, input: number, reason: string): Refusal {
  const name = node.input[input] ?? "";
  const isDefault = graph.isListed(name) && graph.initializerOf(name) !== undefined;
  const cure = isDefault ? "Pass { initializersAreConstant: true } if nobody replaces it." : null;
  return new Refusal(nodeTitle(node), `input ${input} that is not constant: ${reason}`, undefined, cure);
}
