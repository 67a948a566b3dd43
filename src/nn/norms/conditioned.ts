import { zeros } from "../../create.js";
import { ShapeError } from "../../errors.js";
import { add, mul } from "../../ops/binary.js";
import { reshape } from "../../ops/reshape.js";
import { slice } from "../../ops/slice.js";
import { scope } from "../../scope.js";
import { checkCount, formatShape } from "../../shape.js";
import { checkTensor, type Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { Linear } from "../linear.js";
import { type AnyModule, Module } from "../module.js";
import { channelView } from "./views.js";

/**
 * A layer whose scale and shift of each channel are computed from a condition: y = (1 + Δγ(c)) · normalize(x) + Δβ(c).
 * {@link Film}, {@link ConditionalBatchNorm} and {@link AdaptiveInstanceNorm} differ in what they do to x before.
 */
export abstract class Conditioned extends Module<[x: Tensor, condition: Tensor]> {
  /** Number of channels, the size of axis 1 of x. */
  readonly numFeatures: number;
  /** Number of values of a condition. */
  readonly conditionFeatures: number;
  /** Gives Δγ of all channels, then Δβ. Zeros at first, so that the condition has no effect. */
  readonly projection: Linear;

  constructor(where: string, numFeatures: number, conditionFeatures: number) {
    super();
    this.numFeatures = checkCount(where, "numFeatures", numFeatures);
    this.conditionFeatures = checkCount(where, "conditionFeatures", conditionFeatures);
    this.projection = zeroLinear(conditionFeatures, 2 * numFeatures);
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, C, …) of rank 2 to 5
   * @param condition - (N, conditionFeatures), one row for each sample
   * @returns the shape of x
   * @throws ShapeError if x or the condition does not fit
   */
  override forward(x: Tensor, condition: Tensor): Tensor {
    const { numFeatures, conditionFeatures, projection } = this;
    channelView(this, x, numFeatures);
    checkCondition(this, x, condition, conditionFeatures);
    return scope(() => {
      const projected = projection.forward(condition);
      const part = (k: number): Tensor =>
        reshape(slice(projected, k * numFeatures, (k + 1) * numFeatures, 1), [
          x.shape[0],
          numFeatures,
          ...new Array<number>(x.rank - 2).fill(1),
        ]);
      return modulated(this.normalize(x), part(0), part(1));
    });
  }

  /** What is done to x before it is scaled and shifted. */
  protected abstract normalize(x: Tensor): Tensor;

  /** Traits of such a layer. @param options - what its constructor takes besides the numbers of features */
  protected conditionedTraits(...options: object[]): LayerTraits {
    const { numFeatures, conditionFeatures } = this;
    return {
      constructorArguments: [numFeatures, conditionFeatures, ...options],
      isComposite: true,
      ...keepsRank(numFeatures, "second"),
    };
  }

  override toString(): string {
    return `${this.constructor.name}(${this.numFeatures}, ${this.conditionFeatures})`;
  }
}

/** (1 + scale) · x + shift, broadcast. */
export function modulated(x: Tensor, scale: Tensor, shift: Tensor): Tensor {
  return add(mul(x, add(scale, 1)), shift);
}

/** A linear layer whose weights and biases are 0. */
export function zeroLinear(inFeatures: number, outFeatures: number): Linear {
  const layer = new Linear(inFeatures, outFeatures);
  layer.weight = zeros([outFeatures, inFeatures], { requiresGrad: true });
  layer.bias = zeros([outFeatures], { requiresGrad: true });
  return layer;
}

/** Checks that there is one row of a condition for each sample. @throws ShapeError if there is not */
export function checkCondition(layer: AnyModule, x: Tensor, condition: Tensor, features: number): void {
  checkTensor(`${layer}.forward(x, condition)`, condition);
  const [samples] = x.shape;
  if (condition.rank === 2 && condition.shape[0] === samples && condition.shape[1] === features) return;
  throw new ShapeError({
    where: `${layer}.forward(x, condition)`,
    expected: `a condition of ${samples}×${features}, a row for each sample`,
    received: formatShape(condition.shape),
    cure: "Reshape it to two axes, or build the layer with as many conditionFeatures.",
  });
}
