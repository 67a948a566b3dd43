import { checkOptions } from "../../../options.js";
import { intOf, isOp } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { ExternalFiles } from "../file/tensor-values.js";
import { placeOf } from "../fold/fold-norms.js";
import { dropsInTraining } from "../fold/passing-nodes.js";
import { isBatchNorm, isTraining } from "../graph/batch-norm-node.js";
import type { OnnxGraph } from "../graph/graph.js";
import { OnnxModel } from "../graph/onnx-model.js";
import { findingsOf } from "./norm-findings.js";

/** Something about one node. */
export interface OnnxRemark {
  /** Where it stands: its name, or its output's. */
  readonly node: string;
  /** What was done to it, or what is wrong with it. */
  readonly what: string;
}

/** A repaired model, and what was done. */
export interface OnnxRepair {
  /** The new file; a copy of the old one if nothing was done. */
  readonly bytes: Uint8Array;
  /** What was changed. */
  readonly repaired: readonly OnnxRemark[];
  /** What was found and left, since only you can say what is meant: statistics, momentum, eps. */
  readonly concerns: readonly OnnxRemark[];
}

/**
 * Turns a model that was exported in training mode by mistake into an inference model: batch norms use their running
 * statistics (`training_mode`, before version 7 `is_test`), their extra outputs go, also from the model's outputs, and
 * Dropout does nothing. Initializers that are also inputs, so that a caller may replace them, are no longer inputs.
 *
 * What it finds about statistics, momentum and eps it names and leaves: never updated or missing statistics need data,
 * and a momentum has no part in inference.
 *
 * @param bytes - an .onnx file; not changed
 * @param options - files: where the model keeps tensors outside itself, by the name it gives them
 * @throws FormatError if it is no ONNX model, or damaged
 * @throws MissingPackageError if onnx-buf or @bufbuild/protobuf is not installed
 */
export async function repairOnnx(
  bytes: Uint8Array,
  options: { readonly files?: ExternalFiles } = {},
): Promise<OnnxRepair> {
  checkOptions("repairOnnx(bytes)", options, { files: true });
  const { files = {} } = options;
  const model = await OnnxModel.read("repairOnnx(bytes)", bytes, { files });
  const repaired: OnnxRemark[] = [];
  const concerns: OnnxRemark[] = [];
  const unlisted = model.main.unlistInitializers();
  if (unlisted.length > 0) {
    const what = `${unlisted.length} ${unlisted.length === 1 ? "constant is" : "constants are"} no longer inputs, which a caller may replace`;
    repaired.push({ node: "the inputs", what });
  }
  for (const graph of model.graphs()) {
    for (const node of graph.nodes) {
      const place = placeOf(graph, node);
      const repairs = isBatchNorm(node)
        ? repairNorm(graph, node)
        : isOp(node, "Dropout")
          ? repairDropout(graph, node)
          : [];
      for (const what of repairs) repaired.push({ node: place, what });
      if (!isBatchNorm(node)) continue;
      for (const what of findingsOf(graph, node)) concerns.push({ node: place, what });
      if (extraOutputs(node).some((name) => usesOf(graph, name) === null)) {
        concerns.push({ node: place, what: "it stays as it is, since other nodes read its extra outputs" });
      }
    }
  }
  for (const body of model.functions) {
    for (const node of body.nodes.filter(isBatchNorm)) {
      for (const what of findingsOf(body, node)) concerns.push({ node: placeOf(body, node), what });
    }
  }
  return { bytes: model.write(repaired.length > 0), repaired, concerns };
}

function repairNorm(graph: OnnxGraph, node: NodeProto): string[] {
  const { opset } = graph.model;
  // A norm of constants standardises weights, and is meant to do so by what it is given.
  if (graph.isConstant(node.input[0] ?? "")) return [];
  const extra = extraOutputs(node);
  const uses = extra.map((name) => usesOf(graph, name));
  // Before version 14 the outputs are what says it; without training, there must be none of them.
  if (uses.includes(null) || (!isTraining(node, opset) && extra.length === 0)) return [];
  const done: string[] = [];
  if (opset >= 14 && intOf(node, "training_mode", 0) !== 0) {
    node.attribute = node.attribute.filter(({ name }) => name !== "training_mode");
    done.push("training_mode = 1 is gone: it uses its running statistics");
  }
  if (opset < 7 && intOf(node, "is_test", 0) === 0) {
    setTest(graph, node);
    done.push("is_test = 1: it uses its running statistics");
  }
  if (extra.length > 0) {
    for (const use of uses) {
      for (const name of use?.names ?? []) graph.dropOutput(name);
      for (const reader of use?.readers ?? []) graph.remove(reader);
    }
    graph.trimOutputs(node, 1);
    done.push(`${extra.length} extra outputs of training are gone`);
  }
  return done;
}

function extraOutputs(node: NodeProto): string[] {
  return node.output.slice(1).filter((name) => name !== "");
}

/** A value whose only use is to be an output of the model: its names, and the Identity nodes that give it others. */
interface OutputUses {
  readonly names: readonly string[];
  readonly readers: readonly NodeProto[];
}

/** @returns null if a value is used otherwise */
function usesOf(graph: OnnxGraph, value: string): OutputUses | null {
  const names = [value];
  const readers: NodeProto[] = [];
  for (const name of names) {
    if (graph.isReadInside(name) || (graph.isOutput(name) && graph.parent !== null)) return null;
    for (const reader of graph.readersOf(name)) {
      if (!isOp(reader, "Identity")) return null;
      readers.push(reader);
      names.push(reader.output[0]);
    }
  }
  return { names, readers };
}

function repairDropout(graph: OnnxGraph, node: NodeProto): string[] {
  const done = "it passes its input on";
  if (!dropsInTraining(graph, node)) return [];
  if (graph.model.opset < 7) {
    setTest(graph, node);
    return [`is_test = 1: ${done}`];
  }
  if (!graph.isConstant(node.input[2])) return [];
  graph.setInput(node, 2, "");
  return [`training_mode is gone: ${done}`];
}

function setTest({ model }: OnnxGraph, node: NodeProto): void {
  node.attribute = node.attribute.filter(({ name }) => name !== "is_test");
  node.attribute.push(model.codec.attribute({ name: "is_test", type: 2, i: 1n }));
}
