import { transpose } from "../../ops/transpose.js";
import { checkOptions } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { ComposedNorm } from "./composed-norm.js";
import { RmsNorm } from "./rms-norm.js";
import { checkChannelAxis } from "./views.js";

/** Options of {@link PixelNorm}. */
export interface PixelNormOptions {
  /** Added to the mean square under the root, in units of x²; > 0. @defaultValue 1e-8 */
  readonly eps?: number;
}

/**
 * Pixelwise feature normalisation: per sample and position, over its channels, y = x / √(mean(x²) + eps). It has no
 * parameters. It keeps the signals of a generator from growing, behind each convolution and activation. The same in
 * evaluation as in training. x is (N, C, …) of rank 2 to 5.
 *
 * Source: Karras et al. 2017 (arXiv:1710.10196), §4.2.
 *
 * @example
 * ```ts
 * const x = tensor([[[3, 1], [3, -7]]]); // two channels at two positions
 * new PixelNorm().forward(x).dataSync(); // Float32Array [1, 0.2, 1, -1.4]
 * ```
 */
export class PixelNorm extends ComposedNorm {
  /** @throws ArgumentError if eps is negative or not finite */
  constructor(options: PixelNormOptions = {}) {
    const { eps = 1e-8 } = options;
    super();
    checkOptions("new PixelNorm()", options, { eps: true });
    this.eps = eps;
  }

  protected override normalize(x: Tensor): Tensor {
    checkChannelAxis(this, x);
    const axes = x.shape.map((_, axis) => axis);
    const norm = new RmsNorm(x.shape[1], { eps: this.eps, affine: false });
    if (x.rank === 2) return norm.forward(x);
    const last = norm.forward(transpose(x, [0, ...axes.slice(2), 1]));
    return transpose(last, [0, x.rank - 1, ...axes.slice(1, -1)]);
  }

  protected override traits(): LayerTraits {
    return { constructorArguments: [{ eps: this.eps }], isComposite: true, ...keepsRank(null, "second") };
  }
}
