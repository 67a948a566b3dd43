import { full } from "../create.js";
import { GELU } from "../nn/activations.js";
import { AdaptiveAvgPool2d } from "../nn/adaptive-pooling.js";
import { Conv2d } from "../nn/conv2d.js";
import { DropPath } from "../nn/dropout.js";
import { Flatten } from "../nn/flatten.js";
import { Linear } from "../nn/linear.js";
import { type AnyModule, Module } from "../nn/module.js";
import { LayerNorm } from "../nn/norms/layer-norm.js";
import { Sequential } from "../nn/sequential.js";
import { add, mul } from "../ops/binary.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { imageNorm, NamedSequential, Permute } from "./blocks.js";
import { checkDropPath, type StochasticDepthOptions } from "./efficientnet.js";
import { initialize, normal } from "./initialize.js";
import { checkImages, checkNetwork, type NormOptions } from "./networks.js";

/** Channels last, and back. */
const toLast = [0, 2, 3, 1];
const toSecond = [0, 3, 1, 2];

/** Layer norm of the channels of each pixel of (N, C, H, W). */
class PixelLayerNorm extends Module {
  readonly norm: LayerNorm;
  readonly before = new Permute(toLast);
  readonly after = new Permute(toSecond);

  constructor(channels: number, eps: number) {
    super();
    this.norm = new LayerNorm(channels, { eps });
  }

  override forward(x: Tensor): Tensor {
    return scope(() => this.after.forward(this.norm.forward(this.before.forward(x))));
  }

  /** Weight and bias have the names of this layer's own. */
  override children(): [name: string, module: AnyModule][] {
    return [["", this.norm]];
  }

  override get keepsNothing(): boolean {
    return true;
  }
}

function pixelNorm(channels: number, { norm = "layer", normEps = 1e-6, ...rest }: NormOptions): Module {
  return norm === "layer" ? new PixelLayerNorm(channels, normEps) : imageNorm(channels, { norm, ...rest });
}

/**
 * y = x + drop(layer_scale · block(x)): each channel is filtered by itself, and each pixel by a perceptron of one
 * hidden layer.
 */
class ConvNextBlock extends Module {
  readonly block: Sequential;
  /** (C, 1, 1) */
  layer_scale: Tensor;
  readonly stochastic_depth: DropPath;

  constructor(channels: number, dropPath: number, norms: NormOptions) {
    super();
    const { norm = "layer", normEps = 1e-6 } = norms;
    // The places of the layers are torchvision's with any norm.
    const normalized =
      norm === "layer"
        ? [new Permute(toLast), new LayerNorm(channels, { eps: normEps })]
        : [imageNorm(channels, norms), new Permute(toLast)];
    this.block = new Sequential(
      new Conv2d(channels, channels, 7, { padding: 3, groups: channels }),
      ...normalized,
      new Linear(channels, 4 * channels),
      new GELU(),
      new Linear(4 * channels, channels),
      new Permute(toSecond),
    );
    this.layer_scale = full([channels, 1, 1], 1e-6, { requiresGrad: true });
    this.stochastic_depth = new DropPath(dropPath);
  }

  override forward(x: Tensor): Tensor {
    return scope(() => add(this.stochastic_depth.forward(mul(this.block.forward(x), this.layer_scale)), x));
  }

  override get keepsNothing(): boolean {
    return true;
  }
}

/** Channels and blocks of the stages. */
const stages = [
  [96, 3],
  [192, 3],
  [384, 9],
  [768, 3],
] as const;

/**
 * ConvNeXt-T: patches of 4×4 pixels become 96 channels; four stages of 3, 3, 9 and 3 blocks, each a 7×7 depthwise
 * convolution, layer norm and a perceptron per pixel with GELU, scaled by learned weights that begin at 1e-6; between
 * stages 2×2 convolutions halve height and width; the mean of each plane, layer norm, a linear layer `classifier.2`.
 * 28,589,128 parameters at 1,000 classes. Names and initial values are torchvision's; `dropPath` is 0.1.
 *
 * `norm: "layer"`, the default, is that of the channels of each pixel, with `normEps` 1e-6. Other norms are those of
 * images; each behind its convolution.
 *
 * Source: Liu et al. 2022 (arXiv:2201.03545), figure 4 and table 9.
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if inputs are not images of at least 32×32, or `dropPath` is no probability
 */
export function convnextTiny(given: StochasticDepthOptions): Module {
  const options: StochasticDepthOptions = { ...given, norm: given.norm ?? "layer" };
  const { inputShape, classes } = checkNetwork("convnextTiny", options, { dropPath: true });
  const { dropPath = 0.1 } = given;
  const [planes] = checkImages("convnextTiny", inputShape, 32);
  checkDropPath("convnextTiny", dropPath);
  const total = stages.reduce((sum, [, count]) => sum + count, 0);
  let built = 0;
  const features = stages.flatMap(([channels, count], k) => {
    const blocks = Array.from(
      { length: count },
      () => new ConvNextBlock(channels, (dropPath * built++) / (total - 1), options),
    );
    const from = k === 0 ? planes : stages[k - 1][0];
    const patches = new Conv2d(from, channels, k === 0 ? 4 : 2, { stride: k === 0 ? 4 : 2 });
    const stem = k === 0 ? [patches, pixelNorm(channels, options)] : [pixelNorm(from, options), patches];
    return [new Sequential(...stem), new Sequential(...blocks)];
  });
  const width = stages[3][0];
  const model = new NamedSequential({
    features: new Sequential(...features),
    avgpool: new AdaptiveAvgPool2d(1),
    classifier: new Sequential(pixelNorm(width, options), new Flatten(), new Linear(width, classes)),
  });
  return initialize(model, { conv: normal(0.02), linear: normal(0.02) });
}
