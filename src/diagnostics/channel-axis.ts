import { valuesIn } from "../graph/argument.js";
import { Graph } from "../graph/graph.js";
import { isLayerNode, type NetworkNode } from "../graph/node.js";
import type { GraphParts } from "../graph/parts.js";
import type { ChannelAxis } from "../nn/layer-traits.js";
import type { AnyModule } from "../nn/module.js";
import { sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { ChannelView } from "./summary.js";

/**
 * Where each module's input and output have their channels. Of rank 3 it is not told by the shape: what has no channels
 * of its own goes by the layer that stands before it: in a graph by what it is given, else by the order of names.
 */
export function channelAxes(model: AnyModule): Map<AnyModule, ChannelAxis> {
  if (model instanceof Graph) return axesIn(model.parts);
  const axes = new Map<AnyModule, ChannelAxis>();
  let current: ChannelAxis = "second";
  for (const [, module] of model.namedModules()) {
    const own = module.channelAxis;
    if (own !== null) current = own === "second" ? "second" : "last";
    axes.set(module, own ?? current);
  }
  return axes;
}

/** Where ops have their channels that have them in an axis of their own; others have them where their input has. */
const axesOfOps: Readonly<Record<string, "second" | "last">> = {
  ...{ linear: "last", matmul: "last", embedding: "last" },
  ...{ conv1d: "second", conv2d: "second", convTranspose2d: "second" },
};

function axesIn({ inputs, nodes }: GraphParts): Map<AnyModule, ChannelAxis> {
  const axes = new Map<AnyModule, ChannelAxis>();
  const values: ("second" | "last")[] = inputs.map(() => "second");
  for (const node of nodes) {
    const [source] = valuesIn(node.args);
    const given = values[source] ?? "second";
    const own = isLayerNode(node) ? node.layer.channelAxis : (axesOfOps[node.op] ?? null);
    const after = own === null ? given : own === "second" ? "second" : "last";
    values.push(isSwap(node) ? (after === "second" ? "last" : "second") : after);
    if (isLayerNode(node) && !axes.has(node.layer)) axes.set(node.layer, own ?? given);
  }
  return axes;
}

/** Whether a node swaps the two axes of rank 3 that channels may lie in. */
function isSwap(node: NetworkNode): boolean {
  return !isLayerNode(node) && node.op === "transpose" && String(node.args[1]) === "0,2,1";
}

/** A tensor as (outer, channels, inner). */
export function channelsOf(x: Tensor, axis: ChannelAxis): ChannelView {
  const [outer = 1, kept = 1, ...rest] = x.shape;
  if (axis === "second" || (axis === "last" && x.rank > 3)) return { outer, kept, inner: sizeOf(rest) };
  const channels = axis === "last" ? (x.shape[x.rank - 1] ?? 1) : axis;
  return { outer: channels === 0 ? 0 : x.size / channels, kept: channels, inner: 1 };
}
