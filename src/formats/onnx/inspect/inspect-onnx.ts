import { checkOptions } from "../../../options.js";
import type { DeclaredInput } from "../../foreign/arrays.js";
import { type InspectedNorm, rangesOf } from "../../foreign/inspected-norm.js";
import { printable } from "../../printable.js";
import { intOf, intsOf, nodeTitle } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import { foldGraphs, placeOf } from "../fold/fold-norms.js";
import { isBatchNorm, isTraining } from "../graph/batch-norm-node.js";
import { declaredInputs } from "../graph/declared-inputs.js";
import type { OnnxGraph } from "../graph/graph.js";
import { type NormOperator, normEpsOf, normOperatorOf } from "../graph/norm-operators.js";
import { OnnxModel, type ReadOnnxOptions } from "../graph/onnx-model.js";
import { findingsOf, momentumOf, parametersOf } from "./norm-findings.js";

/** What {@link inspectOnnx} finds in a model. */
export interface OnnxInspection {
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Version of the file format. */
  readonly irVersion: number;
  /** What wrote the file. */
  readonly producer: string;
  /** What a caller passes to the model. */
  readonly inputs: readonly DeclaredInput[];
  /** Nodes in all graphs. */
  readonly nodes: number;
  /** Every normalisation: the main graph's first, then of graphs inside it and of functions. */
  readonly norms: readonly InspectedNorm[];
}

const settingNames = ["axis", "num_groups", "size", "p", "spatial", "stash_type"];
const byInput = "it takes its statistics from each input";

/**
 * Lists every normalisation of an ONNX model: BatchNormalization of any version, InstanceNormalization,
 * LayerNormalization, GroupNormalization, RMSNormalization, MeanVarianceNormalization, LpNormalization, LRN, and
 * onnxruntime's own layer and group norms.
 *
 * @param bytes - an .onnx file; not changed
 * @throws FormatError if it is no ONNX model, or damaged
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function inspectOnnx(bytes: Uint8Array, options: ReadOnnxOptions = {}): Promise<OnnxInspection> {
  const where = "inspectOnnx(bytes)";
  checkOptions(where, options, { files: true, initializersAreConstant: true });
  const model = await OnnxModel.read(where, bytes, options);
  const inputs = declaredInputs(model);
  const found: { readonly node: NodeProto; readonly described: ReturnType<typeof describe> }[] = [];
  let nodes = 0;
  for (const graph of [...model.graphs(), ...model.functions]) {
    nodes += graph.nodes.length;
    for (const node of graph.nodes) {
      const kind = normOperatorOf(node);
      if (kind !== undefined) found.push({ node, described: describe(graph, node, kind) });
    }
  }
  // What a fold would do is found out by doing it, once all is described; nothing of it is written.
  const outcomes = new Map(foldGraphs(model).map((outcome) => [outcome.node, outcome]));
  const norms = found.map(({ node, described }): InspectedNorm => {
    const { into = null, reason = null } = outcomes.get(node) ?? { reason: byInput };
    return { ...described, foldsInto: into, leftBecause: reason };
  });
  const { irVersion, producerName, producerVersion } = model.proto;
  const producer = printable(`${producerName} ${producerVersion}`).trim();
  return { opset: model.opset, irVersion: Number(irVersion), producer, inputs, nodes, norms };
}

function describe(
  graph: OnnxGraph,
  node: NodeProto,
  kind: NormOperator,
): Omit<InspectedNorm, "foldsInto" | "leftBecause"> {
  const isBatch = isBatchNorm(node);
  const parameters = parametersOf(graph, node, kind);
  const settings = settingNames.flatMap((name) =>
    node.attribute.some((one) => one.name === name) ? [[name, intOf(node, name, 0)] as const] : [],
  );
  const axes = intsOf(node, "axes");
  const maker = graph.makerOf(node.input[0] ?? "");
  return {
    kind: node.opType,
    place: placeOf(graph, node),
    input: maker === undefined ? `input ${printable(node.input[0] ?? "")}` : nodeTitle(maker),
    channels: parameters["weight"]?.length || null,
    eps: normEpsOf(node, kind),
    momentum: isBatch ? Number(momentumOf(node).toPrecision(7)) : null,
    mode: isBatch ? (isTraining(node, graph.model.opset) ? "training" : "inference") : null,
    settings: { ...Object.fromEntries(settings), ...(axes === null ? {} : { axes }) },
    parameters: rangesOf(parameters),
    findings: findingsOf(graph, node),
  };
}
