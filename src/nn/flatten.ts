import { flatten } from "../ops/reshape.js";
import type { Tensor } from "../tensor.js";
import type { LayerTraits } from "./layer-traits.js";
import { Module } from "./module.js";

/** Joins all axes but the first: (N, C, H, W) → (N, C·H·W). */
export class Flatten extends Module {
  /** Applies the layer. @param x - rank ≥ 2 */
  override forward(x: Tensor): Tensor {
    return flatten(x, 1);
  }

  protected override traits(): LayerTraits {
    return { constructorArguments: [], keepsNothing: true, op: ["flatten", 1], rank: () => 2 };
  }
}
