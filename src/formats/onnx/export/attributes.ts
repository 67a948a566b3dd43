import type { PoolOptions } from "../../../ops/pool2d.js";
import type { Pair } from "../../../ops/windows.js";

/** Windows of a convolution as ops take them. */
export interface WrittenWindows {
  readonly stride?: Pair;
  readonly padding?: Pair;
  readonly outputPadding?: Pair;
  readonly dilation?: Pair;
  readonly groups?: number;
}

function spread(size: Pair, rank: number): readonly number[] {
  return typeof size === "number" ? new Array<number>(rank).fill(size) : size;
}

/** Attributes of Conv and ConvTranspose. */
export function convolutionAttributes(kernel: readonly number[], options: WrittenWindows, rank: number) {
  const { stride = 1, padding = 0, outputPadding, dilation = 1, groups = 1 } = options;
  const pads = spread(padding, rank);
  return {
    kernel_shape: kernel,
    strides: spread(stride, rank),
    pads: [...pads, ...pads],
    dilations: spread(dilation, rank),
    group: groups,
    ...(outputPadding === undefined ? {} : { output_padding: spread(outputPadding, rank) }),
  };
}

/** Attributes of MaxPool and AveragePool. */
export function poolingAttributes(kernel: Pair, { stride = kernel, padding = 0 }: PoolOptions) {
  const pads = spread(padding, 2);
  return { kernel_shape: spread(kernel, 2), strides: spread(stride, 2), pads: [...pads, ...pads] };
}

/** An axis counted from the front. */
export function resolveAxisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
