import { full } from "../create.js";
import { ArgumentError } from "../errors.js";
import { mul } from "../ops/binary.js";
import { reshape } from "../ops/reshape.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import { checkCount } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { keepsRank, type LayerTraits } from "./layer-traits.js";
import { Module } from "./module.js";

/** Options of {@link LayerScale}. */
export interface LayerScaleOptions {
  /** The first value of every weight. @defaultValue 1e-5 */
  readonly init?: number;
  /** Whether x is (N, C, …), with a weight per channel, and not (…, C). @defaultValue false */
  readonly channelsFirst?: boolean;
}

/**
 * y = gamma·x, a trained weight for each feature, small at first, so that a deep network of residual blocks begins as
 * almost the identity (Touvron et al. 2021, arXiv:2103.17239). It stands at the end of a {@link Residual}'s body.
 *
 * @example
 * ```ts
 * new LayerScale(2, { init: 0.1 }).forward(tensor([[1, -2]])).dataSync(); // Float32Array [0.1, -0.2]
 * ```
 */
export class LayerScale extends Module {
  /** (features) */
  gamma: Tensor;
  /** The first value of every weight. */
  readonly init: number;
  /** Whether x is (N, C, …). */
  readonly channelsFirst: boolean;

  /**
   * @param features - size of the last axis of x; of axis 1 where `channelsFirst`
   * @throws ArgumentError if it is no whole number of at least 1, or `init` is not finite
   */
  constructor(features: number, options: LayerScaleOptions = {}) {
    const { init = 1e-5, channelsFirst = false } = options;
    super();
    checkOptions("new LayerScale(features)", options, { init: true, channelsFirst: true });
    checkCount("new LayerScale(features)", "features", features);
    if (!Number.isFinite(init)) {
      throw new ArgumentError({
        where: "new LayerScale(features)",
        expected: "init to be a finite number",
        received: String(init),
        cure: "Pass a small number, such as 1e-5.",
      });
    }
    this.init = init;
    this.channelsFirst = channelsFirst;
    this.gamma = full([features], init, { requiresGrad: true });
  }

  /**
   * Applies the layer.
   *
   * @param x - (…, features), or (N, features, …)
   * @throws ShapeError if that axis has another size
   */
  override forward(x: Tensor): Tensor {
    const { gamma, channelsFirst } = this;
    checkFeatures(this, x, channelsFirst ? 1 : -1, gamma.size, "features");
    if (!channelsFirst) return mul(x, gamma);
    return scope(() => mul(x, reshape(gamma, [gamma.size, ...x.shape.slice(2).map(() => 1)])));
  }

  protected override traits(): LayerTraits {
    const { gamma, init, channelsFirst } = this;
    return {
      constructorArguments: [gamma.size, { init, channelsFirst }],
      isComposite: true,
      ...keepsRank(null, channelsFirst ? "second" : "last"),
    };
  }

  override toString(): string {
    return `LayerScale(${this.gamma.size})`;
  }
}
