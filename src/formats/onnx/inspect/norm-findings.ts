import { normFindings } from "../../../graph/statistics/norm-checks.js";
import { floatOf, intOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { isBatchNorm, isTraining, type ParameterName, parameterInputs, parameterOf } from "../graph/batch-norm-node.js";
import type { OnnxGraph } from "../graph/graph.js";
import { type NormOperator, normEpsOf, normOperatorOf } from "../graph/norm-operators.js";

/** What is wrong or suspicious about a normalisation, in sentences. */
export function findingsOf(graph: OnnxGraph, node: NodeProto): string[] {
  const kind = normOperatorOf(node);
  if (kind === undefined) return [];
  const numbers = {
    parameters: parametersOf(graph, node, kind),
    eps: normEpsOf(node, kind),
    momentum: isBatchNorm(node) ? momentumOf(node) : null,
  };
  return [...(isBatchNorm(node) ? faultsOf(graph, node) : []), ...normFindings(numbers, "ONNX")];
}

/** The weight of the old running value. */
export function momentumOf(node: NodeProto): number {
  return floatOf(node, "momentum", 0.9);
}

/** The parameters of a normalisation that are constant. */
export function parametersOf(graph: OnnxGraph, node: NodeProto, kind: NormOperator): Record<string, Float64Array> {
  const parameters: Record<string, Float64Array> = {};
  for (const [name, input] of Object.entries(kind.parameters)) {
    const values = node.input[input] ? graph.constant(node.input[input]) : "it is missing";
    if (typeof values !== "string") parameters[name] = values.data;
  }
  return parameters;
}

/** What is wrong with a batch norm as a node. */
function* faultsOf(graph: OnnxGraph, node: NodeProto): Iterable<string> {
  const { opset } = graph.model;
  if (isTraining(node, opset)) yield "it normalises by the batch (training mode)";
  else if (node.output.filter((name) => name !== "").length > 1) yield "it has the extra outputs of training";
  if (opset < 9 && intOf(node, "spatial", 1) === 0) yield "each position has its own statistics (spatial = 0)";
  const lengths = new Set<number>();
  for (const name of Object.keys(parameterInputs) as ParameterName[]) {
    const values = parameterOf(graph, node, name);
    if (typeof values !== "string") lengths.add(values.data.length);
    else if (name === "mean" || name === "variance") yield `running ${name}: ${values}`;
  }
  if (lengths.size > 1) yield `its parameters have different sizes: ${[...lengths].join(", ")}`;
}
