import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { Conditioned } from "./conditioned.js";

/**
 * Feature-wise linear modulation: y = (1 + Δγ(c)) · x + Δβ(c) per channel, with Δγ and Δβ from a linear layer of the
 * condition c, such as the embedding of a question, a class or a time step. It takes no statistics; it stands behind a
 * norm without weight and bias.
 *
 * Source: Perez et al. 2017 (arXiv:1709.07871), equation 2, with γ = 1 + Δγ as the authors advise.
 *
 * @example
 * ```ts
 * const film = new Film(8, 3);
 * film.forward(zeros([4, 8, 5, 5]), zeros([4, 3])).shape; // [4, 8, 5, 5]
 * ```
 */
export class Film extends Conditioned {
  /**
   * @param numFeatures - channels of x, ≥ 1
   * @param conditionFeatures - values of a condition, ≥ 1
   * @throws ArgumentError if a number is out of range
   */
  constructor(numFeatures: number, conditionFeatures: number) {
    super("new Film(numFeatures, conditionFeatures)", numFeatures, conditionFeatures);
  }

  protected override normalize(x: Tensor): Tensor {
    return x;
  }

  protected override traits(): LayerTraits {
    return this.conditionedTraits();
  }
}
