import type { Argument } from "../../graph/argument.js";
import type { OpenShape } from "../../graph/node.js";
import { ConvTranspose2d } from "../../nn/conv-transpose2d.js";
import type { OpMaker } from "./unrolled-recurrence.js";

/** A transposed convolution of volumes, one number of each setting for depth, height and width. */
export interface VolumeTranspose {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** Cut from both ends. */
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];
  readonly groups: number;
}

/** A value (N, C, D, H, W), and the weights that meet it. */
export interface VolumeOperands {
  readonly x: Argument;
  /** (N, C, D, H, W) of x: height and width as numbers, and one of N and D. */
  readonly sizes: OpenShape;
  /** (C, O / groups, …kernel) */
  readonly shape: readonly number[];
  /** One for each output channel; null: none. */
  readonly bias: Argument | null;
  /** Puts a layer with the weight, (C, kernel depth · O / groups, …), to work. */
  readonly layer: (make: () => ConvTranspose2d, x: Argument) => Argument;
}

/**
 * A transposed convolution of volumes: one of planes, whose channels hold what each tap in depth gives; these are added
 * where the taps lie.
 */
export function volumeTranspose(at: OpMaker, operands: VolumeOperands, volume: VolumeTranspose): Argument {
  const [inChannels, groupChannels] = operands.shape;
  const { kernel, stride, dilation, padding, outputPadding, groups } = volume;
  const outChannels = groupChannels * groups;
  const [batch, , depth] = operands.sizes;
  const plane = operands.sizes.slice(3).map(Number);
  // A reshape leaves one size to what there is: that of the samples, or that of an open depth.
  const samples = typeof depth === "number" ? -1 : batch;
  const deep = (ofDepth: (size: number) => number): number => (typeof depth === "number" ? ofDepth(depth) : -1);
  const planes = at.op("reshape", at.op("transpose", operands.x, [0, 2, 1, 3, 4]), [-1, inChannels, ...plane]);
  const make = (): ConvTranspose2d => {
    const ofPlane = (all: readonly number[]): readonly [number, number] => [all[1], all[2]];
    const options = {
      ...{ stride: ofPlane(stride), dilation: ofPlane(dilation), padding: ofPlane(padding) },
      ...{ outputPadding: ofPlane(outputPadding), groups, bias: false },
    };
    return new ConvTranspose2d(inChannels, outChannels * kernel[0], ofPlane(kernel), options);
  };
  const sizes = plane.map((size, k) => {
    const axis = k + 1;
    const span = (size - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    return span - 2 * padding[axis] + outputPadding[axis];
  });
  const area = sizes[0] * sizes[1];
  const taps = at.op("reshape", operands.layer(make, planes), [
    ...[samples, deep((size) => size)],
    ...[outChannels, kernel[0], area],
  ]);
  const turned = at.op("transpose", taps, [3, 0, 2, 1, 4]);
  const reach = dilation[0] * (kernel[0] - 1);
  // Zeros between rows (N, O, depth, area).
  const apart = (rows: Argument): Argument => {
    if (stride[0] === 1) return rows;
    const spread = padded(at, at.op("unsqueeze", rows, 3), 0, stride[0] - 1);
    const all = at.op("reshape", spread, [samples, outChannels, deep((size) => size * stride[0]), area]);
    return at.op("slice", all, 0, 1 - stride[0], 2);
  };
  const parts = Array.from({ length: kernel[0] }, (_, k) => {
    const rows = at.op("squeeze", at.op("slice", turned, k, k + 1, 0), 0);
    const after = reach - dilation[0] * k + outputPadding[0];
    return padded(at, apart(rows), dilation[0] * k, after);
  });
  const sum = parts.reduce((all, part) => at.op("add", all, part));
  const cut = padding[0] === 0 ? sum : at.op("slice", sum, padding[0], -padding[0], 2);
  const length = deep((size) => (size - 1) * stride[0] + reach + 1 + outputPadding[0] - 2 * padding[0]);
  const y = at.op("reshape", cut, [samples, outChannels, length, ...sizes]);
  return operands.bias === null ? y : at.op("add", y, at.op("reshape", operands.bias, [outChannels, 1, 1, 1]));
}

/** Zeros before and after along the last axis but one. */
function padded(at: OpMaker, x: Argument, before: number, after: number): Argument {
  const widths = [
    [before, after],
    [0, 0],
  ];
  return at.op("pad", x, widths, {});
}
