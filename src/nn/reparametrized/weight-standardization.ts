import { checkPositive } from "../../check-range.js";
import { ArgumentError } from "../../errors.js";
import { momentsOf, standardize } from "../../ops/standardize.js";
import { checkOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { Reparametrized } from "./reparametrized.js";
import type { Weighted } from "./weighted.js";

/** Options of {@link WeightStandardization}. */
export interface WeightStandardizationOptions {
  /**
   * Added to the variance of the weights under the root; > 0. Weights are small, so it is too: the variance of initial
   * ones is 1 / (3·fanIn).
   *
   * @defaultValue 1e-10
   */
  readonly eps?: number;
}

/**
 * Weight standardisation: the weights of each output are brought to mean 0 and variance 1, weight = (W − mean) /
 * √(variance + eps), and gradients flow through both. A norm must follow to set the scale: with {@link GroupNorm} it
 * reaches what batch norm does, at batches of 1 or 2; with {@link BatchNorm} it helps at small batches. Not for the
 * last layer.
 *
 * State: `weight`, `bias`, as the layer's own.
 *
 * Source: Qiao et al. 2019 (arXiv:1903.10520).
 *
 * @example
 * ```ts
 * const layer = new WeightStandardization(new Linear(2, 1, { bias: false }));
 * layer.loadStateDict({ weight: tensor([[3, 5]]) });
 * layer.forward(tensor([[1, 0], [0, 1]])).dataSync(); // Float32Array [-1, 1]
 * ```
 */
export class WeightStandardization<Layer extends Weighted = Weighted> extends Reparametrized<Layer> {
  /** W: what is trained, and standardised at each pass. */
  readonly weight: Tensor;
  /** See {@link WeightStandardizationOptions.eps}. */
  readonly eps: number;

  /**
   * @param layer - Linear, Conv1d, Conv2d or ConvTranspose2d, with at least 2 weights for each output
   * @throws ArgumentError if the layer is another, has one weight for each output, or eps is out of range
   */
  constructor(layer: Layer, options: WeightStandardizationOptions = {}) {
    const { eps = 1e-10 } = options;
    super(layer);
    checkOptions("new WeightStandardization(layer)", options, { eps: true });
    const where = `new ${new.target.name}(layer)`;
    checkPositive(where, "eps", eps, { cure: "Pass a small one such as 1e-10." });
    this.eps = eps;
    this.weight = layer.weight;
    if (layer.weight.size === layer.outputs) {
      throw new ArgumentError({
        where,
        expected: "at least 2 weights for each output",
        received: `1 (${layer})`,
        cure: "Leave this layer as it is: of one weight only its sign would be left.",
      });
    }
  }

  protected override traits(): LayerTraits {
    return this.wrapperTraits({ eps: this.eps });
  }

  protected override computeWeight(): Tensor {
    const { weight, layer } = this;
    if (layer.outputAxis === 0) return this.#standardizeRows(weight);
    // Its outputs lie along axis 1, in each group of inputs.
    const [inChannels, groupChannels, height, width] = weight.shape;
    const { groups } = layer;
    const split = weight.reshape([groups, inChannels / groups, groupChannels, height * width]);
    return this.#standardizeRows(split.transpose([0, 2, 1, 3]))
      .transpose([0, 2, 1, 3])
      .reshape(weight.shape);
  }

  #standardizeRows(w: Tensor): Tensor {
    const rows = this.layer.outputs;
    const inner = w.size / rows;
    const view = { outer: 1, kept: rows, inner, repeat: 1, period: inner };
    const moments = momentsOf(w, view, null);
    const y = standardize(w, moments, view, { weight: null, bias: null, eps: this.eps, activation: null });
    moments.dispose();
    return y;
  }
}
