import type { AnyModule } from "../../nn/module.js";
import type { Tensor } from "../../tensor.js";
import { ConstantRef, StateRef } from "../argument.js";
import { isLayerNode, type NetworkNode } from "../node.js";
import { type GraphParts, stateOf } from "../parts.js";
import type { Channels } from "./channels.js";
import type { Choice } from "./choose.js";
import type { Flow, Reader } from "./flow.js";
import { narrowed, takeAlong } from "./narrow.js";

/** What takes the place of layers that have lost channels. @param copies - of the layers of the flow */
export function narrowedLayers(
  { readers, perChannel }: Flow,
  { isGone }: Choice,
  copies: ReadonlyMap<AnyModule, AnyModule>,
): Map<AnyModule, AnyModule> {
  const stay = ({ cells }: Channels): number[] => cells.flatMap((cell, k) => (isGone(cell) ? [] : [k]));
  const found = new Map<AnyModule, AnyModule>();
  const put = (layer: AnyModule, made: (copy: AnyModule) => AnyModule): void => {
    const copy = copies.get(layer) ?? layer;
    found.set(copy, made(copy));
  };
  for (const reader of readers) {
    const { layer, input, output } = reader;
    const outputs = stay(output);
    const inputs = input === null ? null : stay(input);
    const isLess =
      outputs.length < output.cells.length || (inputs !== null && inputs.length < (input?.cells.length ?? 0));
    if (!isLess) continue;
    const every = Array.from({ length: layer.affineWeights().inputs }, (_, k) => k);
    put(layer, (copy) => narrowed(copy, { inputs: inputs ?? every, outputs, bias: biasOf(reader, isGone) }));
  }
  for (const [{ layer }, own] of perChannel) {
    const outputs = stay(own);
    if (outputs.length < own.cells.length)
      put(layer, (copy) => narrowed(copy, { inputs: outputs, outputs, bias: null }));
  }
  return found;
}

/** The bias with what the channels that go have added; null where that is nothing. */
function biasOf({ layer, input }: Reader, isGone: Choice["isGone"]): Float64Array | null {
  if (input === null || layer.groups > 1) return null;
  const { weight, bias, outputOf, inputOf } = layer.affineWeights();
  let isMoved = false;
  for (let k = 0; k < weight.length; k++) {
    const c = inputOf(k);
    const value = input.constants[c];
    if (!isGone(input.cells[c]) || weight[k] === 0 || value === 0 || Number.isNaN(value)) continue;
    bias[outputOf(k)] += weight[k] * value;
    isMoved = true;
  }
  return isMoved ? bias : null;
}

/**
 * A graph of a copy with other layers, tensors and sizes.
 *
 * @param original - the parts that the flow has seen, node by node
 */
export function narrowedParts(
  copy: GraphParts,
  flow: Flow,
  choice: Choice,
  layers: ReadonlyMap<AnyModule, AnyModule>,
): GraphParts {
  const { isGone } = choice;
  const tensors = new Map<Tensor, Tensor>();
  const state = stateOf(copy);
  for (const { ref, axis, cells } of flow.tensors) {
    const kept = cells.flatMap((cell, k) => (isGone(cell) ? [] : [k]));
    const old = ref instanceof StateRef ? state.get(ref.key) : copy.constants[ref.index];
    if (old === undefined || kept.length === cells.length) continue;
    const less = takeAlong(old, axis, kept);
    tensors.set(old, ref instanceof ConstantRef ? less.persist() : less);
  }
  const nodes = copy.nodes.map((node, k): NetworkNode => {
    const layer = isLayerNode(node) ? layers.get(node.layer) : undefined;
    const value = flow.values[copy.inputs.length + k];
    const changed = value === null ? node : { ...node, ...narrowedSizes(node, value, isGone) };
    return layer === undefined ? changed : ({ ...changed, layer } as NetworkNode);
  });
  const names = copy.names.mapped(
    (one) => layers.get(one) ?? one,
    (t) => tensors.get(t) ?? t,
  );
  return { ...copy, nodes, names, constants: copy.constants.map((t) => tensors.get(t) ?? t) };
}

/** The shape of what a node gives, and the sizes in its settings, with fewer channels. */
function narrowedSizes(
  { args, shape, ...node }: NetworkNode,
  { axis, cells }: Channels,
  isGone: Choice["isGone"],
): Partial<NetworkNode> {
  const count = cells.filter((cell) => !isGone(cell)).length;
  if (count === cells.length || shape === null) return {};
  const along = axis === "second" ? 1 : shape.length - 1;
  const sizes = shape.map((size, k) => (k === along ? count : size));
  if (!("op" in node) || node.op !== "reshape") return { shape: sizes };
  const [x, target, ...rest] = args;
  const given = (target as readonly unknown[]).map((size, k) => (k === 1 && size !== -1 ? count : size));
  return { shape: sizes, args: [x, given, ...rest] as NetworkNode["args"] };
}
