import { ArgumentError } from "../../errors.js";
import { silu } from "../../ops/activations.js";
import { linear } from "../../ops/linear.js";
import { reshape } from "../../ops/reshape.js";
import { slice } from "../../ops/slice.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { checkFeatures } from "../check-features.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { Linear } from "../linear.js";
import { Module } from "../module.js";
import { checkCondition, modulated, zeroLinear } from "./conditioned.js";
import { LayerNorm } from "./layer-norm.js";

/** Options of {@link AdaptiveLayerNorm}. */
export interface AdaptiveLayerNormOptions {
  /** Whether scale, shift and {@link AdaptiveLayerNorm.gate} are 0 at first: AdaLN-Zero. @defaultValue false */
  readonly zero?: boolean;
  /** Added to the variance under the root, in units of x²; ≥ 0. @defaultValue 1e-6 */
  readonly eps?: number;
}

/**
 * Adaptive layer normalisation: y = (1 + γ(c)) · LayerNorm(x) + β(c), with γ and β from a linear layer of silu(c), c
 * being a condition such as the embedding of a class or a time step. The layer norm inside has no weight and bias. For
 * diffusion transformers. The same in evaluation as in training.
 *
 * With `zero`, AdaLN-Zero, the linear layer gives a gate α(c) as well, and begins with zeros: a block
 * x + gate(c) · branch(norm(x, c)) is then the identity at first.
 *
 * Source: Peebles & Xie 2022 (arXiv:2212.09748), §3.2 and figure 3.
 *
 * @example
 * ```ts
 * const norm = new AdaptiveLayerNorm(8, 3, { zero: true });
 * const [x, condition] = [ones([4, 10, 8]), ones([4, 3])];
 * const branch = new Linear(8, 8);
 * const y = x.add(norm.gate(condition).mul(branch.forward(norm.forward(x, condition))));
 * y.sub(x).abs().max().item(); // 0
 * ```
 */
export class AdaptiveLayerNorm extends Module<[x: Tensor, condition: Tensor]> {
  /** Normalises x, without weight and bias. */
  readonly norm: LayerNorm;
  /** Gives β, γ and, with `zero`, α, each of `dim` values. */
  readonly projection: Linear;
  /** Size of the last axis of x. */
  readonly dim: number;
  /** Number of values of a condition. */
  readonly conditionFeatures: number;
  /** Whether there is a gate, and all begins with zeros. */
  readonly zero: boolean;

  /**
   * @param dim - size of the last axis of x, ≥ 1
   * @param conditionFeatures - values of a condition, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(dim: number, conditionFeatures: number, options: AdaptiveLayerNormOptions = {}) {
    const { zero = false, eps = 1e-6 } = options;
    super();
    const where = "new AdaptiveLayerNorm(dim, conditionFeatures)";
    checkOptions(where, options, { zero: true, eps: true });
    this.dim = checkCount(where, "dim", dim);
    this.conditionFeatures = checkCount(where, "conditionFeatures", conditionFeatures);
    this.zero = zero;
    this.norm = new LayerNorm(dim, { eps, affine: false });
    this.projection = zero ? zeroLinear(conditionFeatures, 3 * dim) : new Linear(conditionFeatures, 2 * dim);
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, …, dim)
   * @param condition - (N, conditionFeatures), one row for each sample
   * @returns the shape of x
   * @throws ShapeError if x or the condition does not fit
   */
  override forward(x: Tensor, condition: Tensor): Tensor {
    checkFeatures(this, x, -1, this.dim, "features");
    checkCondition(this, x, condition, this.conditionFeatures);
    return scope(() => {
      const [shift, scale] = [0, 1].map((k) => this.#part(k, condition, x.rank));
      return modulated(this.norm.forward(x), scale, shift);
    });
  }

  /**
   * α, which multiplies what a block adds to its input: zeros at first.
   *
   * @param condition - (N, conditionFeatures)
   * @param rank - of what it multiplies; 3, (N, T, dim), unless given
   * @returns (N, 1, …, dim)
   * @throws ArgumentError if the layer was built without `zero`
   */
  gate(condition: Tensor, rank = 3): Tensor {
    if (!this.zero) {
      throw new ArgumentError({
        where: `${this}.gate(condition)`,
        expected: "a layer with a gate",
        received: "one built with zero: false",
        cure: "Build it with { zero: true }.",
      });
    }
    checkCondition(this, condition, condition, this.conditionFeatures);
    return scope(() => this.#part(2, condition, rank));
  }

  /** The k-th of the values that the projection gives, aligned with the last axis. */
  #part(k: number, condition: Tensor, rank: number): Tensor {
    const { dim, projection } = this;
    const rows = (t: Tensor): Tensor => slice(t, k * dim, (k + 1) * dim);
    const values = linear(silu(condition), rows(projection.weight), projection.bias && rows(projection.bias));
    return reshape(values, [condition.shape[0], ...new Array<number>(rank - 2).fill(1), dim]);
  }

  protected override traits(): LayerTraits {
    const { dim, conditionFeatures, zero, norm } = this;
    return {
      constructorArguments: [dim, conditionFeatures, { zero, eps: norm.eps }],
      isComposite: true,
      ...keepsRank(null, "last"),
    };
  }

  override toString(): string {
    return `AdaptiveLayerNorm(${this.dim}, ${this.conditionFeatures})`;
  }
}
