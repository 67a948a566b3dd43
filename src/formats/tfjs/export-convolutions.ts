import type { Conv1d } from "../../nn/conv1d.js";
import type { Shape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { TfjsValue } from "./tfjs-value.js";
import type { TfjsWeight, TfjsWriter } from "./tfjs-writer.js";

export type Sizes = readonly [down: number, across: number];

/** What a layer, or an op as one, multiplies with and adds. */
export interface Weights {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/** Windows of a convolution. */
export interface Windows {
  readonly stride: Sizes;
  readonly padding: Sizes;
  readonly outputPadding: Sizes;
  readonly dilation: Sizes;
  readonly groups: number;
}

export function exportConv2d(
  layer: Weights & Omit<Windows, "outputPadding">,
  x: TfjsValue,
  graph: TfjsWriter,
  shape: Shape,
): TfjsValue {
  const { weight, stride, padding, groups } = layer;
  const [outputs, each, ...kernel] = weight.shape;
  // TF.js takes a step or a distance between taps, not both; its depthwise layer ignores the latter.
  const isDepthwise = groups > 1 && each === 1;
  const spread = isDepthwise || layer.stride.some((step) => step > 1);
  const dilation: Sizes = spread ? [1, 1] : layer.dilation;
  const taps = kernelOf(layer, spread ? layer.dilation : [1, 1], isDepthwise ? 1 : groups);
  const isSame = padding.every((pad, k) => stride[k] === 1 && 2 * pad === layer.dilation[k] * (kernel[k] - 1));
  const last = graph.channelsLast(x);
  const padded = isSame ? last : pad(last, padding, padding, graph);
  const config = {
    kernel_size: taps.shape.slice(0, 2),
    strides: stride,
    padding: isSame ? "same" : "valid",
    dilation_rate: dilation,
    data_format: "channels_last",
    use_bias: layer.bias !== null,
    activation: "linear",
  };
  if (!isDepthwise) {
    const weights = { kernel: taps, ...biasOf(layer) };
    return graph.layer("Conv2D", [padded], { filters: outputs, ...config }, { weights, shape });
  }
  const multiplier = outputs / groups;
  const kernels = { shape: [...taps.shape.slice(0, 2), groups, multiplier], values: taps.values };
  const weights = { depthwise_kernel: kernels, ...biasOf(layer) };
  return graph.layer("DepthwiseConv2D", [padded], { depth_multiplier: multiplier, ...config }, { weights, shape });
}

export function exportConv1d(
  layer: Pick<Conv1d, keyof Weights | "stride" | "padding" | "dilation" | "groups">,
  x: TfjsValue,
  graph: TfjsWriter,
  shape: Shape,
): TfjsValue {
  const { weight, stride, padding, groups } = layer;
  const [outputs, , width] = weight.shape;
  const isSpread = stride > 1;
  const { shape: sizes, values } = kernelOf(layer, [1, isSpread ? layer.dilation : 1], groups);
  const isSame = stride === 1 && 2 * padding === layer.dilation * (width - 1);
  const config = {
    filters: outputs,
    kernel_size: [sizes[1]],
    strides: [stride],
    padding: isSame ? "same" : "valid",
    dilation_rate: [isSpread ? 1 : layer.dilation],
    use_bias: layer.bias !== null,
    activation: "linear",
  };
  const weights = { kernel: { shape: sizes.slice(1), values }, ...biasOf(layer) };
  const last = graph.channelsLast(x);
  const padded = isSame ? last : padRow(last, padding, graph);
  return graph.layer("Conv1D", [padded], config, { weights, shape });
}

/** A transposed convolution without padding, then what is cut from its edges; a longer kernel gives what is added at the end. */
export function exportConvTranspose2d(
  layer: Weights & Windows,
  x: TfjsValue,
  graph: TfjsWriter,
  shape: Shape,
): TfjsValue {
  const { weight, stride, padding, outputPadding, dilation, groups } = layer;
  const [, each] = weight.shape;
  const outputs = each * groups;
  const beyond = padding.map((size, k) => Math.max(0, outputPadding[k] - size));
  const taps = kernelOf(layer, dilation, groups, [beyond[0], beyond[1]]);
  const [, ...input] = x.shape;
  const full = input.map((size, k) => (size - 1) * stride[k] + Math.max(taps.shape[k], stride[k]));
  const config = {
    filters: outputs,
    kernel_size: taps.shape.slice(0, 2),
    strides: stride,
    padding: "valid",
    use_bias: layer.bias !== null,
    activation: "linear",
  };
  const weights = { kernel: taps, ...biasOf(layer) };
  const whole: Shape = [outputs, ...full];
  const y = graph.layer("Conv2DTranspose", [graph.channelsLast(x)], config, { weights, shape: whole });
  const cropping = full.map((size, k) => [padding[k], size - padding[k] - shape[k + 1]]);
  if (cropping.flat().every((size) => size === 0)) return y;
  return graph.layer("Cropping2D", [y], { cropping }, { shape, role: "crop" });
}

/**
 * A kernel in TF.js's order: down, across, the second axis of Evenkeel's weight in all groups, the first. Between taps stand zeros where they
 * have a distance, and between channels of different groups, which TF.js does not have.
 *
 * @param beyond - rows and columns of zeros behind it
 */
function kernelOf(
  { weight }: Pick<Weights, "weight">,
  dilation: Sizes,
  groups: number,
  beyond: Sizes = [0, 0],
): TfjsWeight & { readonly values: Float32Array } {
  const [major, each] = weight.shape;
  const [height, width] = weight.rank === 4 ? weight.shape.slice(2) : [1, weight.shape[2]];
  const down = (height - 1) * dilation[0] + 1 + beyond[0];
  const across = (width - 1) * dilation[1] + 1 + beyond[1];
  const minor = each * groups;
  const values = new Float32Array(down * across * minor * major);
  for (const [i, value] of weight.dataSync().entries()) {
    const o = Math.floor(i / (each * height * width));
    const own = Math.floor(i / (height * width)) % each;
    const channel = Math.floor(o / (major / groups)) * each + own;
    const row = (Math.floor(i / width) % height) * dilation[0];
    const column = (i % width) * dilation[1];
    values[((row * across + column) * minor + channel) * major + o] = value;
  }
  return { shape: [down, across, minor, major], values };
}

function biasOf({ bias }: Pick<Weights, "bias">): { readonly bias?: TfjsWeight } {
  return bias === null ? {} : { bias: { shape: bias.shape, values: bias.dataSync() } };
}

/** Zeros around planes. */
export function pad(x: TfjsValue, before: Sizes, after: Sizes, graph: TfjsWriter): TfjsValue {
  if ([...before, ...after].every((size) => size === 0)) return x;
  const [channels, height, width] = x.shape;
  const shape = [channels, height + before[0] + after[0], width + before[1] + after[1]];
  const padding = before.map((size, k) => [size, after[k]]);
  const options = { shape, role: "pad", isPositive: x.isPositive };
  return graph.layer("ZeroPadding2D", [x], { padding, data_format: "channels_last" }, options);
}

/** Zeros around rows: TF.js pads planes only. */
function padRow(x: TfjsValue, size: number, graph: TfjsWriter): TfjsValue {
  if (size === 0) return x;
  const [channels, length] = x.shape;
  const plane = graph.reshape(x, [length, 1, channels], { shape: [channels, length, 1] });
  const padded = pad(plane, [size, 0], [size, 0], graph);
  const long = length + 2 * size;
  return graph.reshape(padded, [long, channels], { shape: [channels, long] });
}
