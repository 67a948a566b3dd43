import type { Argument } from "../../../../graph/argument.js";
import { ConvTranspose1d } from "../../../../nn/conv-transpose1d.js";
import { ConvTranspose2d } from "../../../../nn/conv-transpose2d.js";
import { Conv1d } from "../../../../nn/conv1d.js";
import { Conv2d } from "../../../../nn/conv2d.js";
import { Conv3d } from "../../../../nn/conv3d.js";
import type { Module } from "../../../../nn/module.js";
import { allAxes } from "../../../../shape.js";
import { type VolumeTranspose, volumeTranspose } from "../../../foreign/volume-transpose.js";
import { withState } from "../../../onnx/import/imported-layer.js";
import type { LayerStep } from "../layer-step.js";
import { type Numbers, rearranged } from "../rearranged.js";
import { activated } from "./activations.js";
import type { Row } from "./row.js";

const convolutions = [Conv1d, Conv2d, Conv3d] as const;

/** One number of a signal, a list of planes and volumes. */
export function perAxis<T>(sizes: readonly T[]): T | readonly T[] {
  return sizes.length === 1 ? sizes[0] : sizes;
}

interface Convolution {
  /** (O, I / groups, …kernel) */
  readonly weight: Numbers;
  readonly bias: Float64Array | null;
  readonly groups: number;
  readonly options: Readonly<Record<string, unknown>>;
}

function convolve(at: LayerStep, x: Argument, { weight, bias, groups, options }: Convolution, role = ""): Argument {
  const [outputs, groupInputs, ...kernel] = weight.shape;
  const make = (): Module => {
    const settings = { ...options, groups, bias: bias !== null };
    const given = [groupInputs * groups, outputs, perAxis(kernel), settings];
    const layer: Module = Reflect.construct(convolutions[kernel.length - 1], given);
    return withState(layer, { weight: weight.data, ...(bias === null ? {} : { bias }) });
  };
  return at.module(make, x, role);
}

/** A kernel with its axes in our order. @throws Refusal if it has another rank or none of its axes has values */
function kernelOf(at: LayerStep, role: string, axes: number, alias?: string): Numbers {
  const kernel = at.weight(role, alias);
  if (kernel.shape.length === axes + 2 && kernel.data.length > 0) return kernel;
  throw at.refuse(`a ${role} of the shape ${kernel.shape.join("×")}`);
}

/** Strides, dilation and padding, as the layers here take them. */
function windowsOf(at: LayerStep, axes: number, kernel: readonly number[]) {
  const [stride, dilation] = [at.sizes("strides", axes), at.sizes("dilation_rate", axes)];
  const padding = at.text("padding", "valid").toLowerCase();
  const isCausal = padding === "causal" && axes === 1;
  if (!["valid", "same"].includes(padding) && !isCausal) throw at.refuse(`padding ${padding}`);
  const before = isCausal ? [(kernel[0] - 1) * dilation[0], 0] : 0;
  const { padded } = at.x;
  if (padded !== undefined && padding === "valid") {
    const around = axes === 1 ? padded.widths[0] : padded.widths;
    return { stride: perAxis(stride), dilation: perAxis(dilation), padding: around, x: at.planes(padded.x) };
  }
  return {
    x: at.planes(),
    stride: perAxis(stride),
    dilation: perAxis(dilation),
    padding: padding === "same" ? "same" : before,
  };
}

function convolution(axes: number): Row {
  return (at) => {
    at.checkRank(axes + 2);
    const kernel = kernelOf(at, "kernel", axes);
    const groups = at.number("groups", 1);
    const weight = rearranged(kernel, [axes + 1, axes, ...allAxes(axes)]);
    const [outputs, inputs, ...sizes] = weight.shape;
    at.checkFeatures(inputs * groups);
    const { x, ...options } = windowsOf(at, axes, sizes);
    const y = convolve(at, x, { weight, bias: at.bias(outputs), groups, options });
    return activated(at, at.asPlanes(y));
  };
}

/**
 * The kernel (…k, I, M) of a convolution of each channel by itself, whose outputs are those of channel 0, then those of
 * channel 1 …
 */
function depthwiseKernel(at: LayerStep, axes: number): Numbers {
  const kernel = kernelOf(at, "depthwise_kernel", axes, "kernel");
  const { shape, data } = rearranged(kernel, [axes, axes + 1, ...allAxes(axes)]);
  const [inputs, multiplier, ...sizes] = shape;
  at.checkFeatures(inputs);
  return { shape: [inputs * multiplier, 1, ...sizes], data };
}

function depthwise(axes: number): Row {
  return (at) => {
    at.checkRank(axes + 2);
    const weight = depthwiseKernel(at, axes);
    const { x, ...options } = windowsOf(at, axes, weight.shape.slice(2));
    const groups = at.features();
    const y = convolve(at, x, { weight, bias: at.bias(weight.shape[0]), groups, options });
    return activated(at, at.asPlanes(y));
  };
}

function separable(axes: number): Row {
  return (at) => {
    at.checkRank(axes + 2);
    const weight = depthwiseKernel(at, axes);
    const groups = at.features();
    const { x, ...options } = windowsOf(at, axes, weight.shape.slice(2));
    const planes = convolve(at, x, { weight, bias: null, groups, options }, "depthwise");
    const pointwise = rearranged(kernelOf(at, "pointwise_kernel", axes), [axes + 1, axes, ...allAxes(axes)]);
    if (pointwise.shape[1] !== weight.shape[0])
      throw at.refuse(`a pointwise_kernel for ${pointwise.shape[1]} channels`);
    const bias = at.bias(pointwise.shape[0]);
    const y = convolve(at, planes, { weight: pointwise, bias, groups: 1, options: {} }, "pointwise");
    return activated(at, at.asPlanes(y));
  };
}

/**
 * A transposed convolution: of padding "same" as many places for each as the stride, of "valid" all that a window
 * touches, unless output_padding says how many. Where a place more is cut behind than before, it is sliced off.
 */
function transposed(axes: 1 | 2 | 3): Row {
  return (at) => {
    at.checkRank(axes + 2);
    const weight = rearranged(kernelOf(at, "kernel", axes), [axes + 1, axes, ...allAxes(axes)]);
    const [inputs, outputs, ...kernel] = weight.shape;
    at.checkFeatures(inputs);
    const [stride, dilation] = [at.sizes("strides", axes), at.sizes("dilation_rate", axes)];
    const isAutomatic = (at.config["output_padding"] ?? null) === null;
    const more = isAutomatic ? [] : at.sizes("output_padding", axes);
    const padding = at.text("padding", "valid").toLowerCase();
    if (padding !== "valid" && padding !== "same") throw at.refuse(`padding ${padding}`);
    const spans = kernel.map((size, k) => dilation[k] * (size - 1) + 1);
    // How many places fewer there are than windows touch.
    const excess = spans.map((span, k) => {
      if (isAutomatic) return padding === "same" ? span - stride[k] : Math.min(0, span - stride[k]);
      return (padding === "same" ? span - (span % 2) : 0) - more[k];
    });
    const cut = excess.map((places) => Math.max(0, places));
    const windows = { kernel, stride, dilation, padding: cut.map((places) => Math.floor(places / 2)) };
    const outputPadding = excess.map((places) => Math.max(0, -places));
    const y = transpose(at, weight, { ...windows, outputPadding, groups: 1 }, at.bias(outputs));
    return activated(
      at,
      at.asPlanes(cut.reduce((ref, places, k) => (places % 2 === 1 ? at.op("slice", ref, 0, -1, 2 + k) : ref), y)),
    );
  };
}

function transpose(at: LayerStep, weight: Numbers, windows: VolumeTranspose, bias: Float64Array | null): Argument {
  const [inputs, outputs, ...kernel] = weight.shape;
  const x = at.planes();
  if (kernel.length === 3) {
    const sizes = at.shapeOf(x);
    if (!sizes.slice(2).every((size) => typeof size === "number")) throw at.refuse("volumes of unknown size");
    const layer = (make: () => ConvTranspose2d, planes: Argument): Argument =>
      at.module(() => withState(make(), { weight: weight.data }), planes);
    const shift = bias && at.parameterOnce("bias", { shape: [outputs], data: bias });
    return volumeTranspose(at, { x, sizes, shape: weight.shape, bias: shift, layer }, windows);
  }
  const { stride, dilation, padding, outputPadding } = windows;
  const options = {
    ...{ stride: perAxis(stride), dilation: perAxis(dilation), bias: bias !== null },
    ...{ padding: perAxis(padding), outputPadding: perAxis(outputPadding) },
  };
  const make = (): Module => {
    const kind = kernel.length === 1 ? ConvTranspose1d : ConvTranspose2d;
    const layer: Module = Reflect.construct(kind, [inputs, outputs, perAxis(kernel), options]);
    return withState(layer, { weight: weight.data, ...(bias === null ? {} : { bias }) });
  };
  return at.module(make, x);
}

/** Convolutions of signals, planes and volumes. */
export const convolutionRows: Readonly<Record<string, Row>> = {
  ...{ Conv1D: convolution(1), Conv2D: convolution(2), Conv3D: convolution(3) },
  ...{ Convolution1D: convolution(1), Convolution2D: convolution(2), Convolution3D: convolution(3) },
  ...{ DepthwiseConv1D: depthwise(1), DepthwiseConv2D: depthwise(2) },
  ...{ SeparableConv1D: separable(1), SeparableConv2D: separable(2) },
  ...{ Conv1DTranspose: transposed(1), Conv2DTranspose: transposed(2) },
  Conv3DTranspose: transposed(3),
};
