import { checkPositive } from "../../check-range.js";
import { ones } from "../../create.js";
import { checkOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { WeightStandardization } from "./weight-standardization.js";
import type { Weighted } from "./weighted.js";

/** Options of {@link ScaledWeightStandardization}. */
export interface ScaledWeightStandardizationOptions {
  /**
   * γ, by which the activation before the layer shrinks a variance of 1: √(2 / (1 − 1/π)) ≈ 1.7128 for ReLU.
   *
   * @defaultValue 1
   */
  readonly gamma?: number;
  /** Added to the variance of the weights under the root; > 0. @defaultValue 1e-6 */
  readonly eps?: number;
}

/**
 * Scaled weight standardisation: the weights of each output are brought to mean 0 and variance 1 / fanIn, times γ and a
 * trained gain, weight = γ · gain · (W − mean) / √(fanIn · (variance + eps)). Then a layer neither shifts nor scales
 * its signal, so that a deep residual network trains without norms. {@link WeightStandardization} leaves the scale to
 * the norm behind it.
 *
 * State: `weight`, `bias`, as the layer's own, and `gain`, as timm's `ScaledStdConv2d` has them.
 *
 * Source: Brock, De & Smith 2021 (arXiv:2101.08692), §4.
 *
 * @example
 * ```ts
 * const layer = new ScaledWeightStandardization(new Linear(4, 1, { bias: false }));
 * layer.loadStateDict({ weight: tensor([[1, 3, 1, 3]]), gain: tensor([[2]]) });
 * layer.forward(tensor([[1, 0, 0, 0], [0, 1, 0, 0]])).round().dataSync(); // Float32Array [-1, 1]
 * ```
 */
export class ScaledWeightStandardization<Layer extends Weighted = Weighted> extends WeightStandardization<Layer> {
  /** What multiplies the weights of each output: (outputs, 1, …), ones at first. */
  gain: Tensor;
  /** See {@link ScaledWeightStandardizationOptions.gamma}. */
  readonly gamma: number;

  /**
   * @param layer - Linear, Conv1d, Conv2d or ConvTranspose2d, with at least 2 weights for each output
   * @throws ArgumentError if the layer is another, has one weight for each output, or a number is out of range
   */
  constructor(layer: Layer, options: ScaledWeightStandardizationOptions = {}) {
    const { gamma = 1, eps = 1e-6 } = options;
    super(layer, { eps });
    const where = "new ScaledWeightStandardization(layer)";
    checkOptions(where, options, { gamma: true, eps: true });
    checkPositive(where, "gamma", gamma, { cure: "Pass 1.7128 behind ReLU, 1 behind no activation." });
    this.gamma = gamma;
    const { weight, outputs } = layer;
    this.gain = ones([outputs, ...new Array<number>(weight.rank - 1).fill(1)], { requiresGrad: true });
  }

  protected override traits(): LayerTraits {
    return this.wrapperTraits({ gamma: this.gamma, eps: this.eps });
  }

  protected override computeWeight(): Tensor {
    const { layer, gain, gamma } = this;
    const standard = super.computeWeight();
    const factor = gain.mul(gamma / Math.sqrt(standard.size / layer.outputs));
    if (layer.outputAxis === 0) return standard.mul(factor);
    // Its outputs lie along axis 1, in each group of inputs.
    const [inChannels, groupChannels] = standard.shape;
    const { groups } = layer;
    return standard
      .reshape([groups, inChannels / groups, groupChannels, -1])
      .mul(factor.reshape([groups, 1, groupChannels, 1]))
      .reshape(standard.shape);
  }
}
