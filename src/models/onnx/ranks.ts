import { intsOf, isOp } from "./attributes.js";
import type { NodeProto, ValueInfoProto } from "./codec.js";
import type { Graph } from "./graph.js";

/** Operators whose output has the rank of their first input. */
const keeping = new Set(
  [
    "Abs AveragePool BatchNormalization Cast Ceil Clip Concat Dropout Elu Erf Exp Floor Gelu GlobalAveragePool GlobalMaxPool",
    "GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LRN LayerNormalization LeakyRelu Log LogSoftmax",
    "MaxPool Mish Neg PRelu Pad Relu Resize Selu Sigmoid Slice Softmax Softplus Sqrt Tanh Transpose Upsample",
  ].flatMap((line) => line.split(" ")),
);

/** Operators whose output has the largest rank of their inputs. */
const broadcasting = new Set(["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean"]);

/** How many axes each value of a graph has, where the model says it or the nodes before it tell. */
export type Ranks = ReadonlyMap<string, number>;

/** @param outside - the ranks of the graph around it */
export function ranksOf(graph: Graph, outside: Ranks = new Map()): Ranks {
  const ranks = new Map(outside);
  const { input, output, valueInfo, initializer, node } = graph.proto;
  for (const info of [...input, ...output, ...valueInfo]) {
    const rank = declaredRank(info);
    if (rank !== null) ranks.set(info.name, rank);
  }
  for (const { name, dims } of initializer) ranks.set(name, dims.length);
  for (const one of node) {
    const rank = ranks.has(one.output[0]) ? undefined : inferredRank(graph, one, ranks);
    if (rank !== undefined) ranks.set(one.output[0], rank);
  }
  return ranks;
}

function declaredRank({ type }: ValueInfoProto): number | null {
  const value = type?.value;
  return value?.case === "tensorType" && value.value.shape !== undefined ? value.value.shape.dim.length : null;
}

function inferredRank(graph: Graph, node: NodeProto, ranks: Ranks): number | undefined {
  const [first, second] = node.input.map((name) => ranks.get(name));
  const { opType } = node;
  if (!isOp(node, opType)) return undefined;
  if (keeping.has(opType)) return first;
  if (broadcasting.has(opType)) return largest(node.input.map((name) => ranks.get(name)));
  switch (opType) {
    case "Gemm":
    case "Flatten":
      return 2;
    case "Conv":
    case "ConvTranspose":
      return first ?? second;
    case "MatMul":
      return first === 1 || second === 1 ? undefined : largest([first, second]);
    case "Constant": {
      const values = graph.constant(node.output[0]);
      return typeof values === "string" ? undefined : values.shape.length;
    }
    case "Reshape": {
      const shape = intsOf(node, "shape") ?? graph.constant(node.input[1] ?? "");
      if (typeof shape === "string") return undefined;
      return Array.isArray(shape) ? shape.length : shape.data.length;
    }
    default:
      return undefined;
  }
}

function largest(ranks: readonly (number | undefined)[]): number | undefined {
  return ranks.every((rank) => rank !== undefined) ? Math.max(...ranks) : undefined;
}
