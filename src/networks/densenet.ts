import { ReLU } from "../nn/activations.js";
import { Linear } from "../nn/linear.js";
import type { Module } from "../nn/module.js";
import { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from "../nn/pooling.js";
import { concat } from "../ops/concat.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { conv, imageNorm, NamedSequential } from "./blocks.js";
import { fanInNormal, initialize, uniform } from "./initialize.js";
import { checkImages, checkNetwork, headDropout, type NetworkOptions, type NormOptions } from "./networks.js";

/** Channels that each layer adds. */
const growth = 32;

/** Layers that each read x and what all before them made, side by side; the block gives all of it. */
class DenseBlock extends NamedSequential {
  override forward(x: Tensor): Tensor {
    return scope(() => {
      const made = [x];
      for (const layer of this.layers()) made.push(layer.forward(made.length === 1 ? x : concat(made, 1)));
      return concat(made, 1);
    });
  }
}

function denseBlock(from: number, count: number, norms: NormOptions): DenseBlock {
  const layers = Array.from({ length: count }, (_, k) => {
    const channels = from + k * growth;
    const layer = new NamedSequential({
      norm1: imageNorm(channels, norms),
      relu1: new ReLU(),
      conv1: conv(channels, 4 * growth, {}, norms),
      norm2: imageNorm(4 * growth, norms),
      relu2: new ReLU(),
      conv2: conv(4 * growth, growth, { kernel: 3 }, norms),
    });
    return [`denselayer${k + 1}`, layer] as const;
  });
  return new DenseBlock(Object.fromEntries(layers));
}

/** Halves channels, height and width. */
function transition(channels: number, norms: NormOptions): NamedSequential {
  return new NamedSequential({
    norm: imageNorm(channels, norms),
    relu: new ReLU(),
    conv: conv(channels, channels / 2, {}, norms),
    pool: new AvgPool2d(2),
  });
}

/**
 * DenseNet-121: each layer reads what all layers of its block before it made. A 7×7 convolution and a pooling that each
 * halve height and width, four blocks of 6, 12, 24 and 16 layers that add 32 channels each, between them transitions
 * that halve channels, height and width, the mean of each plane, a linear layer `classifier`. 7,978,856 parameters at
 * 1,000 classes. Names and initial values are torchvision's.
 *
 * Source: Huang et al. 2017 (arXiv:1608.06993), table 1.
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if inputs are not images of at least 29×29
 * @example
 * ```ts
 * const net = densenet121({ inputShape: [3, 32, 32], classes: 10 });
 * net.eval().forward(zeros([2, 3, 32, 32])).shape; // [2, 10]
 * ```
 */
export function densenet121(options: NetworkOptions): Module {
  const { inputShape, classes } = checkNetwork("densenet121", options, {});
  const [planes] = checkImages("densenet121", inputShape, 29);
  let channels = 64;
  const stages = [6, 12, 24, 16].flatMap((count, k, all): [name: string, layer: Module][] => {
    const block = denseBlock(channels, count, options);
    channels += count * growth;
    if (k === all.length - 1) return [[`denseblock${k + 1}`, block]];
    const between = transition(channels, options);
    channels /= 2;
    return [
      [`denseblock${k + 1}`, block],
      [`transition${k + 1}`, between],
    ];
  });
  const model = new NamedSequential({
    features: new NamedSequential({
      conv0: conv(planes, 64, { kernel: 7, stride: 2 }, options),
      norm0: imageNorm(64, options),
      relu0: new ReLU(),
      pool0: new MaxPool2d(3, { stride: 2, padding: 1 }),
      ...Object.fromEntries(stages),
      norm5: imageNorm(channels, options),
      relu5: new ReLU(),
    }),
    avgpool: new GlobalAvgPool2d(),
    ...headDropout(options),
    classifier: new Linear(channels, classes),
  });
  return initialize(model, { conv: fanInNormal(), linear: uniform((_, inputs) => 1 / Math.sqrt(inputs)) });
}
