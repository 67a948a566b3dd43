import { tensor } from "../../create.js";
import { add, mul } from "../../ops/binary.js";
import { reshape } from "../../ops/reshape.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { Module } from "../module.js";
import { BatchNorm } from "../norms/batch-norm.js";
import { LayerNorm } from "../norms/layer-norm.js";

/** Which norm a recurrent layer has inside: see {@link RecurrentOptions.norm}. */
export type RecurrentNorm = "layer" | "batch";

/** The first weight of a batch norm, small so that tanh stays where it is steep (Cooijmans et al. 2016, section 4). */
const batchWeight = 0.1;

/**
 * A norm of what one step of a recurrence computes, (N, features). Batch statistics are those of each step alone, up to
 * the last that there are statistics for, which later steps share; weight and bias are those of all steps.
 */
export class StepNorm extends Module<[x: Tensor, step: number, mask: Tensor | null]> {
  /** (features) */
  weight: Tensor;
  /** (features), or null. */
  bias: Tensor | null;
  /** The norm of all steps, or one of each. */
  readonly norms: readonly (LayerNorm | BatchNorm)[];
  readonly #kind: RecurrentNorm;

  /** @param steps - how many have batch statistics of their own */
  constructor(features: number, kind: RecurrentNorm, steps: number, hasBias: boolean) {
    super();
    const filled = (value: number): Tensor =>
      tensor(new Float32Array(features).fill(value), [features], { requiresGrad: true });
    this.#kind = kind;
    this.weight = filled(kind === "layer" ? 1 : batchWeight);
    this.bias = hasBias ? filled(0) : null;
    this.norms =
      kind === "layer"
        ? [new LayerNorm(features, { affine: false })]
        : Array.from({ length: steps }, () => new BatchNorm(features, { affine: false }));
  }

  /** Applies the norm. @param x - (N, features) @param mask - (N), or null */
  override forward(x: Tensor, step: number, mask: Tensor | null): Tensor {
    const norm = this.norms[Math.min(step, this.norms.length - 1)];
    const xHat = norm.forward(x, { mask: mask && reshape(mask, [mask.size, 1]) });
    const y = mul(xHat, this.weight);
    return this.bias === null ? y : add(y, this.bias);
  }

  protected override traits(): LayerTraits {
    return {
      constructorArguments: [this.weight.size, this.#kind, this.norms.length, this.bias !== null],
      keepsNothing: true,
    };
  }

  override toString(): string {
    return `StepNorm(${this.weight.size}, ${this.#kind})`;
  }
}
