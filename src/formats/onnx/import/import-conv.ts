import type { Argument } from "../../../graph/argument.js";
import { Conv1d } from "../../../nn/conv1d.js";
import { Conv2d } from "../../../nn/conv2d.js";
import type { Module } from "../../../nn/module.js";
import { floatOf, intOf, isOp, textOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { Graph } from "../graph/graph.js";
import { importPadding } from "./import-arrays.js";
import { keyOf } from "./import-layers.js";
import { linearOfConv } from "./import-linear.js";
import type { ImportStep } from "./import-step.js";
import { ofNode, unsupported, valuesOf, withState } from "./imported-layer.js";
import { checkKernel, paddingOf, pair, perAxis } from "./window-attributes.js";

/** A convolution; a linear layer where its planes are held as rows. */
export function importConvOf(at: ImportStep): Argument {
  const { node, graph } = at;
  if (at.state.products.has(node)) return linearOfConv(at);
  return at.layer(keyOf(node, graph), () => convOf(node, graph));
}

/** Zeros on both sides of planes are the padding of the Conv behind them; a Pad of no width changes nothing. */
export function importPad(at: ImportStep): Argument {
  const { node, graph } = at;
  const pads = padsOf(at);
  if (pads.every((width) => width === 0)) return at.input(0);
  const value = at.has(2) ? at.values(2).data[0] : floatOf(node, "value", 0);
  const [next] = graph.readersOf(node.output[0]);
  const half = pads.length / 2;
  const isEven = pads.slice(0, half).every((width, axis) => width >= 0 && width === pads[half + axis]);
  const isPlanes = isEven && pads[0] === 0 && pads[1] === 0 && textOf(node, "mode", "constant") === "constant";
  const isConv = next !== undefined && isOp(next, "Conv") && graph.isReadOnce(node.output[0]);
  if (!isConv || !isPlanes || value !== 0) return importPadding(at, pads);
  const padding = pads.slice(2, half);
  const y = at.layer(keyOf(next, graph, padding), () => ofNode(next, () => convOf(next, graph, padding)));
  at.state.done.add(next);
  at.state.bind(next.output[0], y);
  return y;
}

/** The widths before each axis, then those behind each; since version 18 a node may name the axes. */
function padsOf(at: ImportStep): number[] {
  const pads = at.list("pads", 1);
  if (pads === null) throw at.refuse("widths that are not constant");
  const named = at.has(3) ? at.list("axes", 3) : null;
  if (named === null) return pads;
  const rank = at.rank(0);
  const widths = new Array<number>(2 * rank).fill(0);
  for (const [k, axis] of named.entries()) {
    const resolved = at.resolve(axis, rank);
    widths[resolved] = pads[k];
    widths[rank + resolved] = pads[named.length + k];
  }
  return widths;
}

/** @param more - padding that a node before it adds to each side of each axis */
function convOf(node: NodeProto, graph: Graph, more: readonly number[] | null = null): Module {
  const { shape, data } = valuesOf(node, graph, 1);
  const bias = node.input[2] ? valuesOf(node, graph, 2).data : null;
  const [out, groupChannels, ...kernel] = shape;
  const groups = intOf(node, "group", 1);
  const [stride, dilation] = [perAxis(node, "strides", kernel, 1), perAxis(node, "dilations", kernel, 1)];
  checkKernel(node, kernel);
  if (more !== null && more.length !== kernel.length) {
    throw unsupported(node, `${kernel.length} spatial axes, of which the Pad before it pads ${more.length}`);
  }
  const padding = paddingOf(node, kernel, stride, dilation).map((size, axis) => size + (more?.[axis] ?? 0));
  let layer: Conv1d | Conv2d;
  if (kernel.length === 1) {
    const options = { stride: stride[0], dilation: dilation[0], padding: padding[0], groups, bias: bias !== null };
    layer = new Conv1d(groupChannels * groups, out, kernel[0], options);
  } else if (kernel.length === 2) {
    const options = {
      stride: pair(stride),
      dilation: pair(dilation),
      padding: pair(padding),
      groups,
      bias: bias !== null,
    };
    layer = new Conv2d(groupChannels * groups, out, pair(kernel), options);
  } else throw unsupported(node, `${kernel.length} spatial axes`);
  return withState(layer, { weight: data, ...(bias === null ? {} : { bias }) });
}
