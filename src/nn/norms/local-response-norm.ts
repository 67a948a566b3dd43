import { ArgumentError } from "../../errors.js";
import { add, div, mul, pow } from "../../ops/binary.js";
import { square } from "../../ops/functions.js";
import { avgPool2d } from "../../ops/pool2d.js";
import { reshape } from "../../ops/reshape.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount, sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { Module } from "../module.js";
import { checkChannelAxis } from "./views.js";

/** Options of {@link LocalResponseNorm}. */
export interface LocalResponseNormOptions {
  /** What the mean square of the neighbours is multiplied by, ≥ 0; the paper's α is alpha / size. @defaultValue 1e-4 */
  readonly alpha?: number;
  /** The exponent. @defaultValue 0.75 */
  readonly beta?: number;
  /** What is added to it, > 0. @defaultValue 1 */
  readonly k?: number;
}

/**
 * Local response normalisation: y_c = x_c / (k + alpha · mean(x²))^beta, the mean being over `size` channels around c
 * at the same position; channels that do not exist count as 0. It has no parameters and is the same in evaluation as in
 * training. AlexNet has it; later networks have batch norm instead. x is (N, C, …) of rank 2 to 5.
 *
 * Channel c has neighbours from c − ⌊size / 2⌋ to c + ⌊(size − 1) / 2⌋, as in PyTorch, whose defaults it shares.
 *
 * Source: Krizhevsky, Sutskever & Hinton 2012 (ImageNet classification with deep convolutional neural networks), §3.3.
 *
 * @example
 * ```ts
 * const norm = new LocalResponseNorm(1, { alpha: 1, beta: 0.5, k: 1e-6 });
 * norm.forward(tensor([[3, -5]])).round().dataSync(); // Float32Array [1, -1]
 * ```
 */
export class LocalResponseNorm extends Module {
  /** Number of channels, the channel itself included. */
  readonly size: number;
  /** See {@link LocalResponseNormOptions.alpha}. */
  readonly alpha: number;
  /** See {@link LocalResponseNormOptions.beta}. */
  readonly beta: number;
  /** See {@link LocalResponseNormOptions.k}. */
  readonly k: number;

  /**
   * @param size - number of channels, the channel itself included, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(size: number, options: LocalResponseNormOptions = {}) {
    const { alpha = 1e-4, beta = 0.75, k = 1 } = options;
    super();
    const where = "new LocalResponseNorm(size)";
    checkOptions(where, options, { alpha: true, beta: true, k: true });
    this.size = checkCount(where, "size", size);
    const isSound = [alpha, beta, k].every(Number.isFinite) && alpha >= 0 && k > 0;
    if (!isSound) {
      throw new ArgumentError({
        where,
        expected: "finite numbers with alpha ≥ 0 and k > 0",
        received: `alpha ${alpha}, beta ${beta}, k ${k}`,
        cure: "Pass e.g. { alpha: 1e-4, beta: 0.75, k: 1 }.",
      });
    }
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }

  /** Applies the layer. @param x - (N, C, …) @throws ShapeError if the rank is not 2 to 5 */
  override forward(x: Tensor): Tensor {
    checkChannelAxis(this, x);
    const { size, alpha, beta, k } = this;
    const [batch, channels, ...positions] = x.shape;
    if (x.size === 0) return mul(x, 1);
    return scope(() => {
      // Channels become the height of one plane, over which windows of `size` slide.
      const planes = reshape(square(x), [batch, 1, channels, sizeOf(positions)]);
      const around: [number, number] = [Math.floor(size / 2), Math.floor((size - 1) / 2)];
      const padding: [[number, number], [number, number]] = [around, [0, 0]];
      const means = avgPool2d(planes, [size, 1], { stride: 1, padding, countIncludePad: true });
      return div(x, pow(add(mul(reshape(means, x.shape), alpha), k), beta));
    });
  }

  protected override traits(): LayerTraits {
    const { size, alpha, beta, k } = this;
    return { constructorArguments: [size, { alpha, beta, k }], isComposite: true, ...keepsRank(null, "second") };
  }

  override toString(): string {
    return `LocalResponseNorm(${this.size})`;
  }
}
