import type { StatisticsView } from "../../backend/backend.js";
import { ones } from "../../create.js";
import { ArgumentError } from "../../errors.js";
import { standardize } from "../../ops/standardize.js";
import { checkOptions } from "../../options.js";
import { formatShape, type Shape, sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { type LayerTraits, same } from "../layer-traits.js";
import { batchMoments } from "./batch-moments.js";
import { normalizeReal } from "./mask.js";
import { Norm, type NormForwardOptions } from "./norm.js";
import { channelView, normalizedShapeOf, rows, rowView } from "./views.js";

/** Options of {@link RmsNorm}. */
export interface RmsNormOptions {
  /**
   * Added to the mean square under the root, in units of x²; ≥ 0. At 0, a row of zeros is an error.
   *
   * @defaultValue 1e-6
   */
  readonly eps?: number;
  /** Whether there is a trained weight, one per normalised value; there is no bias. @defaultValue true */
  readonly affine?: boolean;
  /**
   * Whether x is (N, C, …) and each sample is normalised as a whole, with a weight per channel: what {@link GroupNorm}
   * with one group is to {@link LayerNorm}. `normalizedShape` is then C.
   *
   * @defaultValue false
   */
  readonly channelsFirst?: boolean;
}

/**
 * Root mean square normalisation: over the last axes, y = weight · x / √(mean(x²) + eps). Layer normalisation without
 * the mean and the bias: cheaper, and as good in most transformers. A shift of x changes the output; a positive scale
 * does not, up to eps. The same in evaluation as in training. x is (…, normalizedShape) of rank up to 5.
 *
 * Source: Zhang & Sennrich 2019 (arXiv:1910.07467), equation 4.
 *
 * @example
 * ```ts
 * const norm = new RmsNorm(2, { eps: 0 });
 * norm.forward(tensor([[1, 1], [3, -3]])).dataSync(); // Float32Array [1, 1, 1, -1]
 * ```
 */
export class RmsNorm extends Norm {
  /** The last axes of x, over which it normalises; the number of channels where `channelsFirst`. */
  readonly normalizedShape: Shape;
  /** Whether x is (N, C, …): see {@link RmsNormOptions.channelsFirst}. */
  readonly channelsFirst: boolean;

  /**
   * @param normalizedShape - sizes of the last axes of x, or of the last one; the number of channels where
   * `channelsFirst`
   * @throws ArgumentError if a number is out of range
   */
  constructor(normalizedShape: number | Shape, options: RmsNormOptions = {}) {
    super();
    const { eps = 1e-6, affine = true, channelsFirst = false } = options;
    const where = "new RmsNorm(normalizedShape)";
    checkOptions(where, options, { eps: true, affine: true, channelsFirst: true });
    const shape = normalizedShapeOf(where, normalizedShape);
    if (channelsFirst && shape.length !== 1) {
      throw new ArgumentError({
        where,
        expected: "the number of channels, since channelsFirst is true",
        received: formatShape(shape),
        cure: "Pass the size of axis 1 alone.",
      });
    }
    this.normalizedShape = shape;
    this.channelsFirst = channelsFirst;
    this.eps = eps;
    this.weight = affine ? ones(shape, { requiresGrad: true }) : null;
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    return normalizeReal(this, x, options, (real, mask, activation) => {
      const around = this.channelsFirst ? this.#sampleView(real) : rowView(this, real, this.normalizedShape);
      const view = { ...around, centred: false };
      const moments = batchMoments(this, real, view, mask, rows);
      const y = standardize(real, moments, view, this.affine(activation));
      moments.dispose();
      return y;
    });
  }

  #sampleView(x: Tensor): StatisticsView {
    const { outer, kept, inner, ...parameters } = channelView(this, x, sizeOf(this.normalizedShape));
    return { outer: 1, kept: outer, inner: kept * inner, ...parameters };
  }

  protected override traits(): LayerTraits {
    const { normalizedShape, channelsFirst, eps, weight } = this;
    return {
      constructorArguments: [normalizedShape, { eps, affine: weight !== null, channelsFirst }],
      keepsNothing: true,
      fusesRelu: true,
      channels: channelsFirst ? () => normalizedShape[0] : same,
      rank: same,
      ...(channelsFirst ? {} : { channelAxis: sizeOf(normalizedShape) }),
    };
  }

  override toString(): string {
    return `RmsNorm(${formatShape(this.normalizedShape)})`;
  }
}
