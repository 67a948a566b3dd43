import { ELU, GELU, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh } from "../../../nn/activations.js";
import { ConvTranspose2d } from "../../../nn/conv-transpose2d.js";
import { Conv1d } from "../../../nn/conv1d.js";
import { Conv2d } from "../../../nn/conv2d.js";
import { Dropout } from "../../../nn/dropout.js";
import { Flatten } from "../../../nn/flatten.js";
import { Linear } from "../../../nn/linear.js";
import type { Module } from "../../../nn/module.js";
import { AvgPool2d, MaxPool2d } from "../../../nn/pooling.js";
import { formatShape, sameShape } from "../../../shape.js";
import { floatOf, intOf, intsOf, isStandard, textOf } from "../file/attributes.js";
import type { NodeProto } from "../file/codec.js";
import type { TensorValues } from "../file/tensor-values.js";
import type { Graph } from "../graph/graph.js";
import type { Ranks } from "../graph/ranks.js";
import {
  importBatchNorm,
  importGroupNorm,
  importInstanceNorm,
  importLayerNorm,
  importRmsNorm,
} from "./import-norms.js";
import { rounded, unsupported, valuesOf, withState } from "./imported-layer.js";

/** A layer that does what a node does. */
type LayerImport = (node: NodeProto, graph: Graph, ranks: Ranks) => Module;

/** The layers of ONNX's operators. A pass through is a `Dropout` of 0. */
const layers: Readonly<Record<string, LayerImport>> = {
  Conv: importConv,
  Gemm: importGemm,
  ConvTranspose: importConvTranspose,
  BatchNormalization: importBatchNorm,
  InstanceNormalization: importInstanceNorm,
  LayerNormalization: importLayerNorm,
  GroupNormalization: importGroupNorm,
  RMSNormalization: importRmsNorm,
  SimplifiedLayerNormalization: importRmsNorm,
  Gelu: (node, graph) => {
    if (textOf(node, "approximate", "none") === "none") return new GELU();
    throw unsupported(node, graph, "an approximation");
  },
  MaxPool: (node, graph) => {
    if (intOf(node, "storage_order", 0) !== 0) throw unsupported(node, graph, "storage_order 1");
    const { kernel, options } = pooling(node, graph);
    return new MaxPool2d(kernel, options);
  },
  AveragePool: (node, graph) => {
    const { kernel, options } = pooling(node, graph);
    const counts = intOf(node, "count_include_pad", 0) !== 0 && options.padding.some((size) => size > 0);
    if (counts) throw unsupported(node, graph, "padding that counts as values");
    return new AvgPool2d(kernel, options);
  },
  Relu: () => new ReLU(),
  LeakyRelu: (node) => new LeakyReLU(rounded(floatOf(node, "alpha", 0.01))),
  Elu: (node) => new ELU(rounded(floatOf(node, "alpha", 1))),
  Sigmoid: () => new Sigmoid(),
  Tanh: () => new Tanh(),
  Softplus: () => new Softplus(),
  Softmax: (node, graph, ranks) => {
    if (graph.model.opset >= 13) return new Softmax(intOf(node, "axis", -1));
    // Up to version 12 all axes from one on share a sum.
    if (ranks.get(node.input[0]) === 2) return new Softmax(intOf(node, "axis", 1));
    throw unsupported(node, graph, "a sum over several axes, as before opset 13");
  },
  Dropout: (node, graph) => {
    const ratio = graph.constant(node.input[1] ?? "");
    return new Dropout(typeof ratio === "string" ? rounded(floatOf(node, "ratio", 0.5)) : rounded(ratio.data[0]));
  },
  Flatten: (node, graph) => {
    if (intOf(node, "axis", 1) !== 1) throw unsupported(node, graph, `axis ${intOf(node, "axis", 1)}`);
    return new Flatten();
  },
};

/** Whether a node by itself may be a layer. */
export function isLayer(node: NodeProto): boolean {
  return isStandard(node) && Object.hasOwn(layers, node.opType);
}

/** @throws FormatError if there is no such layer, naming the node; see {@link ofNode} */
export function importLayer(node: NodeProto, graph: Graph, ranks: Ranks): Module {
  if (!isLayer(node)) throw unsupported(node, graph, "an operator that no layer here is");
  return layers[node.opType](node, graph, ranks);
}

function importConv(node: NodeProto, graph: Graph): Module {
  return convOf(node, graph);
}

/** @param more - padding that a node before it adds to each side of each axis */
export function convOf(node: NodeProto, graph: Graph, more: readonly number[] | null = null): Module {
  const { shape, data } = valuesOf(node, graph, 1);
  const bias = node.input[2] ? valuesOf(node, graph, 2).data : null;
  const [out, groupChannels, ...kernel] = shape;
  const groups = intOf(node, "group", 1);
  const [stride, dilation] = [perAxis(node, graph, "strides", kernel, 1), perAxis(node, graph, "dilations", kernel, 1)];
  checkKernel(node, graph, kernel);
  if (more !== null && more.length !== kernel.length) {
    throw unsupported(node, graph, `${kernel.length} spatial axes, of which the Pad before it pads ${more.length}`);
  }
  const padding = paddingOf(node, graph, kernel, stride, dilation).map((size, axis) => size + (more?.[axis] ?? 0));
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
  } else throw unsupported(node, graph, `${kernel.length} spatial axes`);
  return withState(layer, { weight: data, ...(bias === null ? {} : { bias }) });
}

function importConvTranspose(node: NodeProto, graph: Graph): Module {
  const { shape, data } = valuesOf(node, graph, 1);
  const bias = node.input[2] ? valuesOf(node, graph, 2).data : null;
  const [inChannels, groupChannels, ...kernel] = shape;
  if (kernel.length !== 2) throw unsupported(node, graph, `${kernel.length} spatial axes`);
  if (intsOf(node, "output_shape") !== null) throw unsupported(node, graph, "output_shape");
  const groups = intOf(node, "group", 1);
  const both = (name: string, absent: number): [number, number] => pair(perAxis(node, graph, name, kernel, absent));
  const [stride, dilation, outputPadding] = [both("strides", 1), both("dilations", 1), both("output_padding", 0)];
  checkKernel(node, graph, kernel);
  if (!["NOTSET", "VALID"].includes(textOf(node, "auto_pad", "NOTSET"))) {
    throw unsupported(node, graph, `auto_pad ${textOf(node, "auto_pad", "")}`);
  }
  const padding = pair(paddingOf(node, graph, kernel, stride, dilation));
  const options = { stride, dilation, padding, outputPadding, groups, bias: bias !== null };
  const layer = new ConvTranspose2d(inChannels, groupChannels * groups, pair(kernel), options);
  return withState(layer, { weight: data, ...(bias === null ? {} : { bias }) });
}

function importGemm(node: NodeProto, graph: Graph): Module {
  const weight = valuesOf(node, graph, 1);
  const bias = node.input[2] ? valuesOf(node, graph, 2) : null;
  if (weight.shape.length !== 2) throw unsupported(node, graph, `a weight of rank ${weight.shape.length}`);
  if (intOf(node, "transA", 0) !== 0) throw unsupported(node, graph, "transA");
  const isTransposed = intOf(node, "transB", 0) !== 0;
  const [alpha, beta] = [floatOf(node, "alpha", 1), floatOf(node, "beta", 1)];
  const outputs = weight.shape[isTransposed ? 0 : 1];
  if (bias !== null && bias.data.length !== outputs && bias.data.length !== 1) {
    throw unsupported(node, graph, `a bias ${formatShape(bias.shape)}`);
  }
  const shift = bias && Float64Array.from({ length: outputs }, (_, o) => beta * (bias.data[o] ?? bias.data[0]));
  const scaled = { ...weight, data: weight.data.map((value) => alpha * value) };
  return linearOf(scaled, shift, isTransposed);
}

/** The layer of a matrix that x is multiplied by: (inputs, outputs), or (outputs, inputs) if it is transposed first. */
export function linearOf({ shape, data }: TensorValues, bias: Float64Array | null, isTransposed = false): Linear {
  const [outputs, inputs] = isTransposed ? shape : shape.toReversed();
  const at = (i: number): number => (i % inputs) * outputs + Math.floor(i / inputs);
  const weight = isTransposed ? data : data.map((_, i) => data[at(i)]);
  return withState(new Linear(inputs, outputs, { bias: bias !== null }), {
    weight,
    ...(bias === null ? {} : { bias }),
  });
}

function pooling(node: NodeProto, graph: Graph) {
  const kernel = intsOf(node, "kernel_shape") ?? [];
  if (kernel.length !== 2) throw unsupported(node, graph, `${kernel.length} spatial axes`);
  if (intOf(node, "ceil_mode", 0) !== 0) throw unsupported(node, graph, "ceil_mode");
  if (intsOf(node, "dilations")?.some((size) => size !== 1)) throw unsupported(node, graph, "dilations");
  const stride = perAxis(node, graph, "strides", kernel, 1);
  const padding = paddingOf(node, graph, kernel, stride, [1, 1]);
  return { kernel: pair(kernel), options: { stride: pair(stride), padding: pair(padding) } };
}

/** A number for each axis of a kernel, or `each` of them, among a node's attributes. */
function perAxis(
  node: NodeProto,
  graph: Graph,
  name: string,
  kernel: readonly number[],
  absent: number,
  each = 1,
): number[] {
  const length = each * kernel.length;
  const numbers = intsOf(node, name) ?? new Array<number>(length).fill(absent);
  if (numbers.length === length) return numbers;
  throw unsupported(node, graph, `${numbers.length} numbers in ${name} for ${kernel.length} spatial axes`);
}

/** A node may say again how large its weight's kernel is. */
function checkKernel(node: NodeProto, graph: Graph, kernel: readonly number[]): void {
  const said = perAxis(node, graph, "kernel_shape", kernel, 0);
  if (intsOf(node, "kernel_shape") === null || sameShape(said, kernel)) return;
  throw unsupported(node, graph, `kernel_shape ${formatShape(said)} for a kernel ${formatShape(kernel)}`);
}

/** Padding that is the same on both sides, as layers here have it. */
function paddingOf(
  node: NodeProto,
  graph: Graph,
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): number[] {
  const mode = textOf(node, "auto_pad", "NOTSET");
  if (mode === "VALID") return kernel.map(() => 0);
  if (mode !== "NOTSET") {
    const spans = kernel.map((size, axis) => dilation[axis] * (size - 1));
    if (stride.every((step) => step === 1) && spans.every((span) => span % 2 === 0))
      return spans.map((span) => span / 2);
    throw unsupported(node, graph, `auto_pad ${mode}, which pads the two sides differently`);
  }
  const pads = perAxis(node, graph, "pads", kernel, 0, 2);
  const before = pads.slice(0, kernel.length);
  if (before.every((size, axis) => size === pads[kernel.length + axis])) return before;
  throw unsupported(node, graph, `pads ${pads.join(", ")}, which differ between the two sides`);
}

function pair([a, b]: readonly number[]): [number, number] {
  return [a, b];
}
