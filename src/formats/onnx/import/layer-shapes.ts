import type { OpenShape } from "../../../graph/node.js";
import { ConvTranspose2d } from "../../../nn/conv-transpose2d.js";
import { Conv1d } from "../../../nn/conv1d.js";
import { Conv2d } from "../../../nn/conv2d.js";
import { Flatten } from "../../../nn/flatten.js";
import { Linear } from "../../../nn/linear.js";
import type { AnyModule } from "../../../nn/module.js";
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from "../../../nn/pooling.js";
import { resolvePair } from "../../../ops/windows.js";
import { countOf, type Size } from "./open-shapes.js";

interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/** The shape of what a layer makes of a shape; null where either is not known. */
export function shapeAfterLayer(layer: AnyModule, shape: OpenShape | null): OpenShape | null {
  if (shape === null) return null;
  if (layer.is(Linear)) return [...shape.slice(0, -1), layer.weight.shape[0]];
  if (layer.is(Flatten)) return [shape[0] ?? 1, countOf(shape.slice(1))];
  if (layer.is(GlobalAvgPool2d)) return shape.slice(0, 2);
  if (layer.is(MaxPool2d) || layer.is(AvgPool2d)) {
    const kernel = resolvePair("", "kernel", layer.kernel, 1);
    const stride = resolvePair("", "stride", layer.options.stride ?? kernel, 1);
    const padding = resolvePair("", "padding", layer.options.padding ?? 0, 0);
    return [...shape.slice(0, 2), ...after(shape, { kernel, stride, padding, dilation: [1, 1] })];
  }
  if (layer.is(ConvTranspose2d)) {
    const [, groupChannels, ...kernel] = layer.weight.shape;
    const planes = shape.slice(2).map((size, axis): Size => {
      if (typeof size !== "number") return null;
      const span = layer.dilation[axis] * (kernel[axis] - 1) + 1;
      return (size - 1) * layer.stride[axis] - 2 * layer.padding[axis] + span + layer.outputPadding[axis];
    });
    return [shape[0], groupChannels * layer.groups, ...planes];
  }
  if (layer.is(Conv2d) || layer.is(Conv1d)) {
    const [channels, , ...kernel] = layer.weight.shape;
    const [stride, padding, dilation] = [layer.stride, layer.padding, layer.dilation].map((each) =>
      typeof each === "number" ? [each] : each,
    );
    return [shape[0], channels, ...after(shape, { kernel, stride, padding, dilation })];
  }
  return layer.rankAfter(shape.length) === shape.length ? shape : null;
}

function after(shape: OpenShape, { kernel, stride, padding, dilation }: Windows): Size[] {
  return shape.slice(2).map((size, axis) => {
    const span = dilation[axis] * (kernel[axis] - 1);
    const isKept = stride[axis] === 1 && 2 * padding[axis] === span;
    if (typeof size !== "number") return isKept ? size : null;
    return Math.floor((size + 2 * padding[axis] - span - 1) / stride[axis]) + 1;
  });
}
