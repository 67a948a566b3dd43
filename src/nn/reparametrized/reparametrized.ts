import { noGrad } from "../../autograd.js";
import { ArgumentError } from "../../errors.js";
// Its subclasses use the methods of tensors, also where nobody has loaded the index.
import "../../ops/methods.js";
import { scope } from "../../scope.js";
import type { Tensor } from "../../tensor.js";
import { copyOf } from "../../tensor-copies.js";
import type { LayerTraits } from "../layer-traits.js";
import { Module } from "../module.js";
import { Weighted } from "./weighted.js";

/**
 * A layer whose weight is computed from other parameters at each forward pass: what {@link WeightNorm},
 * {@link SpectralNorm} and {@link WeightStandardization} have in common. It takes over the layer that it wraps, whose
 * bias it shares.
 *
 * @typeParam Layer - the class of the layer inside
 */
export abstract class Reparametrized<Layer extends Weighted = Weighted> extends Module {
  /** The bias of the layer inside, or null. */
  readonly bias: Tensor | null;
  readonly #layer: Layer;

  /** @throws ArgumentError if the layer has no weight of its own */
  constructor(layer: Layer) {
    super();
    // A program in JavaScript may pass anything.
    const given: unknown = layer;
    if (!(given instanceof Weighted)) {
      throw new ArgumentError({
        where: `new ${new.target.name}(layer)`,
        expected: "Linear, Conv1d, Conv2d or ConvTranspose2d",
        received: given instanceof Module ? String(given) : typeof given,
        cure: "Wrap the layer whose weight it should compute.",
      });
    }
    this.#layer = layer;
    this.bias = layer.bias;
  }

  /** The layer inside: its sizes and options. Its own weight is not used. */
  get layer(): Layer {
    return this.#layer;
  }

  /** The weight of this pass, of the shape of the layer's. */
  protected abstract computeWeight(): Tensor;

  /** Applies the layer with the computed weight. @param x - what the layer inside takes */
  override forward(x: Tensor): Tensor {
    return scope(() => this.#layer.applyWeight(x, this.computeWeight()));
  }

  /**
   * The layer inside, with the weight that evaluation computes now as its own: the same outputs, with nothing left to
   * compute. For inference, folding and export; the wrapper is not needed any more.
   */
  toPlain(): Layer {
    const mode = this.saveMode();
    this.setTraining(false);
    try {
      this.#layer.weight = scope(() => noGrad(() => copyOf("toPlain", this.computeWeight())));
      this.#layer.weight.requiresGrad = true;
    } finally {
      mode();
    }
    return this.#layer;
  }

  /**
   * Traits of a wrapper, whose sizes are those of the layer inside.
   *
   * @param options - what its constructor takes besides the layer
   */
  protected wrapperTraits(options: object): LayerTraits {
    return {
      constructorArguments: [this.#layer, options],
      keepsNothing: this.#layer.keepsNothing,
      channels: (channels) => this.#layer.channelsAfter(channels),
      rank: (rank) => this.#layer.rankAfter(rank),
      ...(this.#layer.channelAxis === null ? {} : { channelAxis: this.#layer.channelAxis }),
    };
  }

  override toString(): string {
    return `${this.constructor.name}(${this.#layer})`;
  }
}
