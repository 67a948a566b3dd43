import { pixelShuffle } from "../ops/pixel-shuffle.js";
import { type UpsampleOptions, upsample } from "../ops/upsample.js";
import type { Pair } from "../ops/windows.js";
import { checkOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { type LayerTraits, ofOp, perChannel } from "./layer-traits.js";
import { Module } from "./module.js";

/**
 * Planes of (N, C, H, W) at another size; see {@link upsample}.
 *
 * @example
 * ```ts
 * new Upsample(2).forward(zeros([1, 3, 4, 4])).shape; // [1, 3, 8, 8]
 * ```
 */
export class Upsample extends Module {
  /** By which height and width are multiplied; null where the size is given. */
  readonly scale: Pair | null;
  /** The mode, and the size where there is no scale. */
  readonly options: UpsampleOptions;

  /** @param scale - above 0, or null where `size` is given */
  constructor(scale: Pair | null, options: UpsampleOptions = {}) {
    super();
    checkOptions("new Upsample(scale)", options, { mode: true, alignCorners: true, size: true });
    this.scale = scale;
    this.options = options;
  }

  /** Applies the layer. @param x - (N, C, H, W) @throws ArgumentError if the scale or the options are none */
  override forward(x: Tensor): Tensor {
    return upsample(x, this.scale, this.options);
  }

  protected override traits(): LayerTraits {
    return perChannel("upsample", [this.scale, this.options], 2);
  }

  override toString(): string {
    const { scale, options } = this;
    return `Upsample(${[scale, ...(Object.keys(options).length > 0 ? [options] : [])].map((one) => JSON.stringify(one)).join(", ")})`;
  }
}

/**
 * Channels of (N, C·factor², H, W) laid out as finer planes; see {@link pixelShuffle}.
 *
 * @example
 * ```ts
 * new PixelShuffle(2).forward(zeros([1, 12, 4, 4])).shape; // [1, 3, 8, 8]
 * ```
 */
export class PixelShuffle extends Module {
  /** By which height and width are multiplied. */
  readonly factor: number;

  /** @param factor - at least 1 */
  constructor(factor: number) {
    super();
    this.factor = factor;
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, C·factor², H, W)
   * @throws ShapeError if the channels are no multiple of factor²
   */
  override forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.factor);
  }

  protected override traits(): LayerTraits {
    return {
      ...ofOp("pixelShuffle", this.factor),
      channels: (channels) => channels && channels / this.factor ** 2,
      rank: () => 4,
    };
  }

  override toString(): string {
    return `PixelShuffle(${this.factor})`;
  }
}
