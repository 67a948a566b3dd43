import type { Tensor } from "../tensor.js";
import { type AnyModule, Module } from "./module.js";

/**
 * Layers applied one after another. Names are places: `0.weight`.
 *
 * @example
 * ```ts
 * const net = new Sequential(new Linear(4, 8), new BatchNorm(8), new ReLU(), new Linear(8, 3));
 * net.forward(zeros([16, 4])).shape; // [16, 3]
 * ```
 */
export class Sequential extends Module {
  /** The layers, in order. */
  readonly layers: readonly Module[];

  constructor(...layers: Module[]) {
    super();
    this.layers = layers;
  }

  /** Applies the layer. @param x - what the first layer takes */
  override forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.forward(value), x);
  }

  override children(): [name: string, module: AnyModule][] {
    return this.layers.map((layer, k) => [String(k), layer]);
  }

  override toString(): string {
    return `Sequential(${this.layers.join(", ")})`;
  }
}
