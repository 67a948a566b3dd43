import type { Argument } from "../../../graph/argument.js";
import type { OpenShape } from "../../../graph/node.js";

/** Features that a Flatten made of planes: in the file position by position, here channel by channel. */
export interface Flattened {
  readonly channels: number;
}

/**
 * How a value lies here: `keras`, as in the file; `first`, with the last axis, which holds channels, behind the batch;
 * or flattened from that.
 */
export type AxisOrder = "keras" | "first" | Flattened;

/** A value of a network that is being imported. */
export interface Value {
  /** What stands for it in the graph. */
  readonly ref: Argument;
  /** Its sizes as the file has them, the batch first. */
  readonly shape: OpenShape;
  readonly order: AxisOrder;
  /** Which steps are shown, 1 or 0 of each, (N, T); none is hidden where it is left out. */
  readonly mask?: Argument;
  /** Further outputs of the layer, such as its last states. */
  readonly others?: readonly Value[];
  /** What it is without the zeros around it, and how many these are: a convolution puts them there itself. */
  readonly padded?: { readonly x: Value; readonly widths: readonly (readonly [number, number])[] };
}

/** Where an axis of the file's shape lies here. @param axis - counted from 0 */
export function axisHere(axis: number, rank: number, order: AxisOrder): number {
  if (order !== "first" || axis === 0) return axis;
  return axis === rank - 1 ? 1 : axis + 1;
}

/** A shape as the file has it, of one with its channels second. */
export function channelsLast([batch, channels, ...spatial]: OpenShape): OpenShape {
  return [batch, ...spatial, channels];
}

/** A shape with its channels second, of one as the file has it. */
export function channelsFirst(shape: OpenShape): OpenShape {
  return [shape[0], shape[shape.length - 1], ...shape.slice(1, -1)];
}

/** Axes that bring the last one behind the first. */
export function toFirst(rank: number): number[] {
  return [0, rank - 1, ...Array.from({ length: rank - 2 }, (_, k) => k + 1)];
}

/** Axes that bring the second one to the end. */
export function toLast(rank: number): number[] {
  return [0, ...Array.from({ length: rank - 2 }, (_, k) => k + 2), 1];
}
