import { tensor } from "../create.js";
import type { Tensor } from "../tensor.js";
import type { AnyModule } from "./module.js";

/** Weight and bias of an {@link AffineLayer} in float64, and which output and input each weight connects. */
export interface AffineWeights {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  /** Input channels. */
  readonly inputs: number;
  /** The output channel of weight i. */
  readonly outputOf: (i: number) => number;
  /** The input channel of weight i. */
  readonly inputOf: (i: number) => number;
}

/**
 * A layer whose outputs are weighted sums of its inputs, so that a channel map before or behind it can become part of
 * it.
 */
export interface AffineLayer extends AnyModule {
  affineWeights(): AffineWeights;
  /** Takes other values, rounded once; a bias is added where there is none and one is needed. */
  setAffineWeights(weights: AffineWeights): void;
}

/** A parameter of its own, since the old one may be shared. */
export function parameterLike(old: Tensor | null, values: Float64Array, shape: readonly number[]): Tensor {
  const parameter = tensor(values, shape, { requiresGrad: true });
  parameter.requiresGrad = old?.requiresGrad ?? true;
  return parameter;
}
