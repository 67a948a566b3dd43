import { intOf, intsOf, isOp } from "../file/attributes.js";
import type { NodeProto, ValueInfoProto } from "../file/codec.js";
import type { OnnxGraph } from "./graph.js";

/** Operators whose output has the rank of their first input. */
const keeping = new Set(
  [
    "Abs AveragePool BatchNormalization Cast Ceil Clip Concat Dropout Elu Erf Exp Floor Gelu GlobalAveragePool GlobalMaxPool",
    "GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LRN LayerNormalization LeakyRelu Log LogSoftmax",
    "MaxPool Mish Neg PRelu Pad Relu Resize Selu Sigmoid Slice Softmax Softplus Sqrt Tanh Transpose Upsample",
    "CumSum Cos DepthToSpace GatherElements Not Reciprocal Round Sign Sin Tan Tile TopK",
  ].flatMap((line) => line.split(" ")),
);

/** Operators whose output has the largest rank of their inputs. */
const broadcasting = new Set(
  ["Add Sub Mul Div Pow Max Min Sum Mean And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual Where"].flatMap(
    (line) => line.split(" "),
  ),
);

/** How many axes each value of a graph has, where the model says it or the nodes before it tell. */
export class Ranks {
  readonly #own = new Map<string, number>();
  readonly #outside: Ranks | null;

  /** @param outside - the ranks of the graph around it */
  constructor(graph: OnnxGraph, outside: Ranks | null = null) {
    this.#outside = outside;
    const { input, output, valueInfo, initializer, node } = graph.proto;
    for (const info of [...input, ...output, ...valueInfo]) {
      const rank = declaredRank(info);
      if (rank !== null) this.#own.set(info.name, rank);
    }
    for (const { name, dims } of initializer) this.#own.set(name, dims.length);
    for (const one of node) {
      const [name] = one.output;
      const rank = this.get(name) === undefined ? inferredRank(graph, one, this) : undefined;
      if (rank !== undefined) this.#own.set(name, rank);
    }
  }

  /** How many axes a value has; undefined where it is unknown. */
  get(name: string): number | undefined {
    return this.#own.get(name) ?? this.#outside?.get(name);
  }
}

/** The {@link Ranks} of graphs that stand inside one another, each worked out once. */
export class RanksOfGraphs {
  readonly #ranks = new Map<OnnxGraph, Ranks>();

  of(graph: OnnxGraph): Ranks {
    let own = this.#ranks.get(graph);
    if (own === undefined) {
      own = new Ranks(graph, graph.parent === null ? null : this.of(graph.parent));
      this.#ranks.set(graph, own);
    }
    return own;
  }
}

function declaredRank({ type }: ValueInfoProto): number | null {
  const value = type?.value;
  return value?.case === "tensorType" && value.value.shape !== undefined ? value.value.shape.dim.length : null;
}

function inferredRank(graph: OnnxGraph, node: NodeProto, ranks: Ranks): number | undefined {
  const [first, second] = node.input.map((name) => ranks.get(name));
  const { opType } = node;
  if (!isOp(node, opType)) return undefined;
  if (keeping.has(opType)) return first;
  if (broadcasting.has(opType)) return largest(node.input.map((name) => ranks.get(name)));
  switch (opType) {
    case "LSTM":
    case "GRU":
    case "RNN":
      return 4;
    case "Gemm":
    case "Flatten":
      return 2;
    case "Conv":
    case "ConvTranspose":
      return first ?? second;
    case "MatMul":
      return first === 1 || second === 1 ? undefined : largest([first, second]);
    case "Constant":
      return graph.shapeOfConstant(node.output[0])?.length;
    case "Reshape":
      return listLength(graph, node, "shape");
    case "ConstantOfShape":
      return listLength(graph, node, "shape", 0);
    case "Squeeze":
    case "Unsqueeze": {
      const axes = listLength(graph, node, "axes");
      if (first === undefined || axes === undefined) return undefined;
      return opType === "Unsqueeze" ? first + axes : first - axes;
    }
    default: {
      if (!opType.startsWith("Reduce")) return undefined;
      if (intOf(node, "keepdims", 1) !== 0) return first;
      const axes = listLength(graph, node, "axes");
      return first === undefined || axes === undefined ? undefined : first - axes;
    }
  }
}

/** How long a list is that stands in an attribute or, in later versions, in a constant input. */
function listLength(graph: OnnxGraph, node: NodeProto, name: string, input = 1): number | undefined {
  const list = intsOf(node, name) ?? graph.constant(node.input[input] ?? "");
  if (typeof list === "string") return undefined;
  return Array.isArray(list) ? list.length : list.data.length;
}

function largest(ranks: readonly (number | undefined)[]): number | undefined {
  let most = 0;
  for (const rank of ranks) {
    if (rank === undefined) return undefined;
    most = Math.max(most, rank);
  }
  return most;
}
