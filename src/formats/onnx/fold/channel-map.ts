import { work } from "../../file-budget.js";
import { intOf, intsOf, isOp } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { Affine } from "../graph/batch-norm-node.js";
import type { Graph } from "../graph/graph.js";
import type { Ranks } from "../graph/ranks.js";

/** What one map after another does: x → after(before(x)). */
export function compose(after: Affine, before: Affine): Affine {
  return {
    scale: after.scale.map((value, k) => value * before.scale[k]),
    shift: after.scale.map((value, k) => value * before.shift[k] + after.shift[k]),
  };
}

/** A node that scales or shifts channels by constants: its map, and which of its inputs it maps. */
export interface ChannelMap extends Affine {
  readonly input: number;
}

const operators = ["Identity", "Dropout", "Reshape", "Add", "Sub", "Mul", "Div"] as const;

/** Whether a node gives its input as it is: Identity, Dropout at inference, or Reshape of rows to rows as long. */
function isPass(graph: Graph, ranks: Ranks, node: NodeProto, channels: number): boolean {
  if (isOp(node, "Identity")) return true;
  if (isOp(node, "Dropout")) {
    const isMasked = node.output.slice(1).some((name) => graph.readerCount(name) > 0 || graph.isOutput(name));
    return !isMasked && !dropsInTraining(graph, node);
  }
  if (!isOp(node, "Reshape") || ranks.get(node.input[0]) !== 2) return false;
  const shape = intsOf(node, "shape") ?? graph.constant(node.input[1] ?? "");
  if (typeof shape === "string") return false;
  const sizes = "data" in shape ? [...shape.data] : shape;
  return sizes.length === 2 && sizes[1] === channels;
}

/** Whether Dropout is in training mode: an input says so since version 12, and `is_test` before 7. */
export function dropsInTraining(graph: Graph, node: NodeProto): boolean {
  const { opset } = graph.model;
  if (opset < 7) return intOf(node, "is_test", 0) === 0;
  if (opset < 12 || !node.input[2]) return false;
  const mode = graph.constant(node.input[2]);
  return typeof mode === "string" || mode.data[0] !== 0;
}

/** The map of a constant Add, Sub, Mul or Div, or of what passes its input on; null if a node is none, or its constant differs inside a channel. */
export function channelMapOf(graph: Graph, ranks: Ranks, node: NodeProto, channels: number): ChannelMap | null {
  const filled = (value: number): Float64Array => new Float64Array(channels).fill(value);
  graph.model.spend(isOp(node, ...operators) ? work.mappedChannel * channels : 0);
  if (isPass(graph, ranks, node, channels)) return { scale: filled(1), shift: filled(0), input: 0 };
  if (!isOp(node, "Add", "Sub", "Mul", "Div") || node.input.length !== 2) return null;
  for (const input of [0, 1]) {
    const constant = perChannel(graph, ranks, node, input, channels);
    if (constant === null) continue;
    switch (node.opType) {
      case "Add":
        return { scale: filled(1), shift: constant, input };
      case "Mul":
        return { scale: constant, shift: filled(0), input };
      case "Sub":
        return input === 0
          ? { scale: filled(1), shift: constant.map((value) => -value), input }
          : { scale: filled(-1), shift: constant, input };
      default:
        return input === 0 ? { scale: constant.map((value) => 1 / value), shift: filled(0), input } : null;
    }
  }
  return null;
}

/** The constant beside one input of a node, a value for each channel; null if it is not constant, or is not the same within channels. */
function perChannel(graph: Graph, ranks: Ranks, node: NodeProto, input: number, channels: number): Float64Array | null {
  const constant = graph.constant(node.input[1 - input]);
  const rank = ranks.get(node.input[input]);
  if (typeof constant === "string" || rank === undefined || constant.shape.length > rank) return null;
  const { shape, data } = constant;
  const isOld = graph.model.opset < 7 && intOf(node, "broadcast", 0) !== 0;
  const first = isOld ? intOf(node, "axis", rank - shape.length) : rank - shape.length;
  const axis = 1 - first;
  if (!shape.every((extent, k) => extent === 1 || (k === axis && extent === channels))) return null;
  return data.length === channels ? data : new Float64Array(channels).fill(data[0]);
}
