import { allAxes } from "../../../shape.js";
import type { NodeProto } from "../file/codec.js";
import { epsOf, parameterOf } from "./batch-norm-node.js";
import type { OnnxGraph } from "./graph.js";
import { NewNodes } from "./new-nodes.js";

/**
 * Replaces a batch norm by nodes that normalise by the batch: (x − mean) / √(mean of squared deviations + eps) · weight
 * + bias. They are of operators that every version has; training mode itself differs between versions, and onnxruntime
 * lacks older ones.
 *
 * @param rank - how many axes its input has
 */
export function normalizeByBatch(graph: OnnxGraph, node: NodeProto, rank: number): void {
  const [weight, bias] = [parameterOf(graph, node, "weight"), parameterOf(graph, node, "bias")];
  if (typeof weight === "string" || typeof bias === "string")
    throw new Error("internal: a norm without weight or bias");
  const perChannel = [1, weight.data.length, ...new Array<number>(Math.max(0, rank - 2)).fill(1)];
  const [x, y] = [node.input[0], node.output[0]];
  const made = new NewNodes(graph, y);
  const axes = axesButChannels(rank);
  const eps = made.constant({ type: weight.type, shape: [], data: Float64Array.of(epsOf(node)) });
  const deviation = made.add("Sub", [x, made.average(x, axes)]);
  const variance = made.average(made.add("Mul", [deviation, deviation]), axes);
  const xHat = made.add("Div", [deviation, made.add("Sqrt", [made.add("Add", [variance, eps])])]);
  const scaled = made.add("Mul", [xHat, made.constant({ ...weight, shape: perChannel })]);
  made.add("Add", [scaled, made.constant({ ...bias, shape: perChannel })], [], y);
  graph.expand(node, made.nodes);
}

/** The axes over which a batch norm takes its statistics. */
export function axesButChannels(rank: number): number[] {
  return allAxes(rank).filter((axis) => axis !== 1);
}
