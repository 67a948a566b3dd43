import { avgPool2d, globalAvgPool2d, maxPool2d, type PoolOptions } from "../ops/pool2d.js";
import { type Pair, resolvePair } from "../ops/windows.js";
import type { Tensor } from "../tensor.js";
import { type LayerTraits, same } from "./layer-traits.js";
import { Module } from "./module.js";

abstract class Pool2d extends Module {
  /** Size of the windows. */
  readonly kernel: Pair;
  /** Step and padding. */
  readonly options: PoolOptions;

  /** @throws ArgumentError if a number is not whole or too small */
  constructor(kernel: Pair, options: PoolOptions = {}) {
    super();
    const where = `new ${this.constructor.name}(kernel)`;
    resolvePair(where, "kernel", kernel, 1);
    resolvePair(where, "stride", options.stride ?? kernel, 1);
    resolvePair(where, "padding", options.padding ?? 0, 0);
    this.kernel = kernel;
    this.options = options;
  }

  /** What both kinds of windows have in common, for their `traits`. */
  protected windowTraits(op: string): LayerTraits {
    const settings = [this.kernel, this.options];
    return { constructorArguments: settings, keepsNothing: true, op: [op, ...settings], channels: same, rank: () => 4 };
  }

  override toString(): string {
    return `${this.constructor.name}(${JSON.stringify(this.kernel)})`;
  }
}

/** The largest value of each window of (N, C, H, W); see {@link maxPool2d}. @example new MaxPool2d(2).forward(zeros([1, 3, 8, 8])).shape; // [1, 3, 4, 4] */
export class MaxPool2d extends Pool2d {
  /** Applies the layer. @param x - (N, C, H, W) @throws ShapeError if no window fits */
  override forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernel, this.options);
  }

  protected override traits(): LayerTraits {
    return this.windowTraits("maxPool2d");
  }
}

/** The mean of each window of (N, C, H, W), padding not counted; see {@link avgPool2d}. */
export class AvgPool2d extends Pool2d {
  /** Applies the layer. @param x - (N, C, H, W) @throws ShapeError if no window fits */
  override forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernel, this.options);
  }

  protected override traits(): LayerTraits {
    return this.windowTraits("avgPool2d");
  }
}

/** The mean of each plane: (N, C, H, W) → (N, C). */
export class GlobalAvgPool2d extends Module {
  /** Applies the layer. @param x - (N, C, H, W) @returns (N, C) */
  override forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }

  protected override traits(): LayerTraits {
    return { constructorArguments: [], keepsNothing: true, op: ["globalAvgPool2d"], channels: same, rank: () => 2 };
  }
}
