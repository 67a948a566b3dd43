import { tensor } from "../../../create.js";
import { ArgumentError, DataError, FormatError, ShapeError } from "../../../errors.js";
import type { Module } from "../../../nn/module.js";
import { work } from "../../file-budget.js";
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

/** An input that is constant. @throws Unsupported if it is not */
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

/** Thrown while a node is imported: what of it no layer or op here does. */
export class Unsupported extends Error {
  readonly node: NodeProto;
  readonly received: string;
  /** A better cure than to leave the node out. */
  readonly cure: string | null;

  constructor(node: NodeProto, received: string, cure: string | null, cause: unknown) {
    super(received, { cause });
    this.node = node;
    this.received = received;
    this.cure = cure;
  }
}

/** What `make` makes of a node. @throws Unsupported where a layer refuses what the node says */
export function ofNode<T>(node: NodeProto, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ArgumentError || cause instanceof ShapeError || cause instanceof DataError)) throw cause;
    throw unsupported(node, `what the layer refuses (${cause.message.replace(/\.$/, "")})`, cause);
  }
}

/** Names what of a node there is no layer or op for. */
export function unsupported(node: NodeProto, received: string, cause?: unknown): Unsupported {
  return new Unsupported(node, received, null, cause);
}

/** Names an input that should be constant. @param reason - why it is not */
export function notConstant(node: NodeProto, graph: OnnxGraph, input: number, reason: string): Unsupported {
  const name = node.input[input] ?? "";
  const isDefault = graph.isListed(name) && graph.initializerOf(name) !== undefined;
  const cure = isDefault ? "Pass { initializersAreConstant: true } if nobody replaces it." : null;
  return new Unsupported(node, `input ${input} that is not constant: ${reason}`, cure, undefined);
}

/** So many faults are told. */
const mostFaults = 20;

/** One error for all that is missing. */
export function faultsOf(where: string, faults: readonly Unsupported[]): FormatError {
  const [first] = faults;
  const cure =
    faults.find((fault) => fault.cure !== null)?.cure ??
    `Leave ${faults.length === 1 ? "this node" : "these nodes"} out of the model, or build the network by hand and load its weights.`;
  if (faults.length === 1) {
    return new FormatError(
      {
        where: `${where}, ${nodeTitle(first.node)}`,
        expected: "what a layer or op of Evenkeel does",
        received: first.received,
        cure,
      },
      { cause: first.cause },
    );
  }
  const told = faults.slice(0, mostFaults).map(({ node, received }) => `${nodeTitle(node)}: ${received}`);
  const more = faults.length > mostFaults ? [`${faults.length - mostFaults} more`] : [];
  return new FormatError({
    where,
    expected: "what layers and ops of Evenkeel do",
    received: [...told, ...more].join("; "),
    cure,
  });
}
