import { intOf, isOp } from "./attributes.js";
import type { Affine } from "./batch-norm-node.js";
import type { NodeProto } from "./codec.js";
import type { Graph } from "./graph.js";
import type { Ranks } from "./ranks.js";

/** What one map after another does: x → after(before(x)). */
export function compose(after: Affine, before: Affine): Affine {
  return {
    scale: after.scale.map((value, k) => value * before.scale[k]),
    shift: after.scale.map((value, k) => value * before.shift[k] + after.shift[k]),
  };
}

/** Making and composing a map takes so much more than reading one number for each channel. */
const mapWork = 8;

/** A node that scales or shifts channels by constants: its map, and which of its inputs it maps. */
export interface ChannelMap extends Affine {
  readonly input: number;
}

/** The map of a constant Add, Sub, Mul or Div, or of Identity; null if a node is none, or its constant differs inside a channel. */
export function channelMapOf(graph: Graph, ranks: Ranks, node: NodeProto, channels: number): ChannelMap | null {
  const filled = (value: number): Float64Array => new Float64Array(channels).fill(value);
  if (!isOp(node, "Identity", "Add", "Sub", "Mul", "Div")) return null;
  graph.model.spend(mapWork * channels);
  if (node.opType === "Identity") return { scale: filled(1), shift: filled(0), input: 0 };
  if (node.input.length !== 2) return null;
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
