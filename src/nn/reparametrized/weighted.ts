import type { Tensor } from "../../tensor.js";
import { Module } from "../module.js";

/** A layer that applies one weight, and a bias: {@link Linear}, {@link Conv1d}, {@link Conv2d}, {@link ConvTranspose2d}. */
export abstract class Weighted extends Module {
  /** What x is multiplied by; its shape is the layer's own. */
  abstract weight: Tensor;
  /** What is added, one value for each output; null without. */
  abstract bias: Tensor | null;

  /** Applies the layer with another weight of the same shape, such as one that is computed. */
  abstract applyWeight(x: Tensor, weight: Tensor): Tensor;
}
