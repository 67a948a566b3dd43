import { ArgumentError } from "../errors.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { isClosed, release } from "./closed.js";
import { isPlainRelu, takesRelu } from "./fused-relu.js";
import type { LayerTraits } from "./layer-traits.js";
import { type AnyModule, Module } from "./module.js";

/**
 * Layers applied one after another. Names are places: `0.weight`. A {@link Norm} and a {@link ReLU} behind it run as
 * one pass, with the same values and gradients, unless somebody listens to either ({@link Module.onForward}).
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

  /** @throws ArgumentError if one of them is no module */
  constructor(...layers: Module[]) {
    super();
    for (const [k, layer] of layers.entries()) {
      if (layer instanceof Module) continue;
      throw new ArgumentError({
        where: "new Sequential(...layers)",
        expected: "modules",
        received: `${Array.isArray(layer) ? "an array" : typeof layer} as layer ${k}`,
        cure: "Spread lists of layers (...layers), and put functions into a class that extends Module.",
      });
    }
    this.layers = layers;
  }

  /** Applies the layer. @param x - what the first layer takes */
  override forward(x: Tensor): Tensor {
    checkTensor(this, x);
    return applyInOrder(this.layers, x);
  }

  override children(): [name: string, module: AnyModule][] {
    return this.layers.map((layer, k) => [String(k), layer]);
  }

  protected override traits(): LayerTraits {
    const { layers } = this;
    return {
      constructorArguments: layers,
      isComposite: true,
      keepsNothing: true,
      channels: (channels) => layers.reduce((given, layer) => layer.channelsAfter(given), channels),
      rank: (rank) => layers.reduce((given, layer) => layer.rankAfter(given), rank),
    };
  }

  override toString(): string {
    return `Sequential(${this.layers.join(", ")})`;
  }
}

/** Applies layers one after another: what {@link Sequential} does, for classes that hold their layers under names. */
export function applyInOrder(layers: readonly Module[], x: Tensor): Tensor {
  let value = x;
  /** Whether only the library has seen it. */
  let isPrivate = false;
  for (let k = 0; k < layers.length; k++) {
    const layer = layers[k];
    const input = value;
    if (isPlainRelu(layers[k + 1]) && takesRelu(layer)) {
      value = layer.forward(value, { activation: "relu" });
      k++;
    } else value = layer.forward(value);
    if (value === input) continue;
    const closed = isClosed(layer);
    if (isPrivate && closed) release(input);
    isPrivate = closed;
  }
  return value;
}
