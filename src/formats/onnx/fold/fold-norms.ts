import { foldNorms } from "../../../graph/fold/fold.js";
import { printable } from "../../printable.js";
import type { NodeProto } from "../file/codec.js";
import { isBatchNorm } from "../graph/batch-norm-node.js";
import type { OnnxGraph } from "../graph/graph.js";
import type { OnnxModel } from "../graph/onnx-model.js";
import { OnnxHost } from "./onnx-host.js";

/** What became of a batch norm: what it was folded into, or why it was left. */
export interface NodeOutcome {
  readonly graph: OnnxGraph;
  readonly node: NodeProto;
  readonly norm: string;
  readonly into?: string;
  /** The value whose maker has changed: it must be what it was. */
  readonly value?: string;
  readonly reason?: string;
}

/** What a list calls a node: where it stands, and its name. */
export function placeOf(graph: OnnxGraph, node: NodeProto): string {
  return graph.place + printable(node.name === "" ? (node.output[0] ?? node.opType) : node.name);
}

/** Folds every batch norm of a model that can be folded, by edits of its graphs. */
export function foldGraphs(model: OnnxModel): NodeOutcome[] {
  const host = new OnnxHost(model);
  const places = new Map(host.norms.map((node) => [node, placeOf(host.graphOf(node), node)]));
  const outcomes = foldNorms(host).map((outcome): NodeOutcome => {
    const node = outcome.norm;
    const about = { graph: host.graphOf(node), node, norm: places.get(node) ?? "" };
    if ("reason" in outcome) return { ...about, reason: outcome.reason };
    const { into, side, taker } = outcome;
    return { ...about, into, value: (side === "before" ? node : taker).output[0] };
  });
  for (const body of model.functions) {
    for (const node of body.nodes.filter(isBatchNorm)) {
      const reason = "it stands in a function of the model, whose nodes serve every call";
      outcomes.push({ graph: body, node, norm: placeOf(body, node), reason });
    }
  }
  return outcomes;
}
