import type { Tensor } from "../tensor.js";
import { type LayerTraits, same } from "./layer-traits.js";
import { Module } from "./module.js";

/**
 * x itself: stands where a network has a layer that may be left out.
 *
 * @example
 * ```ts
 * new Identity().forward(zeros([2, 3])).shape; // [2, 3]
 * ```
 */
export class Identity extends Module {
  /** Returns x. @param x - any shape */
  override forward(x: Tensor): Tensor {
    return x;
  }

  protected override traits(): LayerTraits {
    return { constructorArguments: [], keepsNothing: true, isElementwise: true, channels: same, rank: same };
  }
}
