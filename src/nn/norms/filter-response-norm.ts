import { ones, zeros } from "../../create.js";
import { relu } from "../../ops/activations.js";
import { add, sub } from "../../ops/binary.js";
import { reshape } from "../../ops/reshape.js";
import { standardize } from "../../ops/standardize.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { batchMoments } from "./batch-moments.js";
import { normalizeReal } from "./mask.js";
import { Norm, type NormForwardOptions } from "./norm.js";
import { channelView, checkSeveralPositions, sampleChannels, sampleChannelView } from "./views.js";

/** Options of {@link FilterResponseNorm}. */
export interface FilterResponseNormOptions {
  /**
   * Added to the mean square under the root, in units of x²; ≥ 0. At 0, a channel of zeros is an error.
   *
   * @defaultValue 1e-6
   */
  readonly eps?: number;
  /** Whether the output is max(y, τ) with a trained τ per channel, in place of a ReLU behind it. @defaultValue true */
  readonly thresholded?: boolean;
}

/**
 * Filter response normalisation: per sample and channel, over its positions, max(weight · x / √(mean(x²) + eps) + bias,
 * threshold), with a weight, a bias and a threshold per channel. The mean is not subtracted, so that the learned
 * threshold takes the place of the ReLU. It does not depend on the batch, and is the same in evaluation as in training.
 * x is (N, C, …) of rank 3 to 5, with 2 positions or more.
 *
 * Source: Singh & Krishnan 2019 (arXiv:1911.09737), §3.
 *
 * @example
 * ```ts
 * const norm = new FilterResponseNorm(1, { eps: 0 });
 * norm.forward(tensor([[[1, -1, 7, -7]]])).dataSync(); // Float32Array [0.2, 0, 1.4, 0]
 * ```
 */
export class FilterResponseNorm extends Norm {
  /** Number of channels, the size of axis 1. */
  readonly numFeatures: number;
  /** τ, the least value of each channel: zeros at first; null without `thresholded`. */
  threshold: Tensor | null;

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, options: FilterResponseNormOptions = {}) {
    const { eps = 1e-6, thresholded = true } = options;
    super();
    checkOptions("new FilterResponseNorm(numFeatures)", options, { eps: true, thresholded: true });
    this.numFeatures = checkCount("new FilterResponseNorm(numFeatures)", "numFeatures", numFeatures);
    this.eps = eps;
    this.weight = ones([numFeatures], { requiresGrad: true });
    this.bias = zeros([numFeatures], { requiresGrad: true });
    this.threshold = thresholded ? zeros([numFeatures], { requiresGrad: true }) : null;
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    return normalizeReal(this, x, options, (real, mask, activation) => {
      const { numFeatures, threshold } = this;
      const around = channelView(this, real, numFeatures);
      checkSeveralPositions(this, real, around, "RmsNorm or LayerNorm");
      const view = { ...sampleChannelView(around), centred: false };
      const moments = batchMoments(this, real, view, mask, sampleChannels(numFeatures));
      const y = standardize(real, moments, view, this.affine(threshold === null ? activation : null));
      moments.dispose();
      if (threshold === null) return y;
      const raised = scope(() => {
        const least = reshape(threshold, [numFeatures, ...real.shape.slice(2).map(() => 1)]);
        const largest = add(relu(sub(y, least)), least);
        return activation === "relu" ? relu(largest) : largest;
      });
      y.dispose();
      return raised;
    });
  }

  protected override traits(): LayerTraits {
    const { numFeatures, eps, threshold } = this;
    return {
      constructorArguments: [numFeatures, { eps, thresholded: threshold !== null }],
      fusesRelu: threshold === null,
      ...keepsRank(numFeatures, "second"),
    };
  }

  override toString(): string {
    return `FilterResponseNorm(${this.numFeatures})`;
  }
}
