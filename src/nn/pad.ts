import { type PadOptions, type PadWidths, pad } from "../ops/pad.js";
import { checkOptions } from "../options.js";
import type { Tensor } from "../tensor.js";
import { type LayerTraits, ofOp, same } from "./layer-traits.js";
import { Module } from "./module.js";

/**
 * Values around the last axes; see {@link pad}.
 *
 * @example
 * ```ts
 * new Pad([[1, 1], [1, 1]]).forward(zeros([1, 3, 4, 4])).shape; // [1, 3, 6, 6]
 * ```
 */
export class Pad extends Module {
  /** `[before, after]` for each of the last axes. */
  readonly widths: readonly PadWidths[];
  /** The mode, and the value of a constant. */
  readonly options: PadOptions;

  /** @param widths - `[before, after]` for each of the last axes: two pairs are those of height and width */
  constructor(widths: readonly PadWidths[], options: PadOptions = {}) {
    super();
    checkOptions("new Pad(widths)", options, { mode: true, value: true });
    this.widths = widths;
    this.options = options;
  }

  /**
   * Applies the layer.
   *
   * @param x - of at least as many axes as there are pairs
   * @throws ArgumentError if the widths are none
   */
  override forward(x: Tensor): Tensor {
    return pad(x, this.widths, this.options);
  }

  protected override traits(): LayerTraits {
    return { ...ofOp("pad", this.widths, this.options), channels: () => null, rank: same };
  }

  override toString(): string {
    return `Pad(${JSON.stringify(this.widths)})`;
  }
}
