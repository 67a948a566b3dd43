import { composeMaps } from "../../../graph/fold/channel-map.js";
import type { Side } from "../../../graph/fold/host.js";
import type { ChannelMap } from "../../../nn/layer-traits.js";
import { work } from "../../file-budget.js";
import { intOf, intsOf, isOp, textOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { OnnxGraph } from "../graph/graph.js";
import type { Ranks } from "../graph/ranks.js";

const operators = ["Identity", "Dropout", "Reshape", "Add", "Sub", "Mul", "Div"] as const;

/** Whether a node gives its input as it is: Identity, Dropout at inference, or Reshape of rows to rows as long. */
function isPass(graph: OnnxGraph, ranks: Ranks, node: NodeProto, channels: number): boolean {
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
export function dropsInTraining(graph: OnnxGraph, node: NodeProto): boolean {
  const { opset } = graph.model;
  if (opset < 7) return intOf(node, "is_test", 0) === 0;
  if (opset < 12 || !node.input[2]) return false;
  const mode = graph.constant(node.input[2]);
  return typeof mode === "string" || mode.data[0] !== 0;
}

/** Whether a node's own map becomes part of that which passes it, so that the node goes. */
export function isAbsorbed(node: NodeProto): boolean {
  return isOp(node, ...operators);
}

/** Which input of a node is the one that is not a constant beside it. */
export function dataInput(graph: OnnxGraph, node: NodeProto): 0 | 1 {
  return isOp(node, "Add", "Sub", "Mul", "Div") && graph.isConstant(node.input[0]) ? 1 : 0;
}

/**
 * What a map becomes on the other side of a node: one that maps channels itself, or averages or flattens them. Null
 * where it is none.
 */
export function passNode(
  graph: OnnxGraph,
  ranks: Ranks,
  node: NodeProto,
  map: ChannelMap,
  side: Side,
): ChannelMap | null {
  if (averages(node) || (isOp(node, "Flatten") && intOf(node, "axis", 1) === 1)) return map;
  const channels = map.scale.length;
  graph.model.spend(isAbsorbed(node) ? work.mappedChannel * channels : 0);
  if (isPass(graph, ranks, node, channels)) return map;
  const own = ownMap(graph, ranks, node, channels);
  if (own === null) return null;
  return side === "before" ? composeMaps(map, own) : composeMaps(own, map);
}

/** Whether a node averages values of a channel, none of which is a padded zero. */
function averages(node: NodeProto): boolean {
  if (!isOp(node, "AveragePool")) return isOp(node, "GlobalAveragePool");
  if (intOf(node, "count_include_pad", 0) === 0) return true;
  const isPadded = !["NOTSET", "VALID"].includes(textOf(node, "auto_pad", "NOTSET"));
  return !isPadded && intOf(node, "ceil_mode", 0) === 0 && (intsOf(node, "pads") ?? []).every((pad) => pad === 0);
}

/** The map of a constant Add, Sub, Mul or Div; null if a node is none, or its constant differs inside a channel. */
function ownMap(graph: OnnxGraph, ranks: Ranks, node: NodeProto, channels: number): ChannelMap | null {
  if (!isOp(node, "Add", "Sub", "Mul", "Div") || node.input.length !== 2) return null;
  const filled = (value: number): Float64Array => new Float64Array(channels).fill(value);
  const input = dataInput(graph, node);
  const constant = perChannel(graph, ranks, node, input, channels);
  if (constant === null) return null;
  switch (node.opType) {
    case "Add":
      return { scale: filled(1), shift: constant };
    case "Mul":
      return { scale: constant, shift: filled(0) };
    case "Sub":
      return input === 0
        ? { scale: filled(1), shift: constant.map((value) => -value) }
        : { scale: filled(-1), shift: constant };
    default:
      if (input === 1 || constant.includes(0)) return null;
      return { scale: constant.map((value) => 1 / value), shift: filled(0) };
  }
}

/**
 * The constant beside one input of a node, a value for each channel; null if it is not constant and finite, or not the
 * same within channels.
 */
function perChannel(
  graph: OnnxGraph,
  ranks: Ranks,
  node: NodeProto,
  input: number,
  channels: number,
): Float64Array | null {
  const constant = graph.constant(node.input[1 - input]);
  const rank = ranks.get(node.input[input]);
  if (typeof constant === "string" || rank === undefined || constant.shape.length > rank) return null;
  const { shape, data } = constant;
  const isOld = graph.model.opset < 7 && intOf(node, "broadcast", 0) !== 0;
  const first = isOld ? intOf(node, "axis", rank - shape.length) : rank - shape.length;
  const axis = 1 - first;
  if (!shape.every((extent, k) => extent === 1 || (k === axis && extent === channels))) return null;
  if (!data.every(Number.isFinite)) return null;
  return data.length === channels ? data : new Float64Array(channels).fill(data[0]);
}
