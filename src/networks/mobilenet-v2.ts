import { ReLU6 } from "../nn/activations.js";
import { Dropout } from "../nn/dropout.js";
import { Linear } from "../nn/linear.js";
import type { Module } from "../nn/module.js";
import { GlobalAvgPool2d } from "../nn/pooling.js";
import { Sequential } from "../nn/sequential.js";
import { conv, convNorm, imageNorm, NamedSequential, SkipConnection } from "./blocks.js";
import { fanOutNormal, initialize, normal } from "./initialize.js";
import { checkImages, checkNetwork, type NetworkOptions, type NormOptions } from "./networks.js";

/** The paper's table 2: expansion, channels, blocks, stride of the first. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/**
 * Widens by a 1×1 convolution, filters each channel by itself, narrows without activation; around it, where shapes
 * allow, a shortcut.
 */
function invertedResidual(from: number, to: number, stride: number, expansion: number, norms: NormOptions): Module {
  const width = from * expansion;
  const depthwise = { kernel: 3, stride, groups: width, activation: new ReLU6() };
  const body = new Sequential(
    ...(expansion === 1 ? [] : [convNorm(from, width, { activation: new ReLU6() }, norms)]),
    convNorm(width, width, depthwise, norms),
    conv(width, to, {}, norms),
    imageNorm(to, norms),
  );
  return stride === 1 && from === to ? new SkipConnection({ conv: body }) : new NamedSequential({ conv: body });
}

/**
 * MobileNetV2: a convolution that halves height and width, 17 inverted residual blocks of depthwise convolutions (four
 * of them halve too), 1,280 features, the mean of each plane, dropout (0.2 by default), a linear layer `classifier.1`.
 * 3,504,872 parameters at 1,000 classes. Names and initial values are torchvision's.
 *
 * Source: Sandler et al. 2018 (arXiv:1801.04381), table 2.
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if inputs are not images
 * @example
 * ```ts
 * const net = mobilenetV2({ inputShape: [3, 32, 32], classes: 10 });
 * net.eval().forward(zeros([2, 3, 32, 32])).shape; // [2, 10]
 * ```
 */
export function mobilenetV2({ dropout = 0.2, ...options }: NetworkOptions): Module {
  const { inputShape, classes } = checkNetwork("mobilenetV2", options, {});
  const [channels] = checkImages("mobilenetV2", inputShape, 1);
  let from = 32;
  const blocks = stages.flatMap(([expansion, to, count, stride]) =>
    Array.from({ length: count }, (_, k) => {
      const block = invertedResidual(from, to, k === 0 ? stride : 1, expansion, options);
      from = to;
      return block;
    }),
  );
  const model = new NamedSequential({
    features: new Sequential(
      convNorm(channels, 32, { kernel: 3, stride: 2, activation: new ReLU6() }, options),
      ...blocks,
      convNorm(from, 1280, { activation: new ReLU6() }, options),
    ),
    avgpool: new GlobalAvgPool2d(),
    classifier: new Sequential(new Dropout(dropout), new Linear(1280, classes)),
  });
  return initialize(model, { conv: fanOutNormal, linear: normal(0.01) });
}
