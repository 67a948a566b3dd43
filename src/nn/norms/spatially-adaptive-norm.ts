import { ShapeError } from "../../errors.js";
import { upsample } from "../../ops/upsample.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount, formatShape } from "../../shape.js";
import { checkTensor, type Tensor } from "../../tensor.js";
import { ReLU } from "../activations.js";
import { Conv2d } from "../conv2d.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { Module } from "../module.js";
import { Sequential } from "../sequential.js";
import { BatchNorm } from "./batch-norm.js";
import { modulated } from "./conditioned.js";
import { type InnerBatchNormOptions, innerNames, innerOptions } from "./inner-batch-norm.js";
import { channelView } from "./views.js";

/** Options of {@link SpatiallyAdaptiveNorm}. */
export interface SpatiallyAdaptiveNormOptions extends InnerBatchNormOptions {
  /** Channels between the two convolutions. @defaultValue 128 */
  readonly hidden?: number;
  /** Height and width of their kernels, odd. @defaultValue 3 */
  readonly kernelSize?: number;
}

/**
 * Spatially adaptive normalisation (SPADE): y = (1 + γ(m)) · BatchNorm(x) + β(m), where γ and β are planes that two
 * convolutions make of a map m, such as one of classes of pixels. Unlike a norm with a weight per channel, it does not
 * wash the map out. For image synthesis. The map is brought to height and width of x by its nearest pixels. The batch
 * norm inside has no weight and bias; it keeps running statistics, which evaluation uses. State has the names of the
 * authors' code.
 *
 * Source: Park et al. 2019 (arXiv:1903.07291), equation 1.
 *
 * @example
 * ```ts
 * const norm = new SpatiallyAdaptiveNorm(8, 3, { hidden: 16 });
 * norm.forward(zeros([9, 8, 4, 4]), zeros([9, 3, 8, 8])).shape; // [9, 8, 4, 4]
 * ```
 */
export class SpatiallyAdaptiveNorm extends Module<[x: Tensor, map: Tensor]> {
  /** Normalises x, without weight and bias. */
  readonly param_free_norm: BatchNorm;
  /** What γ and β share: a convolution and a ReLU. */
  readonly mlp_shared: Sequential;
  /** Gives γ. */
  readonly mlp_gamma: Conv2d;
  /** Gives β. */
  readonly mlp_beta: Conv2d;
  /** Channels of x. */
  readonly numFeatures: number;
  /** Channels of the map. */
  readonly mapChannels: number;
  readonly #options: { readonly hidden: number; readonly kernelSize: number };

  /**
   * @param numFeatures - channels of x, ≥ 1
   * @param mapChannels - channels of the map, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, mapChannels: number, options: SpatiallyAdaptiveNormOptions = {}) {
    super();
    const where = "new SpatiallyAdaptiveNorm(numFeatures, mapChannels)";
    checkOptions(where, options, {
      hidden: true,
      kernelSize: true,
      ...innerNames,
    });
    const { hidden = 128, kernelSize = 3, ...inner } = options;
    this.numFeatures = checkCount(where, "numFeatures", numFeatures);
    this.mapChannels = checkCount(where, "mapChannels", mapChannels);
    this.#options = { hidden: checkCount(where, "hidden", hidden), kernelSize };
    const conv = (from: number, to: number): Conv2d => new Conv2d(from, to, kernelSize, { padding: "same" });
    this.param_free_norm = new BatchNorm(numFeatures, { ...inner, affine: false });
    this.mlp_shared = new Sequential(conv(mapChannels, hidden), new ReLU());
    this.mlp_gamma = conv(hidden, numFeatures);
    this.mlp_beta = conv(hidden, numFeatures);
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, C, H, W)
   * @param map - (N, mapChannels, …) of any height and width
   * @returns the shape of x
   * @throws ShapeError if x or the map does not fit
   */
  override forward(x: Tensor, map: Tensor): Tensor {
    channelView(this, x, this.numFeatures);
    this.#check(x, map);
    return scope(() => {
      const [height, width] = x.shape.slice(2);
      const isSameSize = map.shape[2] === height && map.shape[3] === width;
      const features = this.mlp_shared.forward(isSameSize ? map : upsample(map, null, { size: [height, width] }));
      const normalized = this.param_free_norm.forward(x);
      return modulated(normalized, this.mlp_gamma.forward(features), this.mlp_beta.forward(features));
    });
  }

  #check(x: Tensor, map: Tensor): void {
    checkTensor(`${this}.forward(x, map)`, map);
    const fits = x.rank === 4 && map.rank === 4 && map.shape[0] === x.shape[0] && map.shape[1] === this.mapChannels;
    if (fits) return;
    throw new ShapeError({
      where: `${this}.forward(x, map)`,
      expected: `images (N, ${this.numFeatures}, H, W) and a map (N, ${this.mapChannels}, …) for each`,
      received: `${formatShape(x.shape)} and ${formatShape(map.shape)}`,
      cure: "Give the map four axes, and one channel for each class of pixels.",
    });
  }

  protected override traits(): LayerTraits {
    const { numFeatures, mapChannels, param_free_norm } = this;
    return {
      constructorArguments: [numFeatures, mapChannels, { ...this.#options, ...innerOptions(param_free_norm) }],
      isComposite: true,
      ...keepsRank(numFeatures, "second"),
    };
  }

  override toString(): string {
    return `SpatiallyAdaptiveNorm(${this.numFeatures}, ${this.mapChannels})`;
  }
}
