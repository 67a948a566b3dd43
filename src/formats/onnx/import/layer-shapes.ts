import type { OpenShape } from "../../../graph/node.js";
import { ConvTranspose1d } from "../../../nn/conv-transpose1d.js";
import { ConvTranspose2d } from "../../../nn/conv-transpose2d.js";
import { Conv1d } from "../../../nn/conv1d.js";
import { Conv2d } from "../../../nn/conv2d.js";
import { Conv3d } from "../../../nn/conv3d.js";
import { Flatten } from "../../../nn/flatten.js";
import { Linear } from "../../../nn/linear.js";
import type { AnyModule } from "../../../nn/module.js";
import {
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  GlobalAvgPool2d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from "../../../nn/pooling.js";
import { GRU } from "../../../nn/recurrent/gru.js";
import { LSTM } from "../../../nn/recurrent/lstm.js";
import type { PadWidths } from "../../../ops/pad.js";
import { type AxisPadding, resolvePadding, widthsAlong } from "../../../ops/window-padding.js";
import { countWindows, resolveSizes } from "../../../ops/windows.js";
import { countOf, type Size } from "./open-shapes.js";

interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly AxisPadding[];
  readonly dilation: readonly number[];
}

const pools = [MaxPool1d, MaxPool2d, MaxPool3d, AvgPool1d, AvgPool2d, AvgPool3d];

/** The shape of what a layer makes of a shape; null where either is not known. */
export function shapeAfterLayer(layer: AnyModule, shape: OpenShape | null): OpenShape | null {
  if (shape === null) return null;
  if (layer.is(Linear)) return [...shape.slice(0, -1), layer.weight.shape[0]];
  if (layer.is(LSTM) || layer.is(GRU)) return [...shape.slice(0, -1), layer.channelsAfter(null)];
  if (layer.is(Flatten)) return [shape[0] ?? 1, countOf(shape.slice(1))];
  if (layer.is(GlobalAvgPool2d)) return shape.slice(0, 2);
  const pool = pools.find((one) => layer.is<InstanceType<(typeof pools)[number]>>(one));
  if (pool !== undefined) {
    const { kernel: size, options } = layer as unknown as InstanceType<typeof pool>;
    const axes = shape.length - 2;
    const kernel = resolveSizes("", "kernel", size, 1, axes);
    const stride = resolveSizes("", "stride", options.stride ?? kernel, 1, axes);
    const padding = resolvePadding("", options.padding ?? 0, axes);
    const windows = { kernel, stride, padding, dilation: kernel.map(() => 1) };
    return [...shape.slice(0, 2), ...after(shape, windows, options.ceilMode)];
  }
  if (layer.is(ConvTranspose1d) || layer.is(ConvTranspose2d)) {
    const all = (sizes: number | readonly number[]): readonly number[] => [sizes].flat();
    const [stride, padding, dilation] = [all(layer.stride), all(layer.padding), all(layer.dilation)];
    const outputPadding = all(layer.outputPadding);
    const [, groupChannels, ...kernel] = layer.weight.shape;
    const planes = shape.slice(2).map((size, axis): Size => {
      if (typeof size !== "number") return null;
      const span = dilation[axis] * (kernel[axis] - 1) + 1;
      return (size - 1) * stride[axis] - 2 * padding[axis] + span + outputPadding[axis];
    });
    return [shape[0], groupChannels * layer.groups, ...planes];
  }
  if (layer.is(Conv1d) || layer.is(Conv2d) || layer.is(Conv3d)) {
    const [channels, , ...kernel] = layer.weight.shape;
    const [stride, dilation] = [layer.stride, layer.dilation].map((each) => [each].flat());
    const padding = resolvePadding("", layer.padding, kernel.length);
    return [shape[0], channels, ...after(shape, { kernel, stride, padding, dilation })];
  }
  return layer.rankAfter(shape.length) === shape.length ? shape : null;
}

function after(shape: OpenShape, { kernel, stride, padding, dilation }: Windows, isCeil = false): Size[] {
  return shape.slice(2).map((size, axis) => {
    const moves = { kernel: kernel[axis], stride: stride[axis], dilation: dilation[axis] };
    const isKept =
      stride[axis] === 1 && (padding[axis] === "same" || sum(padding[axis]) === dilation[axis] * (kernel[axis] - 1));
    if (typeof size !== "number") return isKept ? size : null;
    return countWindows(size, { ...moves, padding: widthsAlong(padding[axis], size, moves) }, isCeil);
  });
}

function sum([before, after]: PadWidths): number {
  return before + after;
}
