import { linear } from "../ops/linear.js";
import { checkOptions } from "../options.js";
import { checkCount } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { uniformParameter } from "./init.js";
import { keepsRank, type LayerTraits } from "./layer-traits.js";
import { Weighted } from "./reparametrized/weighted.js";

/** Options of {@link Linear}. */
export interface LinearOptions {
  /** Whether a bias is added; before a norm it has no effect. @defaultValue true */
  readonly bias?: boolean;
}

/**
 * y = x·weightᵀ + bias on the last axis. Initial values are uniform in ±1/√inFeatures, drawn from the generator that
 * `seed()` sets.
 *
 * @example
 * ```ts
 * new Linear(3, 2).forward(tensor([[1, 2, 3]])).shape; // [1, 2]
 * ```
 */
export class Linear extends Weighted {
  /** (outFeatures, inFeatures) */
  weight: Tensor;
  /** (outFeatures), or null. */
  bias: Tensor | null;

  /**
   * @param inFeatures - size of the last axis of x, ≥ 1
   * @param outFeatures - size of the last axis of y, ≥ 1
   * @throws ArgumentError if a size is not a whole number ≥ 1
   */
  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    const { bias = true } = options;
    super();
    checkOptions("new Linear(inFeatures, outFeatures)", options, { bias: true });
    checkCount("new Linear(inFeatures, outFeatures)", "inFeatures", inFeatures);
    checkCount("new Linear(inFeatures, outFeatures)", "outFeatures", outFeatures);
    this.weight = uniformParameter([outFeatures, inFeatures], inFeatures);
    this.bias = bias ? uniformParameter([outFeatures], inFeatures) : null;
  }

  /**
   * Applies the layer.
   *
   * @param x - (…, inFeatures)
   * @returns (…, outFeatures)
   * @throws ShapeError if the last axis has another size
   */
  override forward(x: Tensor): Tensor {
    return this.applyWeight(x, this.weight);
  }

  /** See {@link Weighted.applyWeight}. */
  override applyWeight(x: Tensor, weight: Tensor): Tensor {
    checkFeatures(this, x, -1, this.weight.shape[1], "features");
    return linear(x, weight, this.bias);
  }

  protected override traits(): LayerTraits {
    const [outFeatures, inFeatures] = this.weight.shape;
    return {
      constructorArguments: [inFeatures, outFeatures, { bias: this.bias !== null }],
      op: ["linear", this.weight, this.bias],
      ...keepsRank(outFeatures, "last"),
    };
  }

  override toString(): string {
    return `Linear(${this.weight.shape[1]}, ${this.weight.shape[0]})`;
  }
}
