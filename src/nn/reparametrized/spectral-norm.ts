import { noGrad } from "../../autograd.js";
import { checkPositive } from "../../check-range.js";
import { tensor } from "../../create.js";
import { ArgumentError } from "../../errors.js";
import { abs } from "../../ops/functions.js";
import { multiply } from "../../ops/matmul.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { checkCount } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { copyInto, copyOf } from "../../tensor-copies.js";
import { normalValues } from "../init.js";
import type { LayerTraits } from "../layer-traits.js";
import { Reparametrized } from "./reparametrized.js";
import type { Weighted } from "./weighted.js";

/** Options of {@link SpectralNorm}. */
export interface SpectralNormOptions {
  /** Steps of the power iteration in each forward pass of training, ≥ 1. @defaultValue 1 */
  readonly powerIterations?: number;
  /** Keeps lengths from being 0, in units of the largest weight; > 0. @defaultValue 1e-12 */
  readonly eps?: number;
}

/** Steps at construction, so that evaluation is right from the start. */
const firstIterations = 15;

/**
 * Spectral normalisation: weight = W / σ, σ being the largest singular value of W as a matrix of outputs by everything
 * else, so that the layer stretches no input to more than its length (for a linear layer; of a convolution the matrix
 * of its kernel is bounded). For the discriminators of GANs, and wherever a Lipschitz bound is wanted.
 *
 * σ = uᵀWv, where u and v approach the singular vectors by power iteration: v ← Wᵀu / ‖Wᵀu‖, u ← Wv / ‖Wv‖, in training
 * only. Gradients flow through W, and not through u and v.
 *
 * State as PyTorch's `spectral_norm`: `bias`, `weight_orig`, and the buffers `weight_u`, `weight_v`. The names of
 * PyTorch 2's `parametrizations.spectral_norm` load too.
 *
 * Source: Miyato et al. 2018 (arXiv:1802.05957), Algorithm 1.
 *
 * @example
 * ```ts
 * const layer = new SpectralNorm(new Linear(2, 2, { bias: false }));
 * layer.weight_orig.shape; // [2, 2]
 * layer.toPlain().weight.shape; // [2, 2]
 * ```
 */
export class SpectralNorm<Layer extends Weighted = Weighted> extends Reparametrized<Layer> {
  /** W. Named as in PyTorch's state. */
  readonly weight_orig: Tensor;
  /** See {@link SpectralNormOptions.powerIterations}. */
  readonly powerIterations: number;
  /** See {@link SpectralNormOptions.eps}. */
  readonly eps: number;
  readonly #u: Tensor;
  readonly #v: Tensor;

  /**
   * @param layer - Linear, Conv1d, Conv2d or ConvTranspose2d; its weight becomes W
   * @throws ArgumentError if the layer is another, an option is out of range, or all weights are 0
   */
  constructor(layer: Layer, options: SpectralNormOptions = {}) {
    const { powerIterations = 1, eps = 1e-12 } = options;
    super(layer);
    const where = "new SpectralNorm(layer)";
    checkOptions(where, options, { powerIterations: true, eps: true });
    this.powerIterations = checkCount(where, "powerIterations", powerIterations);
    checkPositive(where, "eps", eps, { cure: "Pass a small one such as 1e-12." });
    this.eps = eps;
    const { weight } = layer;
    weight.backend.expect(
      { is: "someNotZero" },
      weight.block,
      weight.size,
      () =>
        new ArgumentError({
          where,
          expected: "a weight whose largest singular value is not 0",
          received: "zeros",
          cure: "Initialise the layer with other weights.",
        }),
    );
    this.weight_orig = layer.weight;
    const [height, width] = scope(() => this.#matrix().shape);
    this.#u = this.buffer("weight_u", tensor(normalValues(height)));
    this.#v = this.buffer("weight_v", tensor(normalValues(width)));
    this.#iterate(firstIterations);
  }

  /** W with a row for each output. */
  #matrix(w = this.weight_orig): Tensor {
    return (this.layer.outputAxis === 1 ? w.transpose([1, 0, 2, 3]) : w).flatten(1);
  }

  /**
   * W over its largest |value|, whose products float32 holds; W / σ is that of it. The divisor has no gradient, since W
   * / σ has none by it.
   */
  #scaled(): Tensor {
    return this.weight_orig.div(noGrad(() => abs(this.weight_orig).max()));
  }

  #iterate(steps: number): void {
    scope(() =>
      noGrad(() => {
        const matrix = this.#matrix(this.#scaled());
        let u = this.#u.reshape([1, -1]);
        let v = this.#v.reshape([1, -1]);
        for (let k = 0; k < steps; k++) {
          v = this.#unit(multiply(u, false, matrix, false));
          u = this.#unit(multiply(v, false, matrix, true));
        }
        copyInto(u, this.#u);
        copyInto(v, this.#v);
      }),
    );
  }

  #unit(x: Tensor): Tensor {
    return x.div(
      x
        .mul(x)
        .sum()
        .add(this.eps ** 2)
        .sqrt(),
    );
  }

  protected override traits(): LayerTraits {
    return this.wrapperTraits({ powerIterations: this.powerIterations, eps: this.eps });
  }

  override otherNames(): Readonly<Record<string, string>> {
    return {
      "parametrizations.weight.original": "weight_orig",
      "parametrizations.weight.0._u": "weight_u",
      "parametrizations.weight.0._v": "weight_v",
    };
  }

  protected override computeWeight(): Tensor {
    if (this.training) this.#iterate(this.powerIterations);
    // Copies, since the next pass may move them before the gradient of this one is asked for.
    const [u, v] = [copyOf("SpectralNorm", this.#u), copyOf("SpectralNorm", this.#v)];
    const scaled = this.#scaled();
    const sigma = u
      .reshape([1, -1])
      .matmul(this.#matrix(scaled))
      .matmul(v.reshape([-1, 1]));
    return scaled.div(sigma.reshape([]));
  }
}
