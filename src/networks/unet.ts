import { ArgumentError } from "../errors.js";
import { ReLU } from "../nn/activations.js";
import { ConvTranspose2d } from "../nn/conv-transpose2d.js";
import { Conv2d } from "../nn/conv2d.js";
import { Dropout } from "../nn/dropout.js";
import { Module } from "../nn/module.js";
import { MaxPool2d } from "../nn/pooling.js";
import { concat } from "../ops/concat.js";
import { scope } from "../scope.js";
import { checkCount, formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { conv, imageNorm, NamedSequential } from "./blocks.js";
import { fanInNormal, initialize } from "./initialize.js";
import { checkImages, checkNetwork, type NetworkOptions, type NormOptions } from "./networks.js";

/** Options of {@link unet}. */
export interface UNetOptions extends NetworkOptions {
  /** Channels of the first level; each level below has twice as many. The paper has 64. @defaultValue 32 */
  readonly width?: number;
}

/** How often height and width are halved. */
const levels = 4;

/** Twice a 3×3 convolution, norm and ReLU. */
function convolutions(from: number, to: number, norms: NormOptions): NamedSequential {
  return new NamedSequential({
    conv1: conv(from, to, { kernel: 3 }, norms),
    norm1: imageNorm(to, norms),
    relu1: new ReLU(),
    conv2: conv(to, to, { kernel: 3 }, norms),
    norm2: imageNorm(to, norms),
    relu2: new ReLU(),
  });
}

class UNet extends Module {
  /** From the largest planes down. */
  readonly encoders: readonly Module[];
  readonly pool = new MaxPool2d(2);
  readonly bottleneck: Module;
  readonly dropout: Dropout;
  /** From the largest planes down, as encoders. */
  readonly upconvs: readonly Module[];
  readonly decoders: readonly Module[];
  readonly conv: Conv2d;

  constructor({ inputShape: [channels], classes, dropout = 0, width = 32, ...norms }: UNetOptions) {
    super();
    const widths = Array.from({ length: levels }, (_, level) => width * 2 ** level);
    this.encoders = widths.map((to, level) => convolutions(level === 0 ? channels : to / 2, to, norms));
    const deepest = width * 2 ** levels;
    this.bottleneck = convolutions(deepest / 2, deepest, norms);
    this.dropout = new Dropout(dropout);
    this.upconvs = widths.map((to) => new ConvTranspose2d(2 * to, to, 2, { stride: 2 }));
    this.decoders = widths.map((to) => convolutions(2 * to, to, norms));
    this.conv = new Conv2d(width, classes, 1);
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const seen: Tensor[] = [];
      let value = x;
      for (const encoder of this.encoders) {
        seen.push(encoder.forward(value));
        value = this.pool.forward(seen[seen.length - 1]);
      }
      value = this.dropout.forward(this.bottleneck.forward(value));
      for (let level = levels - 1; level >= 0; level--) {
        value = this.decoders[level].forward(concat([this.upconvs[level].forward(value), seen[level]], 1));
      }
      return this.conv.forward(value);
    });
  }
}

/**
 * The U-Net for segmentation: four times two 3×3 convolutions and a pooling that halves height and width; a bottleneck,
 * behind it dropout (0 by default); four times a 2×2 transposed convolution that doubles them, joined to what the
 * encoder had at that size, and two 3×3 convolutions; a 1×1 convolution `conv` that scores the classes of each pixel.
 * Convolutions are padded, so that outputs have the size of inputs, and each has a norm. 7,763,272 parameters at 3
 * channels, 8 classes and a width of 32. Names are its own; initial weights keep the variance of activations.
 *
 * Source: Ronneberger et al. 2015 (arXiv:1505.04597), figure 1.
 *
 * @returns a network from (N, C, H, W) to (N, classes, H, W)
 * @throws ArgumentError if height or width is no multiple of 16
 * @example
 * ```ts
 * const net = unet({ inputShape: [1, 32, 48], classes: 2, width: 8, norm: "instance" });
 * net.forward(zeros([2, 1, 32, 48])).shape; // [2, 2, 32, 48]
 * ```
 */
export function unet(options: UNetOptions): Module {
  const { inputShape } = checkNetwork("unet", options, { width: true });
  const [, height, across] = checkImages("unet", inputShape, 2 ** levels);
  if (options.width !== undefined) checkCount("unet({ width })", "width", options.width);
  if (height % 2 ** levels !== 0 || across % 2 ** levels !== 0) {
    throw new ArgumentError({
      where: "unet({ inputShape })",
      expected: `height and width to be multiples of ${2 ** levels}, since they are halved ${levels} times`,
      received: formatShape(inputShape),
      cure: "Pad or crop the images.",
    });
  }
  return initialize(new UNet(options), { conv: fanInNormal() });
}
