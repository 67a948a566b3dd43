import { ShapeError } from "../errors.js";
import { checkCount, formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { defineComposite } from "../tracing.js";
import { reshape } from "./reshape.js";
import { transpose } from "./transpose.js";
import { checkSpatial } from "./windows.js";

/**
 * Channels laid out as finer planes (Shi et al. 2016, arXiv:1609.05158): y[n, c, h·f + i, w·f + j] = x[n, c·f² + i·f +
 * j, h, w].
 *
 * @param x - (N, C·factor², H, W)
 * @param factor - at least 1
 * @returns (N, C, H·factor, W·factor)
 * @throws ShapeError if the channels are no multiple of factor²
 * @example
 * ```ts
 * pixelShuffle(tensor([1, 2, 3, 4], [1, 4, 1, 1]), 2).shape; // [1, 1, 2, 2]
 * ```
 */
export const pixelShuffle = defineComposite("pixelShuffle", (x: Tensor, factor: number): Tensor => {
  const where = "pixelShuffle(x, factor)";
  checkSpatial(where, x, 2);
  checkCount(where, "factor", factor);
  const [batch, all, height, width] = x.shape;
  const channels = all / factor ** 2;
  if (!Number.isInteger(channels)) {
    throw new ShapeError({
      where,
      expected: `a multiple of ${factor ** 2} channels`,
      received: `${all} (shape ${formatShape(x.shape)})`,
      cure: "Give the convolution before it factor² outputs for each channel.",
    });
  }
  const parts = reshape(x, [batch * channels, factor, factor, height, width]);
  return reshape(transpose(parts, [0, 3, 1, 4, 2]), [batch, channels, height * factor, width * factor]);
});
