import { type Shape, sameShape, sizeOf } from "../../../shape.js";
import type { Tensor } from "../../../tensor.js";

/**
 * How the values of a sample lie in TF.js: `here`, as in Evenkeel; `channelsLast`, with the axis of channels behind all
 * others; or, of rows that a Flatten made of `channelsLast`, the shape (C, …) that they had.
 */
export type TfjsOrder = "here" | "channelsLast" | Shape;

/** A value in a network that is being written. */
export interface TfjsValue {
  /** The layer of TF.js that gives it. */
  readonly name: string;
  /** Which call of that layer, of one that stands in several places. @defaultValue 0, the first */
  readonly call?: number;
  /** Sizes of a sample, outermost first, as Evenkeel has them: (C, H, W) of images. */
  readonly shape: Shape;
  /** How they lie in TF.js. */
  readonly order: TfjsOrder;
  /** Whether it is known to hold nothing below 0. */
  readonly isPositive: boolean;
}

/**
 * Numbers of the network itself: a parameter, a constant, or what is computed of those alone. No layer of TF.js gives
 * them, so that they can only be weights of layers. Its shape is that of the tensor, all axes.
 */
export class TfjsConstant implements TfjsValue {
  readonly name: string;
  readonly tensor: Tensor;
  readonly order = "here";
  readonly isPositive = false;

  /** @param name - its key in the state dict, or the node that computes it */
  constructor(name: string, tensor: Tensor) {
    this.name = name;
    this.tensor = tensor;
  }

  get shape(): Shape {
    return this.tensor.shape;
  }
}

/**
 * For values whose elements lie in another order than here: the element here of each one in TF.js; null where it is the
 * same.
 */
export function elementsOf({ shape, order }: TfjsValue): Uint32Array | null {
  return order === "here" ? null : channelsLastElements(order === "channelsLast" ? shape : order);
}

/** The element of (C, …) that stands at each place of (…, C). */
export function channelsLastElements([channels, ...spatial]: Shape): Uint32Array {
  const plane = sizeOf(spatial);
  return Uint32Array.from({ length: channels * plane }, (_, j) => (j % channels) * plane + Math.floor(j / channels));
}

/** Whether two values lie in the same order. */
export function sameOrder(a: TfjsOrder, b: TfjsOrder): boolean {
  return typeof a === "string" || typeof b === "string" ? a === b : sameShape(a, b);
}
