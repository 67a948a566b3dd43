import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "../ops/adaptive-pool.js";
import { type Pair, resolveSizes, type Triple } from "../ops/windows.js";
import type { Tensor } from "../tensor.js";
import { type LayerTraits, perChannel } from "./layer-traits.js";
import { Module } from "./module.js";

abstract class AdaptivePool<Sizes> extends Module {
  /** How many windows. */
  readonly outputSize: Sizes;
  readonly #axes: number;
  readonly #apply: (x: Tensor, outputSize: Sizes) => Tensor;

  /** @throws ArgumentError if a count is no whole number of at least 1 */
  constructor(apply: (x: Tensor, outputSize: Sizes) => Tensor, axes: number, outputSize: Sizes) {
    super();
    resolveSizes(`new ${this.constructor.name}(outputSize)`, "outputSize", outputSize, 1, axes);
    this.#axes = axes;
    this.#apply = apply;
    this.outputSize = outputSize;
  }

  /** Applies the layer. @param x - (N, C, …) */
  override forward(x: Tensor): Tensor {
    return this.#apply(x, this.outputSize);
  }

  /** What all of them have in common, for their `traits`. */
  protected poolTraits(op: string): LayerTraits {
    return perChannel(op, [this.outputSize], this.#axes);
  }

  override toString(): string {
    return `${this.constructor.name}(${JSON.stringify(this.outputSize)})`;
  }
}

/**
 * Means of as many windows of (N, C, L) as are asked for; see {@link adaptiveAvgPool1d}.
 *
 * @example
 * ```ts
 * new AdaptiveAvgPool1d(4).forward(zeros([1, 3, 13])).shape; // [1, 3, 4]
 * ```
 */
export class AdaptiveAvgPool1d extends AdaptivePool<number> {
  /** @param outputSize - how many windows @throws ArgumentError if a count is no whole number of at least 1 */
  constructor(outputSize: number) {
    super(adaptiveAvgPool1d, 1, outputSize);
  }

  protected override traits(): LayerTraits {
    return this.poolTraits("adaptiveAvgPool1d");
  }
}

/**
 * Means of as many windows of (N, C, H, W) as are asked for; see {@link adaptiveAvgPool2d}.
 *
 * @example
 * ```ts
 * new AdaptiveAvgPool2d(4).forward(zeros([1, 3, 13, 9])).shape; // [1, 3, 4, 4]
 * ```
 */
export class AdaptiveAvgPool2d extends AdaptivePool<Pair> {
  /** @param outputSize - how many windows @throws ArgumentError if a count is no whole number of at least 1 */
  constructor(outputSize: Pair) {
    super(adaptiveAvgPool2d, 2, outputSize);
  }

  protected override traits(): LayerTraits {
    return this.poolTraits("adaptiveAvgPool2d");
  }
}

/**
 * Means of as many windows of (N, C, D, H, W) as are asked for; see {@link adaptiveAvgPool3d}.
 *
 * @example
 * ```ts
 * new AdaptiveAvgPool3d(4).forward(zeros([1, 3, 5, 13, 9])).shape; // [1, 3, 4, 4, 4]
 * ```
 */
export class AdaptiveAvgPool3d extends AdaptivePool<Triple> {
  /** @param outputSize - how many windows @throws ArgumentError if a count is no whole number of at least 1 */
  constructor(outputSize: Triple) {
    super(adaptiveAvgPool3d, 3, outputSize);
  }

  protected override traits(): LayerTraits {
    return this.poolTraits("adaptiveAvgPool3d");
  }
}
