import { floatOf, intOf, intsOf, printable, titleOf } from "./attributes.js";
import { isBatchNorm, isTraining } from "./batch-norm-node.js";
import type { NodeProto } from "./codec.js";
import { declaredInputs } from "./declared-inputs.js";
import { foldNorms, placeOf } from "./fold-norms.js";
import type { Graph } from "./graph.js";
import { findingsOf } from "./norm-findings.js";
import { type NormKind, normEpsOf, normKindOf } from "./norm-kinds.js";
import { OnnxModel } from "./onnx-model.js";
import type { DeclaredInput } from "./runtime.js";
import type { ExternalFiles } from "./tensor-values.js";

/** The smallest and the largest of some numbers, and their average. */
export interface OnnxRange {
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
  /** The average. */
  readonly mean: number;
}

/** A normalisation of a model. */
export interface OnnxNorm {
  /** Its operator, e.g. `BatchNormalization`. */
  readonly kind: string;
  /** Its name, or its output's; before it the node and attribute that hold its graph, if that is not the main one. */
  readonly place: string;
  /** What makes its input: a node, or `input NAME`. */
  readonly input: string;
  /** How many values its weight has; null where it has none that is constant. */
  readonly channels: number | null;
  /** What is added under the root; of LRN its `bias`; null for kinds without. */
  readonly eps: number | null;
  /** Weight of the old running value; null for all but batch norms. */
  readonly momentum: number | null;
  /** Whether a batch norm uses running statistics or the batch's; null for other kinds. */
  readonly mode: "inference" | "training" | null;
  /** Other attributes that are whole numbers: axis, num_groups, size, p, spatial. */
  readonly settings: Readonly<Record<string, number | readonly number[]>>;
  /** Ranges of weight, bias, mean and variance, as far as they are constant. */
  readonly parameters: Readonly<Record<string, OnnxRange>>;
  /** What is wrong or suspicious. */
  readonly findings: readonly string[];
  /** What {@link foldOnnx} would fold it into; null if it would leave it. */
  readonly foldsInto: string | null;
  /** Why it would be left; null if it would not. */
  readonly leftBecause: string | null;
}

/** What {@link inspectOnnx} tells of a model. */
export interface OnnxInspection {
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Version of the file format. */
  readonly irVersion: number;
  /** What wrote the file. */
  readonly producer: string;
  /** What whoever runs the model passes to it. */
  readonly inputs: readonly DeclaredInput[];
  /** Nodes in all graphs. */
  readonly nodes: number;
  /** Every normalisation: the main graph's first, then of graphs inside it and of functions. */
  readonly norms: readonly OnnxNorm[];
}

const settingNames = ["axis", "num_groups", "size", "p", "spatial", "stash_type"];
const byInput = "it takes its statistics from each input";

/**
 * Lists every normalisation of an ONNX model: BatchNormalization of any version, InstanceNormalization, LayerNormalization,
 * GroupNormalization, RMSNormalization, MeanVarianceNormalization, LpNormalization, LRN, and onnxruntime's own layer and group norms.
 *
 * @param bytes - an .onnx file; not changed
 * @param options - files: where the model keeps tensors outside itself, by the name it gives them
 * @throws FormatError if it is no ONNX model, or damaged
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function inspectOnnx(
  bytes: Uint8Array,
  { files = {} }: { readonly files?: ExternalFiles } = {},
): Promise<OnnxInspection> {
  const where = "inspectOnnx(bytes)";
  const model = await OnnxModel.read(where, bytes, files);
  // What a fold would do is found out by doing it, to another copy.
  const outcomes = foldNorms(await OnnxModel.read(where, bytes, files));
  const norms: OnnxNorm[] = [];
  let nodes = 0;
  let batchNorms = 0;
  for (const graph of [...model.graphs(), ...model.functions]) {
    nodes += graph.nodes.length;
    for (const node of graph.nodes) {
      const kind = normKindOf(node);
      if (kind === undefined) continue;
      const { into = null, reason = null } = isBatchNorm(node) ? outcomes[batchNorms++] : { reason: byInput };
      norms.push({ ...describe(graph, node, kind), foldsInto: into, leftBecause: reason });
    }
  }
  const { irVersion, producerName, producerVersion } = model.proto;
  const producer = printable(`${producerName} ${producerVersion}`).trim();
  return { opset: model.opset, irVersion: Number(irVersion), producer, inputs: declaredInputs(model), nodes, norms };
}

function describe(graph: Graph, node: NodeProto, kind: NormKind): Omit<OnnxNorm, "foldsInto" | "leftBecause"> {
  const isBatch = isBatchNorm(node);
  const parameters: Record<string, OnnxRange> = {};
  let channels: number | null = null;
  for (const [name, input] of Object.entries(kind.parameters)) {
    const values = node.input[input] ? graph.constant(node.input[input]) : "";
    if (typeof values === "string" || values.data.length === 0) continue;
    if (name === "weight") channels = values.data.length;
    parameters[name] = rangeOf(values.data);
  }
  const settings = settingNames.flatMap((name) =>
    node.attribute.some((one) => one.name === name) ? [[name, intOf(node, name, 0)] as const] : [],
  );
  const axes = intsOf(node, "axes");
  const maker = graph.makerOf(node.input[0] ?? "");
  return {
    kind: node.opType,
    place: placeOf(graph, node),
    input: maker === undefined ? `input ${printable(node.input[0] ?? "")}` : titleOf(maker),
    channels,
    eps: normEpsOf(node, kind),
    momentum: isBatch ? Number(floatOf(node, "momentum", 0.9).toPrecision(7)) : null,
    mode: isBatch ? (isTraining(node, graph.model.opset) ? "training" : "inference") : null,
    settings: { ...Object.fromEntries(settings), ...(axes === null ? {} : { axes }) },
    parameters,
    findings: findingsOf(graph, node),
  };
}

function rangeOf(values: Float64Array): OnnxRange {
  let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return { min, max, mean: sum / values.length };
}
