import { full } from "../../create.js";
import { mul } from "../../ops/binary.js";
import { checkOptions } from "../../options.js";
import { checkCount } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { checkFeatures } from "../check-features.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { ComposedNorm } from "./composed-norm.js";
import { RmsNorm } from "./rms-norm.js";

/** Options of {@link ScaleNorm}. */
export interface ScaleNormOptions {
  /** Added to the mean square under the root, in units of x²; > 0. @defaultValue 1e-6 */
  readonly eps?: number;
}

/**
 * Scaled length normalisation: y = g · x / ‖x‖ over the last axis, with one trained number g, which is √dim at first.
 * {@link RmsNorm} with one weight instead of one per feature: y = (g / √dim) · x / √(mean(x²) + eps). For transformers.
 * The same in evaluation as in training. x is (…, dim).
 *
 * Source: Nguyen & Salazar 2019 (arXiv:1910.05895), the section on scaled ℓ2 normalisation.
 *
 * @example
 * ```ts
 * const norm = new ScaleNorm(4);
 * norm.forward(tensor([[1, 1, 1, 1], [3, -3, 3, -3]])).round().dataSync(); // Float32Array [1, 1, 1, 1, 1, -1, 1, -1]
 * ```
 */
export class ScaleNorm extends ComposedNorm {
  /** Size of the last axis of x. */
  readonly dim: number;
  /** g, the length of each row of the output: (1). */
  g: Tensor;

  /**
   * @param dim - size of the last axis of x, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(dim: number, options: ScaleNormOptions = {}) {
    const { eps = 1e-6 } = options;
    super();
    checkOptions("new ScaleNorm(dim)", options, { eps: true });
    this.dim = checkCount("new ScaleNorm(dim)", "dim", dim);
    this.eps = eps;
    this.g = full([1], Math.sqrt(dim), { requiresGrad: true });
  }

  protected override normalize(x: Tensor): Tensor {
    const { dim, eps, g } = this;
    checkFeatures(this, x, -1, dim, "features");
    return mul(new RmsNorm(dim, { eps, affine: false }).forward(x), mul(g, 1 / Math.sqrt(dim)));
  }

  protected override traits(): LayerTraits {
    return { constructorArguments: [this.dim, { eps: this.eps }], isComposite: true, ...keepsRank(null, "last") };
  }

  override toString(): string {
    return `ScaleNorm(${this.dim})`;
  }
}
