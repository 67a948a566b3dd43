import { checkProbability } from "../check-range.js";
import { SiLU } from "../nn/activations.js";
import { Dropout, DropPath } from "../nn/dropout.js";
import { Linear } from "../nn/linear.js";
import type { Module } from "../nn/module.js";
import { GlobalAvgPool2d } from "../nn/pooling.js";
import { Sequential } from "../nn/sequential.js";
import { convNorm, NamedSequential, SkipConnection, SqueezeExcitation } from "./blocks.js";
import { fanOutNormal, initialize, uniform } from "./initialize.js";
import { checkImages, checkNetwork, type NetworkOptions, type NormOptions } from "./networks.js";

/** Options of networks with stochastic depth. */
export interface StochasticDepthOptions extends NetworkOptions {
  /**
   * The probability that the last block leaves out its body for a sample in training; the first never does, those
   * between are on the line: {@link DropPath}.
   *
   * @defaultValue torchvision's
   */
  readonly dropPath?: number;
}

/** Checks a share of blocks to leave out. @throws ArgumentError naming the network */
export function checkDropPath(name: string, dropPath: number): void {
  const cure = "Pass the share of samples for which the last block is left out, e.g. 0.1.";
  checkProbability(`${name}({ dropPath })`, dropPath, cure);
}

/** The paper's table 1: expansion, kernel, stride of the first block, channels, blocks. */
const stages = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
] as const;

/** An inverted residual block with squeeze and excitation. */
interface Block {
  readonly from: number;
  readonly to: number;
  readonly expansion: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dropPath: number;
}

function mobileBlock({ from, to, expansion, kernel, stride, dropPath }: Block, norms: NormOptions): Module {
  const width = from * expansion;
  const squeezed = Math.max(1, Math.floor(from / 4));
  const block = new Sequential(
    ...(expansion === 1 ? [] : [convNorm(from, width, { activation: new SiLU() }, norms)]),
    convNorm(width, width, { kernel, stride, groups: width, activation: new SiLU() }, norms),
    new SqueezeExcitation(width, squeezed, { activation: new SiLU() }),
    convNorm(width, to, {}, norms),
  );
  if (stride !== 1 || from !== to) return new NamedSequential({ block });
  return new SkipConnection({ block, stochastic_depth: new DropPath(dropPath) });
}

/**
 * EfficientNet-B0: inverted residual blocks with squeeze and excitation, SiLU and stochastic depth, whose number and
 * width a search has found; 16 blocks in seven stages, five layers that halve height and width, 1,280 features, the
 * mean of each plane, dropout (0.2 by default), a linear layer `classifier.1`. 5,288,548 parameters at 1,000 classes.
 * Names and initial values are torchvision's; `dropPath` is 0.2.
 *
 * Source: Tan & Le 2019 (arXiv:1905.11946), table 1.
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if inputs are not images, or `dropPath` is no probability
 * @example
 * ```ts
 * const net = efficientnetB0({ inputShape: [3, 32, 32], classes: 10, dropPath: 0 });
 * net.eval().forward(zeros([2, 3, 32, 32])).shape; // [2, 10]
 * ```
 */
export function efficientnetB0(options: StochasticDepthOptions): Module {
  const { inputShape, classes } = checkNetwork("efficientnetB0", options, { dropPath: true });
  const { dropout = 0.2, dropPath = 0.2 } = options;
  const [channels] = checkImages("efficientnetB0", inputShape, 1);
  checkDropPath("efficientnetB0", dropPath);
  const total = stages.reduce((sum, [, , , , count]) => sum + count, 0);
  let [from, built] = [32, 0];
  const blocks = stages.map(([expansion, kernel, stride, to, count]) => {
    const made = Array.from({ length: count }, (_, k) => {
      const sizes = { from, to, expansion, kernel, stride: k === 0 ? stride : 1 };
      const block = mobileBlock({ ...sizes, dropPath: (dropPath * built) / total }, options);
      from = to;
      built++;
      return block;
    });
    return new Sequential(...made);
  });
  const model = new NamedSequential({
    features: new Sequential(
      convNorm(channels, 32, { kernel: 3, stride: 2, activation: new SiLU() }, options),
      ...blocks,
      convNorm(from, 4 * from, { activation: new SiLU() }, options),
    ),
    avgpool: new GlobalAvgPool2d(),
    classifier: new Sequential(new Dropout(dropout), new Linear(4 * from, classes)),
  });
  return initialize(model, { conv: fanOutNormal, linear: uniform((outputs) => 1 / Math.sqrt(outputs)) });
}
