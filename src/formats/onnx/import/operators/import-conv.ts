import type { Argument } from "../../../../graph/argument.js";
import { Conv1d } from "../../../../nn/conv1d.js";
import { Conv2d } from "../../../../nn/conv2d.js";
import { Conv3d } from "../../../../nn/conv3d.js";
import type { Module } from "../../../../nn/module.js";
import type { PadWidths } from "../../../../ops/pad.js";
import { type AxisPadding, shortestPadding } from "../../../../ops/window-padding.js";
import { floatOf, intOf, isOp, textOf } from "../../file/attributes.js";
import type { NodeProto } from "../../file/codec.js";
import type { OnnxGraph } from "../../graph/graph.js";
import type { ImportStep } from "../import-step.js";
import { constantValues, ofNode, unsupported, withState } from "../imported-layer.js";
import { importPadding } from "./import-arrays.js";
import { keyOf } from "./import-layers.js";
import { linearOfConv } from "./import-linear.js";
import { axesPadding, type Pads, padsOf } from "./padding.js";
import { checkKernel, perAxis } from "./window-attributes.js";

/** A convolution; a linear layer where its planes are held as rows. */
export function importConvOf(at: ImportStep): Argument {
  const { node, graph } = at;
  if (at.state.products.has(node)) return linearOfConv(at);
  const [, , ...kernel] = graph.shapeOfConstant(node.input[1] ?? "") ?? constantValues(node, graph, 1).shape;
  const [stride, dilation] = [perAxis(node, "strides", kernel, 1), perAxis(node, "dilations", kernel, 1)];
  const padding = axesPadding(node, kernel, stride, dilation, at.shape(0));
  const key = keyOf(node, graph, padding.flat().map(Number));
  return at.layer(key, () => convOf(node, graph, padding));
}

/** Zeros on both sides of planes are the padding of the Conv behind them; a Pad of no width changes nothing. */
export function importPad(at: ImportStep): Argument {
  const { node, graph } = at;
  const pads = widthsOf(at);
  if (pads.every((width) => width === 0)) return at.input(0);
  const value = at.has(2) ? at.values(2).data[0] : floatOf(node, "value", 0);
  const [next] = graph.readersOf(node.output[0]);
  const half = pads.length / 2;
  const isEven = pads.slice(0, half).every((width, axis) => width >= 0 && width === pads[half + axis]);
  const isPlanes = isEven && pads[0] === 0 && pads[1] === 0 && textOf(node, "mode", "constant") === "constant";
  const isConv = next !== undefined && isOp(next, "Conv") && graph.isReadOnce(node.output[0]);
  if (!isConv || !isPlanes || value !== 0 || textOf(next, "auto_pad", "NOTSET").startsWith("SAME")) {
    return importPadding(at, pads);
  }
  const more = pads.slice(2, half);
  const own = ownPadding(next, graph);
  if (own.before.length !== more.length) {
    throw unsupported(next, `${own.before.length} spatial axes, of which the Pad before it pads ${more.length}`);
  }
  const padding = more.map((size, axis): PadWidths => [size + own.before[axis], size + own.after[axis]]);
  const y = at.layer(keyOf(next, graph, padding.flat()), () => ofNode(next, () => convOf(next, graph, padding)));
  at.state.done.add(next);
  at.state.bind(next.output[0], y);
  return y;
}

/** The widths before each axis, then those behind each; since version 18 a node may name the axes. */
function widthsOf(at: ImportStep): number[] {
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

/** The padding of a Conv itself. */
function ownPadding(node: NodeProto, graph: OnnxGraph): Pads {
  const [, , ...kernel] = constantValues(node, graph, 1).shape;
  return padsOf(node, kernel, perAxis(node, "strides", kernel, 1), perAxis(node, "dilations", kernel, 1), null);
}

function convOf(node: NodeProto, graph: OnnxGraph, padding: readonly AxisPadding[]): Module {
  const { shape, data } = constantValues(node, graph, 1);
  const bias = node.input[2] ? constantValues(node, graph, 2).data : null;
  const [out, groupChannels, ...kernel] = shape;
  const groups = intOf(node, "group", 1);
  const [stride, dilation] = [perAxis(node, "strides", kernel, 1), perAxis(node, "dilations", kernel, 1)];
  checkKernel(node, kernel);
  const layers = [Conv1d, Conv2d, Conv3d];
  if (kernel.length < 1 || kernel.length > layers.length) throw unsupported(node, `${kernel.length} spatial axes`);
  const one = <T>(sizes: readonly T[]): T | readonly T[] => (kernel.length === 1 ? sizes[0] : sizes);
  const own = shortestPadding(padding);
  const options = {
    ...{ stride: one(stride), dilation: one(dilation), padding: own === "same" ? own : one<unknown>(own) },
    ...{ groups, bias: bias !== null },
  };
  const layer: Conv1d | Conv2d | Conv3d = Reflect.construct(layers[kernel.length - 1], [
    ...[groupChannels * groups, out, one(kernel), options],
  ]);
  return withState(layer, { weight: data, ...(bias === null ? {} : { bias }) });
}
