import type { Argument } from "../../../../graph/argument.js";
import type { Module } from "../../../../nn/module.js";
import { AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d } from "../../../../nn/pooling.js";
import { type AxisPadding, shortestPadding } from "../../../../ops/window-padding.js";
import { intOf, intsOf, textOf } from "../../file/attributes.js";
import type { ImportStep } from "../import-step.js";
import { dilatedPool } from "./import-dilated-pool.js";
import { axesPadding } from "./padding.js";
import { perAxis } from "./window-attributes.js";

/** The largest value of each window of signals, planes or volumes. */
export function importMaxPool(at: ImportStep): Argument {
  if (intOf(at.node, "storage_order", 0) !== 0) throw at.refuse("storage_order 1");
  return poolOf(at, [MaxPool1d, MaxPool2d, MaxPool3d], null);
}

/** The mean of each window of signals, planes or volumes. */
export function importAveragePool(at: ImportStep): Argument {
  const counts = intOf(at.node, "count_include_pad", 0) !== 0;
  return poolOf(at, [AvgPool1d, AvgPool2d, AvgPool3d], { countsPadding: counts });
}

/** @param layers - of one, two and three axes @param mean - null: the largest value */
function poolOf(
  at: ImportStep,
  layers: readonly (new (...given: never[]) => Module)[],
  mean: { readonly countsPadding: boolean } | null,
): Argument {
  const { node } = at;
  const kernel = intsOf(node, "kernel_shape") ?? [];
  const axes = kernel.length;
  if (axes < 1 || axes > 3) throw at.refuse(`${axes} spatial axes`);
  const strides = perAxis(node, "strides", kernel, 1);
  const dilation = perAxis(node, "dilations", kernel, 1);
  if (dilation.some((size) => size !== 1)) {
    if (
      !(kernel.every((size) => size >= 1) && strides.every((step) => step >= 1) && dilation.every((one) => one >= 1))
    ) {
      throw at.refuse(
        `kernel_shape ${kernel.join(", ")}, strides ${strides.join(", ")}, dilations ${dilation.join(", ")}`,
      );
    }
    const mode = textOf(node, "auto_pad", "NOTSET");
    // onnxruntime pads for windows whose values lie together, which leaves other places out.
    if (mode.startsWith("SAME")) throw at.refuse(`auto_pad ${mode} with dilations`);
    const around = axesPadding(node, kernel, strides, dilation, at.shape(0));
    const isCeil = intOf(node, "ceil_mode", 0) !== 0;
    return dilatedPool(at, { kernel, stride: strides, dilation, padding: around, isCeil }, mean);
  }
  const padding = shortestPadding(paddingOf(at, kernel, strides));
  const one = <T>(sizes: readonly T[]): T | readonly T[] => (axes === 1 ? sizes[0] : sizes);
  const options = {
    ...{ stride: one(strides), padding: padding === "same" ? padding : one<unknown>(padding) },
    ...(intOf(node, "ceil_mode", 0) === 0 ? {} : { ceilMode: true }),
    ...(mean?.countsPadding ? { countIncludePad: true } : {}),
  };
  return at.layer(null, () => Reflect.construct(layers[axes - 1], [one(kernel), options]));
}

/** Fewer places than the kernel has, so that every window has a value. */
function paddingOf(at: ImportStep, kernel: readonly number[], stride: readonly number[]): AxisPadding[] {
  const ones = kernel.map(() => 1);
  const padding = axesPadding(at.node, kernel, stride, ones, at.shape(0));
  const widths = padding.filter((one) => one !== "same");
  if (widths.every((pair, axis) => Math.max(...pair) < kernel[axis])) return padding;
  const [before, after] = [0, 1].map((side) => widths.map((pair) => pair[side]).join("×"));
  const shown = before === after ? before : `${before} and ${after}`;
  throw at.refuse(`padding ${shown} of windows ${kernel.join("×")}, some of which hold no value`);
}
