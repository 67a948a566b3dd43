import { floatOf, intOf } from "./attributes.js";
import { isBatchNorm, isTraining, type ParameterName, parameterInputs, parameterOf } from "./batch-norm-node.js";
import type { NodeProto } from "./codec.js";
import type { Graph } from "./graph.js";
import { normEpsOf, normKindOf } from "./norm-kinds.js";

/** A weight this much smaller than the layer's largest has switched its channel off. */
const nearZero = 1e-3;

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
    const bad = values.data.reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0);
    if (bad > 0) yield `${name}: ${bad} of ${values.data.length} values are NaN or infinite`;
    if (name !== "weight") continue;
    const limit = nearZero * values.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const off = values.data.reduce((count, value) => count + (Math.abs(value) <= limit ? 1 : 0), 0);
    if (off > 0) yield `weight: ${off} of ${values.data.length} are next to 0, which switches their channels off`;
  }
  if (normEpsOf(node, kind) === 0) yield "eps is 0: a channel without variance gives NaN or infinity";
}

function* batchNorm(graph: Graph, node: NodeProto): Iterable<string> {
  const { opset } = graph.model;
  if (isTraining(node, opset)) yield "it normalises by the batch (training mode)";
  else if (node.output.filter((name) => name !== "").length > 1) yield "it has the extra outputs of training";
  if (opset < 9 && intOf(node, "spatial", 1) === 0) yield "each position has its own statistics (spatial = 0)";
  const momentum = floatOf(node, "momentum", 0.9);
  if (momentum < 0.5) {
    const other = Number((1 - momentum).toPrecision(6));
    yield `momentum ${Number(momentum.toPrecision(6))} weighs the old running value in ONNX: PyTorch's convention, exported by mistake; ${other} is meant`;
  } else if (momentum > 1) yield `momentum ${Number(momentum.toPrecision(6))} is above 1`;
  const read = (name: ParameterName) => parameterOf(graph, node, name);
  const [mean, variance] = [read("mean"), read("variance")];
  for (const [name, values] of [["mean", mean] as const, ["variance", variance] as const]) {
    if (typeof values === "string") yield `running ${name}: ${values}`;
  }
  const sizes = Object.keys(parameterInputs).map((name) => read(name as ParameterName));
  const lengths = new Set(sizes.flatMap((values) => (typeof values === "string" ? [] : [values.data.length])));
  if (lengths.size > 1) yield `its parameters have different sizes: ${[...lengths].join(", ")}`;
  if (typeof variance === "string") return;
  const count = (test: (value: number) => boolean): number =>
    variance.data.reduce((n, value) => n + (test(value) ? 1 : 0), 0);
  const eps = floatOf(node, "epsilon", 1e-5);
  const negative = count((value) => value < 0);
  const small = count((value) => value >= 0 && value < eps);
  const all = variance.data.length;
  if (negative > 0) yield `running variance: ${negative} of ${all} values are negative`;
  if (small > 0) yield `running variance: ${small} of ${all} values are below eps: those channels hardly vary`;
  const isInitial =
    typeof mean !== "string" && mean.data.every((value) => value === 0) && count((value) => value === 1) === all;
  if (all > 0 && isInitial) yield "its running statistics were never updated (mean 0, variance 1): recalibrate it";
}
