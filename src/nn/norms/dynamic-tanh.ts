import { full, ones, zeros } from "../../create.js";
import { ArgumentError } from "../../errors.js";
import { tanh } from "../../ops/activations.js";
import { add, mul } from "../../ops/binary.js";
import { reshape } from "../../ops/reshape.js";
import { checkOptions } from "../../options.js";
import { scope } from "../../scope.js";
import { formatShape, type Shape, sizeOf } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import { keepsRank, type LayerTraits } from "../layer-traits.js";
import { Module } from "../module.js";
import { channelView, normalizedShapeOf, rowView } from "./views.js";

/** Options of {@link DynamicTanh}. */
export interface DynamicTanhOptions {
  /** The first value of the trained alpha; > 0. @defaultValue 0.5 */
  readonly alpha?: number;
  /** Whether x is (N, C, …), with a weight and a bias per channel. `normalizedShape` is then C. @defaultValue false */
  readonly channelsFirst?: boolean;
}

/**
 * Dynamic tanh: y = weight · tanh(alpha · x) + bias with one trained number alpha, and a weight and a bias per feature.
 * It stands in place of {@link LayerNorm} or {@link RmsNorm} in transformers and takes no statistics: large values are
 * squashed, the others pass nearly linearly. The same in evaluation as in training. x is (…, normalizedShape).
 *
 * Source: Zhu et al. 2025 (arXiv:2503.10622), §4.
 *
 * @example
 * ```ts
 * const norm = new DynamicTanh(2, { alpha: 1 });
 * norm.forward(tensor([[0, 100]])).dataSync(); // Float32Array [0, 1]
 * ```
 */
export class DynamicTanh extends Module {
  /** The last axes of x; the number of channels where `channelsFirst`. */
  readonly normalizedShape: Shape;
  /** Whether x is (N, C, …). */
  readonly channelsFirst: boolean;
  /** What x is multiplied by: (1). */
  alpha: Tensor;
  /** γ, which multiplies: ones at first. */
  weight: Tensor;
  /** β, which is added: zeros at first. */
  bias: Tensor;
  readonly #firstAlpha: number;

  /**
   * @param normalizedShape - sizes of the last axes of x, or of the last one; the number of channels where
   * `channelsFirst`
   * @throws ArgumentError if a number is out of range
   */
  constructor(normalizedShape: number | Shape, options: DynamicTanhOptions = {}) {
    const { alpha = 0.5, channelsFirst = false } = options;
    super();
    const where = "new DynamicTanh(normalizedShape)";
    checkOptions(where, options, { alpha: true, channelsFirst: true });
    const shape = normalizedShapeOf(where, normalizedShape);
    if (!(alpha > 0 && Number.isFinite(alpha)) || (channelsFirst && shape.length > 1)) {
      throw new ArgumentError({
        where,
        expected: "a finite alpha above 0, and one size where channelsFirst is true",
        received: `alpha ${alpha}, sizes ${formatShape(shape)}`,
        cure: "Pass e.g. { alpha: 0.5 }, and the size of axis 1 alone with channelsFirst.",
      });
    }
    this.normalizedShape = shape;
    this.channelsFirst = channelsFirst;
    this.#firstAlpha = alpha;
    this.alpha = full([1], alpha, { requiresGrad: true });
    this.weight = ones(shape, { requiresGrad: true });
    this.bias = zeros(shape, { requiresGrad: true });
  }

  /** Applies the layer. @param x - (…, normalizedShape), or (N, C, …) @throws ShapeError if x does not fit */
  override forward(x: Tensor): Tensor {
    const { normalizedShape, channelsFirst, alpha, weight, bias } = this;
    if (channelsFirst) channelView(this, x, sizeOf(normalizedShape));
    else rowView(this, x, normalizedShape);
    const aligned = (t: Tensor): Tensor =>
      channelsFirst && x.rank > 2 ? reshape(t, [t.size, ...x.shape.slice(2).map(() => 1)]) : t;
    return scope(() => add(mul(tanh(mul(x, alpha)), aligned(weight)), aligned(bias)));
  }

  protected override traits(): LayerTraits {
    const { normalizedShape, channelsFirst } = this;
    return {
      constructorArguments: [normalizedShape, { alpha: this.#firstAlpha, channelsFirst }],
      isComposite: true,
      ...keepsRank(channelsFirst ? normalizedShape[0] : null, channelsFirst ? "second" : sizeOf(normalizedShape)),
    };
  }

  override toString(): string {
    return `DynamicTanh(${formatShape(this.normalizedShape)})`;
  }
}
