import type { Argument } from "../../../graph/argument.js";
import type { Module } from "../../../nn/module.js";
import { AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d } from "../../../nn/pooling.js";
import { type AxisPadding, shortestPadding } from "../../../ops/window-padding.js";
import { intOf, intsOf } from "../file/attributes.js";
import type { ImportStep } from "./import-step.js";
import { axesPadding } from "./padding.js";
import { perAxis } from "./window-attributes.js";

/** The largest value of each window of signals, planes or volumes. */
export function importMaxPool(at: ImportStep): Argument {
  if (intOf(at.node, "storage_order", 0) !== 0) throw at.refuse("storage_order 1");
  return poolOf(at, [MaxPool1d, MaxPool2d, MaxPool3d], {});
}

/** The mean of each window of signals, planes or volumes. */
export function importAveragePool(at: ImportStep): Argument {
  const counts = intOf(at.node, "count_include_pad", 0) !== 0;
  return poolOf(at, [AvgPool1d, AvgPool2d, AvgPool3d], counts ? { countIncludePad: true } : {});
}

/** @param layers - of one, two and three axes */
function poolOf(at: ImportStep, layers: readonly (new (...given: never[]) => Module)[], more: object): Argument {
  const { node } = at;
  const kernel = intsOf(node, "kernel_shape") ?? [];
  const axes = kernel.length;
  if (axes < 1 || axes > 3) throw at.refuse(`${axes} spatial axes`);
  if (intsOf(node, "dilations")?.some((size) => size !== 1)) throw at.refuse("dilations");
  const strides = perAxis(node, "strides", kernel, 1);
  const padding = shortestPadding(paddingOf(at, kernel, strides));
  const one = <T>(sizes: readonly T[]): T | readonly T[] => (axes === 1 ? sizes[0] : sizes);
  const options = {
    ...{ stride: one(strides), padding: padding === "same" ? padding : one<unknown>(padding) },
    ...(intOf(node, "ceil_mode", 0) === 0 ? {} : { ceilMode: true }),
    ...more,
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
