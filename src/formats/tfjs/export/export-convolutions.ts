import type { PadWidths } from "../../../ops/pad.js";
import { reshape } from "../../../ops/reshape.js";
import { paddingWidths, resolvePadding } from "../../../ops/window-padding.js";
import { type Pair, resolvePair } from "../../../ops/windows.js";
import { type Shape, sizeOf } from "../../../shape.js";
import type { Tensor } from "../../../tensor.js";
import type { TfjsValue } from "./tfjs-value.js";
import type { TfjsWeight, TfjsWriter } from "./tfjs-writer.js";

export type PlaneSizes = readonly [down: number, across: number];

/** What a layer, or an op as one, multiplies with and adds. */
export interface Weights {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/** Windows of a convolution. */
export interface Windows {
  readonly stride: PlaneSizes;
  /** In any form that the op takes. */
  readonly padding: unknown;
  readonly outputPadding: PlaneSizes;
  readonly dilation: PlaneSizes;
  readonly groups: number;
}

/** Windows of a convolution of signals. */
export interface SignalWindows {
  readonly stride: number;
  /** In any form that the op takes. */
  readonly padding: unknown;
  readonly dilation: number;
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
  const dilation: PlaneSizes = spread ? [1, 1] : layer.dilation;
  const taps = kernelOf(layer, spread ? layer.dilation : [1, 1], isDepthwise ? 1 : groups);
  const last = graph.channelsLast(x);
  const { isSame, widths } = paddingOf(padding, x, { kernel, stride, dilation: layer.dilation });
  const [down, across] = widths;
  const padded = isSame ? last : zeroPadded(last, [down[0], across[0]], [down[1], across[1]], graph);
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

export function exportConv1d(layer: Weights & SignalWindows, x: TfjsValue, graph: TfjsWriter, shape: Shape): TfjsValue {
  const { weight, stride, padding, groups } = layer;
  const [outputs, , width] = weight.shape;
  const isSpread = stride > 1;
  const { shape: sizes, values } = kernelOf(layer, [isSpread ? layer.dilation : 1], groups);
  const { isSame, widths } = paddingOf(padding, x, { kernel: [width], stride: [stride], dilation: [layer.dilation] });
  const config = {
    filters: outputs,
    kernel_size: [sizes[0]],
    strides: [stride],
    padding: isSame ? "same" : "valid",
    dilation_rate: [isSpread ? 1 : layer.dilation],
    use_bias: layer.bias !== null,
    activation: "linear",
  };
  const weights = { kernel: { shape: sizes, values }, ...biasOf(layer) };
  const last = graph.channelsLast(x);
  const padded = isSame ? last : padRow(last, widths[0], graph);
  return graph.layer("Conv1D", [padded], config, { weights, shape });
}

/**
 * A transposed convolution without padding, then what is cut from its edges; a longer kernel gives what is added at the
 * end.
 */
export function exportConvTranspose2d(
  layer: Weights & Windows,
  x: TfjsValue,
  graph: TfjsWriter,
  shape: Shape,
): TfjsValue {
  const { weight, stride, outputPadding, dilation, groups } = layer;
  const padding = resolvePair("exportTfjs(model)", "padding", layer.padding as Pair, 0);
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

/** Signals as planes of one column, which TF.js has such a layer for. */
export function exportConvTranspose1d(
  layer: Weights & SignalWindows & { readonly outputPadding: number },
  x: TfjsValue,
  graph: TfjsWriter,
  [outputs, length]: Shape,
): TfjsValue {
  const [channels, size] = x.shape;
  const weight = reshape(layer.weight, [...layer.weight.shape, 1]);
  const plane = graph.reshape(graph.channelsLast(x), [size, 1, channels], { shape: [channels, size, 1] });
  const windows: Windows = {
    ...{ stride: [layer.stride, 1], dilation: [layer.dilation, 1], groups: layer.groups },
    ...{ padding: [layer.padding, 0], outputPadding: [layer.outputPadding, 0] },
  };
  const y = exportConvTranspose2d({ weight, bias: layer.bias, ...windows }, plane, graph, [outputs, length, 1]);
  weight.dispose();
  return graph.reshape(y, [length, outputs], { shape: [outputs, length] });
}

/** A convolution of volumes, whose padding is none or what TF.js calls `same`. */
export function exportConv3d(
  layer: Weights & Pick<Windows, "padding" | "groups"> & Readonly<Record<"stride" | "dilation", readonly number[]>>,
  x: TfjsValue,
  graph: TfjsWriter,
  shape: Shape,
): TfjsValue {
  const { weight, stride, dilation, padding, groups } = layer;
  const { isSame, widths } = paddingOf(padding, x, { kernel: weight.shape.slice(2), stride, dilation });
  const isValid = widths.flat().every((width) => width === 0);
  if (!isSame && !isValid) {
    return graph.refuse(
      'convolutions of volumes without padding, or with padding "same", as TF.js has them',
      `padding ${JSON.stringify(padding)}`,
      "Use such padding.",
    );
  }
  const kernel = kernelOf(layer, dilation, groups);
  const config = {
    ...{ filters: weight.shape[0], kernel_size: kernel.shape.slice(0, 3), strides: stride },
    ...{ padding: isValid ? "valid" : "same", data_format: "channels_last" },
    ...{ use_bias: layer.bias !== null, activation: "linear" },
  };
  return graph.layer("Conv3D", [graph.channelsLast(x)], config, { weights: { kernel, ...biasOf(layer) }, shape });
}

/**
 * What stands around values, and whether it is what TF.js calls `same`: the zeros that give ⌈size / stride⌉ windows.
 */
function paddingOf(
  padding: unknown,
  { shape }: TfjsValue,
  moves: Readonly<Record<"kernel" | "stride" | "dilation", readonly number[]>>,
): { readonly isSame: boolean; readonly widths: readonly PadWidths[] } {
  const [, ...sizes] = shape;
  const given = resolvePadding("exportTfjs(model)", padding, sizes.length);
  const widths = paddingWidths(given, sizes, moves);
  const same = paddingWidths(
    sizes.map(() => "same" as const),
    sizes,
    moves,
  );
  const isSame = widths.every(([before, after], k) => before === same[k][0] && after === same[k][1]);
  return { isSame, widths };
}

/**
 * A kernel in TF.js's order: its axes, the second axis of Evenkeel's weight in all groups, the first. Between taps
 * stand zeros where they have a distance, and between channels of different groups, which TF.js does not have.
 *
 * @param beyond - how many zeros stand behind it along each axis
 */
function kernelOf(
  { weight }: Pick<Weights, "weight">,
  dilation: readonly number[],
  groups: number,
  beyond: readonly number[] = [],
): TfjsWeight & { readonly values: Float32Array } {
  const [major, each, ...kernel] = weight.shape;
  const sizes = kernel.map((size, k) => (size - 1) * dilation[k] + 1 + (beyond[k] ?? 0));
  const minor = each * groups;
  const taps = sizeOf(kernel);
  const values = new Float32Array(sizeOf(sizes) * minor * major);
  const places = Int32Array.from({ length: taps }, (_, tap) => {
    let [rest, place, step] = [tap, 0, 1];
    for (let k = kernel.length - 1; k >= 0; k--) {
      place += (rest % kernel[k]) * dilation[k] * step;
      rest = Math.floor(rest / kernel[k]);
      step *= sizes[k];
    }
    return place;
  });
  for (const [i, value] of weight.dataSync().entries()) {
    const o = Math.floor(i / (each * taps));
    const own = Math.floor(i / taps) % each;
    const channel = Math.floor(o / (major / groups)) * each + own;
    values[(places[i % taps] * minor + channel) * major + o] = value;
  }
  return { shape: [...sizes, minor, major], values };
}

/** The bias of a layer that has one. */
export function biasOf({ bias }: Pick<Weights, "bias">): { readonly bias?: TfjsWeight } {
  return bias === null ? {} : { bias: { shape: bias.shape, values: bias.dataSync() } };
}

/** Zeros around planes. */
export function zeroPadded(x: TfjsValue, before: PlaneSizes, after: PlaneSizes, graph: TfjsWriter): TfjsValue {
  if ([...before, ...after].every((size) => size === 0)) return x;
  const [channels, height, width] = x.shape;
  const shape = [channels, height + before[0] + after[0], width + before[1] + after[1]];
  const padding = before.map((size, k) => [size, after[k]]);
  const options = { shape, role: "pad", isPositive: x.isPositive };
  return graph.layer("ZeroPadding2D", [x], { padding, data_format: "channels_last" }, options);
}

/** Zeros around rows: TF.js pads planes only. */
function padRow(x: TfjsValue, [before, after]: PadWidths, graph: TfjsWriter): TfjsValue {
  if (before + after === 0) return x;
  const [channels, length] = x.shape;
  const plane = graph.reshape(x, [length, 1, channels], { shape: [channels, length, 1] });
  const padded = zeroPadded(plane, [before, 0], [after, 0], graph);
  const long = before + length + after;
  return graph.reshape(padded, [long, channels], { shape: [channels, long] });
}
