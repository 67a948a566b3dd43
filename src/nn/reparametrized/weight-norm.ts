import { noGrad } from "../../autograd.js";
import { ArgumentError } from "../../errors.js";
import { where as choose } from "../../ops/choice.js";
import { abs } from "../../ops/functions.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { resolveAxis } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { LayerTraits } from "../layer-traits.js";
import { Reparametrized } from "./reparametrized.js";
import type { Weighted } from "./weighted.js";

/** Options of {@link WeightNorm}. */
export interface WeightNormOptions {
  /**
   * The axis of the weight along which lengths are told apart: 0, the outputs, of Linear, Conv1d and Conv2d. The
   * outputs of ConvTranspose2d lie along 1, yet PyTorch's default is 0 there too.
   *
   * @defaultValue 0
   */
  readonly axis?: number;
}

/**
 * Weight normalisation: weight = g · v / ‖v‖, so that length and direction of each output's weights are trained apart.
 * It depends on no data, so it serves where batch statistics are wrong (recurrent networks, reinforcement learning,
 * audio generation), but it does not keep activations at a scale: that is left to g. At first it changes nothing: v is
 * the layer's weight, and g its lengths.
 *
 * State as PyTorch's `weight_norm`: `bias`, `weight_g`, `weight_v`. The names of PyTorch 2's
 * `parametrizations.weight_norm` load too.
 *
 * Source: Salimans & Kingma 2016 (arXiv:1602.07868), equation 2.
 *
 * @example
 * ```ts
 * const layer = new WeightNorm(new Linear(2, 1, { bias: false }));
 * layer.loadStateDict({ weight_g: tensor([[10]]), weight_v: tensor([[3, 4]]) });
 * layer.forward(tensor([[1, 0], [0, 1]])).dataSync(); // Float32Array [6, 8]
 * ```
 */
export class WeightNorm<Layer extends Weighted = Weighted> extends Reparametrized<Layer> {
  /**
   * g: the length along each place of the axis; the shape of the weight with 1 in all other axes. Named as in PyTorch's
   * state.
   */
  readonly weight_g: Tensor;
  /** v: the direction; the shape of the weight. */
  readonly weight_v: Tensor;
  /** See {@link WeightNormOptions.axis}. */
  readonly axis: number;

  /**
   * @param layer - Linear, Conv1d, Conv2d or ConvTranspose2d; its weight becomes v
   * @throws ArgumentError if the layer is another, there is no such axis, or weights have no direction since all are 0
   */
  constructor(layer: Layer, options: WeightNormOptions = {}) {
    const { axis = 0 } = options;
    super(layer);
    const where = "new WeightNorm(layer)";
    checkOptions(where, options, { axis: true });
    this.axis = resolveAxis(where, axis, layer.weight.rank);
    this.weight_v = layer.weight;
    this.weight_g = scope(() => noGrad(() => this.#lengths()));
    this.weight_g.requiresGrad = true;
    const { weight_g: lengths } = this;
    lengths.backend.expect(
      { is: "notZero" },
      lengths.block,
      lengths.size,
      ({ place }) =>
        new ArgumentError({
          where,
          expected: "weights with a direction",
          received: `none but 0 at ${place} of axis ${this.axis}`,
          cure: "Initialise the layer with other weights; g alone may be 0.",
        }),
    );
  }

  /** The axes over which lengths are taken. */
  get #others(): number[] {
    return this.weight_v.shape.map((_, k) => k).filter((k) => k !== this.axis);
  }

  /**
   * The largest |v| along each place of the axis: v over it has a square that float32 holds. It scales all alike, and
   * has no gradient.
   */
  #largest(): Tensor {
    return noGrad(() => abs(this.weight_v).max(this.#others, { keepDims: true }));
  }

  #lengthOf(direction: Tensor): Tensor {
    return direction.mul(direction).sum(this.#others, { keepDims: true }).sqrt();
  }

  #lengths(): Tensor {
    const largest = this.#largest();
    // Of nothing but 0 the length is 0.
    return largest.mul(this.#lengthOf(this.weight_v.div(choose(largest, largest, 1))));
  }

  protected override traits(): LayerTraits {
    return this.wrapperTraits({ axis: this.axis });
  }

  override otherNames(): Readonly<Record<string, string>> {
    return { "parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v" };
  }

  protected override computeWeight(): Tensor {
    const direction = this.weight_v.div(this.#largest());
    return direction.mul(this.weight_g.div(this.#lengthOf(direction)));
  }
}
