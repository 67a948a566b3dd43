import { ArgumentError } from "../../errors.js";
import type { Activation, Affine } from "../../ops/standardize.js";
import type { OptionNames } from "../../options.js";
import type { Tensor } from "../../tensor.js";
import { Module } from "../module.js";
import type { MaskedOutput } from "./mask.js";

/** Options of a normalisation's forward pass. */
export interface NormForwardOptions {
  /**
   * Which values of x are real: 1 for those, 0 for padding, of the rank of x and broadcast to it: (N, 1, …S) for x of
   * (N, C, …S), such as N×1×L for sequences; (N, T, 1) for the rows of a {@link LayerNorm}. Masked values, even NaN,
   * count in no statistics, running ones included, and get no gradient through them. Where statistics are fixed
   * (evaluation, `freeze()`) only the output heeds it.
   * @defaultValue none: all are real
   */
  readonly mask?: Tensor | null;
  /** What the output has where the mask is 0: `"zero"`, or `"input"`, x as it is there. @defaultValue "zero" */
  readonly maskedOutput?: MaskedOutput;
  /**
   * `"relu"`: the output is max(y, 0), computed in the same pass. Values and gradients are those of {@link relu} behind
   * the layer, to the bit, without its pass over memory and its output. {@link Sequential} does so by itself.
   * @defaultValue none
   */
  readonly activation?: Activation | null;
}

/** The options of a normalisation's forward pass. */
export const normForwardNames: OptionNames<NormForwardOptions> = { mask: true, maskedOutput: true, activation: true };

/**
 * What all normalisations have in common: eps under the root, and a weight and a bias that follow. They differ in which
 * values share a mean. `model.namedModules()` with `instanceof Norm` finds them.
 */
export abstract class Norm extends Module<[x: Tensor, options?: NormForwardOptions]> {
  /** γ, which multiplies: ones at first; null without `affine`. */
  weight: Tensor | null = null;
  /** β, which is added: zeros at first; null without `affine`. */
  bias: Tensor | null = null;
  #eps = 0;

  /**
   * Added to the variance (RMS: the mean square) under the root, in units of x².
   *
   * @throws ArgumentError if negative or not finite
   */
  get eps(): number {
    return this.#eps;
  }

  /** Sets it. @throws ArgumentError if negative or not finite */
  set eps(value: number) {
    if (typeof value !== "number" || !(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      throw new ArgumentError({
        where: `${this}.eps`,
        expected: "a finite number of at least 0",
        received: String(value),
        cure: "Pass a small one such as 1e-5.",
      });
    }
    this.#eps = value;
  }

  /**
   * Normalises x.
   *
   * @param x - of a shape that fits the layer: see the class
   * @returns the same shape
   * @throws ShapeError if x or the mask does not fit, or statistics are asked of one value
   * @throws ArgumentError if an option is out of range, a share has one real value, or eps is 0 and a share has no
   * variance
   */
  abstract override forward(x: Tensor, options?: NormForwardOptions): Tensor;

  /** What follows x̂. */
  protected affine(activation: Activation | null): Affine {
    return { weight: this.weight, bias: this.bias, eps: this.#eps, activation };
  }
}
