import type { Module } from "../../../../nn/module.js";
import { BatchNorm } from "../../../../nn/norms/batch-norm.js";
import { GroupNorm } from "../../../../nn/norms/group-norm.js";
import { InstanceNorm } from "../../../../nn/norms/instance-norm.js";
import { LayerNorm } from "../../../../nn/norms/layer-norm.js";
import { RmsNorm } from "../../../../nn/norms/rms-norm.js";
import { floatOf, intOf } from "../../file/attributes.js";
import type { NodeProto } from "../../file/codec.js";
import { epsOf, isTraining, parameterOf } from "../../graph/batch-norm-node.js";
import type { OnnxGraph } from "../../graph/graph.js";
import { constantValues, rounded, unsupported, withState } from "../imported-layer.js";
import type { ValueShapes } from "../shapes/value-shapes.js";

export function importBatchNorm(node: NodeProto, graph: OnnxGraph): Module {
  if (isTraining(node, graph.model.opset)) throw unsupported(node, "training mode: repair the model first");
  if (graph.model.opset < 9 && intOf(node, "spatial", 1) === 0) {
    throw unsupported(node, "statistics for each position (spatial = 0)");
  }
  const state: Record<string, Float64Array> = {};
  for (const [key, name] of [
    ["weight", "weight"],
    ["bias", "bias"],
    ["running_mean", "mean"],
    ["running_var", "variance"],
  ] as const) {
    const values = parameterOf(graph, node, name);
    if (typeof values === "string") throw unsupported(node, `a ${name} that is not known: ${values}`);
    state[key] = values.data;
  }
  // As here, ONNX's momentum weighs the old value.
  const options = { eps: rounded(epsOf(node)), momentum: rounded(floatOf(node, "momentum", 0.9)) };
  return withState(new BatchNorm(state["weight"].length, options), state);
}

export function importInstanceNorm(node: NodeProto, graph: OnnxGraph): Module {
  const [weight, bias] = [constantValues(node, graph, 1).data, constantValues(node, graph, 2).data];
  return withState(new InstanceNorm(weight.length, { eps: rounded(epsOf(node)) }), { weight, bias });
}

export function importGroupNorm(node: NodeProto, graph: OnnxGraph, shapes: ValueShapes): Module {
  const groups = intOf(node, "num_groups", 0);
  const [weight, bias] = [1, 2].map((k) => ofChannels(constantValues(node, graph, k).data, node, graph, shapes));
  return withState(new GroupNorm(groups, weight.length, { eps: rounded(epsOf(node)) }), { weight, bias });
}

/** Before version 21 a group norm had a number for each group, which is that of each of its channels. */
function ofChannels(values: Float64Array, node: NodeProto, graph: OnnxGraph, shapes: ValueShapes): Float64Array {
  if (graph.model.opset >= 21) return values;
  const channels = shapes.get(node.input[0])?.[1];
  if (typeof channels !== "number" || channels % values.length !== 0) {
    throw unsupported(node, "a weight for each group, as before opset 21, of channels whose number is not known");
  }
  graph.model.spend(channels);
  const each = channels / values.length;
  return Float64Array.from({ length: channels }, (_, channel) => values[Math.floor(channel / each)]);
}

export function importLayerNorm(node: NodeProto, graph: OnnxGraph, shapes: ValueShapes): Module {
  const { shape, weight } = lastAxes(node, graph, shapes);
  const bias = node.input[2] ? constantValues(node, graph, 2).data : new Float64Array(weight.length);
  return withState(new LayerNorm(shape, { eps: rounded(epsOf(node)) }), { weight, bias });
}

export function importRmsNorm(node: NodeProto, graph: OnnxGraph, shapes: ValueShapes): Module {
  const { shape, weight } = lastAxes(node, graph, shapes);
  return withState(new RmsNorm(shape, { eps: rounded(epsOf(node)) }), { weight });
}

/** The sizes of the axes over which a node normalises, which are those of its weight. */
function lastAxes(
  node: NodeProto,
  graph: OnnxGraph,
  shapes: ValueShapes,
): { shape: readonly number[]; weight: Float64Array } {
  const { shape, data } = constantValues(node, graph, 1);
  const axis = intOf(node, "axis", -1);
  const rank = shapes.rank(node.input[0]);
  const count = axis < 0 ? -axis : rank === undefined ? null : rank - axis;
  if (count === shape.length) return { shape, weight: data };
  throw unsupported(node, `axis ${axis} with a weight of rank ${shape.length}`);
}
