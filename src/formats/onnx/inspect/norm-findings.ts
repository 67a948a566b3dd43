import { momentumFindings, parameterFindings, statisticsFindings } from "../../foreign/norm-statistics.js";
import { floatOf, intOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { isBatchNorm, isTraining, type ParameterName, parameterInputs, parameterOf } from "../graph/batch-norm-node.js";
import type { Graph } from "../graph/graph.js";
import { normEpsOf, normKindOf } from "../graph/norm-kinds.js";

/** What is wrong or suspicious about a normalisation, in sentences. */
export function findingsOf(graph: Graph, node: NodeProto): string[] {
  return [...numbers(graph, node), ...(isBatchNorm(node) ? batchNorm(graph, node) : [])];
}

/** What the parameters of any normalisation show. */
function* numbers(graph: Graph, node: NodeProto): Iterable<string> {
  const kind = normKindOf(node);
  if (kind === undefined) return;
  for (const [name, input] of Object.entries(kind.parameters)) {
    const values = node.input[input] ? graph.constant(node.input[input]) : "it is missing";
    if (typeof values === "string") continue;
    yield* parameterFindings(name, values.data);
  }
  if (normEpsOf(node, kind) === 0) yield "eps is 0: a channel without variance gives NaN or infinity";
}

function* batchNorm(graph: Graph, node: NodeProto): Iterable<string> {
  const { opset } = graph.model;
  if (isTraining(node, opset)) yield "it normalises by the batch (training mode)";
  else if (node.output.filter((name) => name !== "").length > 1) yield "it has the extra outputs of training";
  if (opset < 9 && intOf(node, "spatial", 1) === 0) yield "each position has its own statistics (spatial = 0)";
  const momentum = floatOf(node, "momentum", 0.9);
  yield* momentumFindings(momentum, "ONNX");
  const read = (name: ParameterName) => parameterOf(graph, node, name);
  const [mean, variance] = [read("mean"), read("variance")];
  for (const [name, values] of [["mean", mean] as const, ["variance", variance] as const]) {
    if (typeof values === "string") yield `running ${name}: ${values}`;
  }
  const sizes = Object.keys(parameterInputs).map((name) => read(name as ParameterName));
  const lengths = new Set(sizes.flatMap((values) => (typeof values === "string" ? [] : [values.data.length])));
  if (lengths.size > 1) yield `its parameters have different sizes: ${[...lengths].join(", ")}`;
  if (typeof variance === "string") return;
  const eps = floatOf(node, "epsilon", 1e-5);
  yield* statisticsFindings(typeof mean === "string" ? null : mean.data, variance.data, eps);
}
