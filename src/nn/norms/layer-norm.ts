import { ones, zeros } from "../../create.js";
import { ArgumentError } from "../../errors.js";
import { standardize } from "../../ops/standardize.js";
import { checkOptions } from "../../options.js";
import { formatShape, type Shape, sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { batchMoments } from "./batch-moments.js";
import { normalizeReal } from "./mask.js";
import { Norm, type NormForwardOptions } from "./norm.js";
import { normalizedShapeOf, rows, rowView } from "./views.js";

/** Options of {@link LayerNorm}. */
export interface LayerNormOptions {
  /**
   * Added to the variance under the root, in units of x²; ≥ 0. At 0, a row without variance is an error.
   *
   * @defaultValue 1e-5
   */
  readonly eps?: number;
  /** Whether there are a trained weight and bias, one of each per normalised value. @defaultValue true */
  readonly affine?: boolean;
  /** Whether there is a bias beside the weight, if `affine`. @defaultValue true */
  readonly bias?: boolean;
}

/**
 * Layer normalisation: over the last axes, y = weight · (x − mean) / √(variance + eps) + bias. Each row (all that the
 * leading axes tell apart) has statistics of its own, so it does not depend on the batch: the norm of transformers and
 * recurrent networks. The same in evaluation as in training. x is (…, normalizedShape) of rank up to 5.
 *
 * Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450), equations 3 and 4.
 *
 * @example
 * ```ts
 * const norm = new LayerNorm(2, { eps: 0 });
 * norm.forward(tensor([[1, 3], [10, 30]])).dataSync(); // Float32Array [-1, 1, -1, 1]
 * ```
 */
export class LayerNorm extends Norm {
  /** The last axes of x, over which it normalises. */
  readonly normalizedShape: Shape;

  /**
   * @param normalizedShape - sizes of the last axes of x, or of the last one; at least 2 values in all
   * @throws ArgumentError if a number is out of range
   */
  constructor(normalizedShape: number | Shape, options: LayerNormOptions = {}) {
    const { eps = 1e-5, affine = true, bias = true } = options;
    super();
    const where = "new LayerNorm(normalizedShape)";
    checkOptions(where, options, { eps: true, affine: true, bias: true });
    const shape = normalizedShapeOf(where, normalizedShape);
    if (sizeOf(shape) === 1) {
      throw new ArgumentError({
        where,
        expected: "at least 2 values to normalise",
        received: `1 (shape ${formatShape(shape)})`,
        cure: "Normalise over more axes: of one value only the bias would be left.",
      });
    }
    this.normalizedShape = shape;
    this.eps = eps;
    this.weight = affine ? ones(shape, { requiresGrad: true }) : null;
    this.bias = affine && bias ? zeros(shape, { requiresGrad: true }) : null;
  }

  override forward(x: Tensor, options: NormForwardOptions = {}): Tensor {
    return normalizeReal(this, x, options, (real, mask, activation) => {
      const view = rowView(this, real, this.normalizedShape);
      const moments = batchMoments(this, real, view, mask, rows);
      const y = standardize(real, moments, view, this.affine(activation));
      moments.dispose();
      return y;
    });
  }

  protected override traits(): LayerTraits {
    const { normalizedShape, eps, weight, bias } = this;
    const options = { eps, affine: weight !== null, ...(weight !== null && bias === null ? { bias: false } : {}) };
    return {
      constructorArguments: [normalizedShape, options],
      fusesRelu: true,
      ...keepsRank(null, sizeOf(normalizedShape)),
    };
  }

  override toString(): string {
    return `LayerNorm(${formatShape(this.normalizedShape)})`;
  }
}
