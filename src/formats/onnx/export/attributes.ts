import type { AvgPoolOptions } from "../../../ops/pool.js";
import { paddingWidths, resolvePadding } from "../../../ops/window-padding.js";
import { countWindows } from "../../../ops/windows.js";
import type { WrittenWindows } from "../../foreign/layer-writers.js";
import type { OnnxAttributes, OnnxShape } from "./onnx-writer.js";

/** A number for each axis, from one for all. */
function spread(size: unknown, axes: number): readonly number[] {
  return typeof size === "number" ? new Array<number>(axes).fill(size) : (size as readonly number[]);
}

interface Moves {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** What stands before and behind each axis; where the sizes say it and vary, ONNX computes it when the model runs. */
function paddingAttributes(padding: unknown, shape: OnnxShape, moves: Moves): OnnxAttributes {
  const given = resolvePadding("exportOnnx(model)", padding, moves.kernel.length);
  const sizes = shape.slice(2);
  if (given.includes("same") && sizes.some((size) => typeof size !== "number")) return { auto_pad: "SAME_UPPER" };
  const widths = paddingWidths(given, sizes.map(Number), moves);
  return { pads: [...widths.map(([before]) => before), ...widths.map(([, after]) => after)] };
}

/** Attributes of Conv and ConvTranspose. @param shape - of x */
export function convolutionAttributes(
  kernel: readonly number[],
  options: WrittenWindows,
  shape: OnnxShape,
): OnnxAttributes {
  const axes = kernel.length;
  const { stride = 1, padding = 0, outputPadding, dilation = 1, groups = 1 } = options;
  const moves = { kernel, stride: spread(stride, axes), dilation: spread(dilation, axes) };
  return {
    kernel_shape: kernel,
    strides: moves.stride,
    ...paddingAttributes(padding, shape, moves),
    dilations: moves.dilation,
    group: groups,
    ...(outputPadding === undefined ? {} : { output_padding: spread(outputPadding, axes) }),
  };
}

/**
 * Attributes of MaxPool and AveragePool. A last window that reaches beyond the padding is written as more padding,
 * since runtimes do not agree on which of them `ceil_mode` counts; it is left to them where sizes vary.
 *
 * @param shape - of x
 */
export function poolingAttributes(
  size: unknown,
  { stride = size, padding = 0, ceilMode = false }: AvgPoolOptions<unknown, unknown>,
  shape: OnnxShape,
): OnnxAttributes {
  const axes = shape.length - 2;
  const kernel = spread(size, axes);
  const moves = { kernel, stride: spread(stride, axes), dilation: kernel.map(() => 1) };
  const around = paddingAttributes(padding, shape, moves);
  const attributes = { kernel_shape: kernel, strides: moves.stride };
  const sizes = shape.slice(2);
  if (!ceilMode) return { ...attributes, ...around };
  if (!Array.isArray(around.pads) || sizes.some((extent) => typeof extent !== "number")) {
    return { ...attributes, ...around, ceil_mode: 1 };
  }
  const pads = around.pads.map(Number);
  const after = sizes.map((extent, k) => {
    const [before, behind] = [pads[k], pads[axes + k]];
    const windows = { kernel: kernel[k], stride: moves.stride[k], dilation: 1, padding: [before, behind] as const };
    const reach = (countWindows(Number(extent), windows, true) - 1) * windows.stride + windows.kernel;
    return Math.max(behind, reach - Number(extent) - before);
  });
  return { ...attributes, pads: [...pads.slice(0, axes), ...after] };
}

/** An axis counted from the front. */
export function resolveAxisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
