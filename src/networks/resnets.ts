import { ReLU } from "../nn/activations.js";
import { Linear } from "../nn/linear.js";
import type { Module } from "../nn/module.js";
import { GlobalAvgPool2d, MaxPool2d } from "../nn/pooling.js";
import { Sequential } from "../nn/sequential.js";
import { conv, convNorm, imageNorm, NamedSequential, ResidualBlock } from "./blocks.js";
import { fanOutNormal, initialize } from "./initialize.js";
import { checkImages, checkNetwork, headDropout, type NetworkOptions, type NormOptions } from "./networks.js";

/** Makes a block from `from` channels; `width` are those of its 3×3 convolutions. */
type MakeBlock = (from: number, width: number, stride: number, norms: NormOptions) => ResidualBlock;

/** Two 3×3 convolutions. */
const basicBlock: MakeBlock = (from, width, stride, norms) =>
  new ResidualBlock(
    {
      conv1: conv(from, width, { kernel: 3, stride }, norms),
      bn1: imageNorm(width, norms),
      relu: new ReLU(),
      conv2: conv(width, width, { kernel: 3 }, norms),
      bn2: imageNorm(width, norms),
    },
    projection(from, width, stride, norms),
  );

/** A 3×3 convolution, which has the stride, between two of 1×1. */
const bottleneck: MakeBlock = (from, width, stride, norms) =>
  new ResidualBlock(
    {
      conv1: conv(from, width, {}, norms),
      bn1: imageNorm(width, norms),
      relu1: new ReLU(),
      conv2: conv(width, width, { kernel: 3, stride }, norms),
      bn2: imageNorm(width, norms),
      relu2: new ReLU(),
      conv3: conv(width, 4 * width, {}, norms),
      bn3: imageNorm(4 * width, norms),
    },
    projection(from, 4 * width, stride, norms),
  );

/** What makes the shortcut fit; null where it does. */
function projection(from: number, to: number, stride: number, norms: NormOptions): Module | null {
  return from === to && stride === 1 ? null : convNorm(from, to, { stride }, norms);
}

function build(
  name: string,
  options: NetworkOptions,
  blocks: readonly number[],
  block: MakeBlock,
  expansion: number,
): Module {
  const { inputShape, classes } = checkNetwork(name, options, {});
  const [channels] = checkImages(name, inputShape, 1);
  let from = 64;
  const stages = blocks.map((count, stage) => {
    const width = 64 * 2 ** stage;
    const made = Array.from({ length: count }, (_, k) => {
      const one = block(from, width, stage > 0 && k === 0 ? 2 : 1, options);
      from = width * expansion;
      return one;
    });
    return [`layer${stage + 1}`, new Sequential(...made)] as const;
  });
  const model = new NamedSequential({
    conv1: conv(channels, 64, { kernel: 7, stride: 2 }, options),
    bn1: imageNorm(64, options),
    relu: new ReLU(),
    maxpool: new MaxPool2d(3, { stride: 2, padding: 1 }),
    ...Object.fromEntries(stages),
    avgpool: new GlobalAvgPool2d(),
    ...headDropout(options),
    fc: new Linear(from, classes),
  });
  return initialize(model, { conv: fanOutNormal });
}

/**
 * ResNet-18: a 7×7 convolution and a pooling that each halve height and width, eight blocks of two 3×3 convolutions in
 * four stages of 64 to 512 channels, the mean of each plane, a linear layer `fc`. 11,689,512 parameters at 1,000
 * classes. Names and initial values are torchvision's.
 *
 * Source: He et al. 2016 (arXiv:1512.03385), table 1, with projections where shapes change (option B).
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if inputs are not images
 * @example
 * ```ts
 * const net = resnet18({ inputShape: [3, 32, 32], classes: 10, norm: "group" });
 * net.forward(zeros([2, 3, 32, 32])).shape; // [2, 10]
 * ```
 */
export function resnet18(options: NetworkOptions): Module {
  return build("resnet18", options, [2, 2, 2, 2], basicBlock, 1);
}

/**
 * ResNet-34: as {@link resnet18}, with 3, 4, 6 and 3 blocks in its stages. 21,797,672 parameters at 1,000 classes.
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if inputs are not images
 */
export function resnet34(options: NetworkOptions): Module {
  return build("resnet34", options, [3, 4, 6, 3], basicBlock, 1);
}

/**
 * ResNet-50: as {@link resnet34}, with blocks of a 3×3 convolution between two of 1×1. 25,557,032 parameters at 1,000
 * classes. As in torchvision ("version 1.5"), the 3×3 convolution has the stride, and not the first one as in the
 * paper.
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if inputs are not images
 */
export function resnet50(options: NetworkOptions): Module {
  return build("resnet50", options, [3, 4, 6, 3], bottleneck, 4);
}
