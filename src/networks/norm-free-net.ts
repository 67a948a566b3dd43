import { full } from "../create.js";
import { ArgumentError } from "../errors.js";
import { SiLU } from "../nn/activations.js";
import { Conv2d } from "../nn/conv2d.js";
import { Identity } from "../nn/identity.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { AvgPool2d, GlobalAvgPool2d } from "../nn/pooling.js";
import { ScaledWeightStandardization } from "../nn/reparametrized/scaled-weight-standardization.js";
import { Sequential } from "../nn/sequential.js";
import { silu } from "../ops/activations.js";
import { add, mul } from "../ops/binary.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { assign } from "../tensor-copies.js";
import { type ConvNormOptions, NamedSequential, SqueezeExcitation, toMultipleOf8 } from "./blocks.js";
import { fanInNormal, initialize, normal } from "./initialize.js";
import { checkImages, checkNetwork, headDropout, type NetworkOptions } from "./networks.js";

/**
 * What SiLU leaves of the deviation of normal values, inverted, so that a convolution and SiLU together keep it: the
 * paper's γ.
 */
const gamma = 1.7881293296813965;
/** How much of a block's branch is added: the paper's α. */
const alpha = 0.2;
/** Channels of a group of the 3×3 convolutions. */
const groupSize = 8;

/** A convolution with scaled weight standardisation, which keeps the variance of SiLU's outputs. */
function standardized(
  from: number,
  to: number,
  { kernel = 1, ...options }: ConvNormOptions,
  gain = 1,
): ScaledWeightStandardization<Conv2d> {
  const layer = new Conv2d(from, to, kernel, { ...options, padding: Math.floor(kernel / 2) });
  const convolution = new ScaledWeightStandardization(initialize(layer, { conv: fanInNormal(1) }), {
    gamma,
    eps: 1e-5,
  });
  const first = full(convolution.gain.shape, gain);
  assign(first, convolution.gain);
  first.dispose();
  return convolution;
}

/**
 * y = shortcut + α · branch(β · silu(x)), β being 1 / the deviation that x has by how many branches were added to it.
 * The shortcut reads x, or, where shapes change, a mean of 2×2 pixels of what the branch reads.
 */
class NormFreeBlock extends Module {
  readonly downsample: Module | null;
  readonly conv1: Module;
  readonly conv2: Module;
  readonly attn: Module;
  readonly conv3: Module;
  readonly beta: number;

  constructor(from: number, to: number, { ratio, stride, beta }: { ratio: number; stride: number; beta: number }) {
    super();
    const groups = Math.floor(toMultipleOf8(from * ratio) / groupSize);
    const width = groups * groupSize;
    const changes = from !== to || stride !== 1;
    this.downsample = changes
      ? new NamedSequential({
          pool: stride === 1 ? new Identity() : new AvgPool2d(2, { stride, ceilMode: true }),
          conv: standardized(from, to, {}),
        })
      : null;
    this.conv1 = standardized(from, width, {});
    this.conv2 = standardized(width, width, { kernel: 3, stride, groups });
    this.attn = new SqueezeExcitation(width, Math.max(8, 8 * Math.floor(width / 16 + 0.5)));
    // Each block begins as its shortcut.
    this.conv3 = standardized(width, to, {}, 0);
    this.beta = beta;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const read = mul(silu(x), this.beta);
      const filtered = this.conv2.forward(silu(this.conv1.forward(read)));
      // The factors of squeeze and excitation are 1/2 on average.
      const weighted = mul(this.attn.forward(filtered), 2);
      const branch = mul(this.conv3.forward(silu(weighted)), alpha);
      return add(branch, this.downsample?.forward(read) ?? x);
    });
  }

  override get keepsNothing(): boolean {
    return true;
  }
}

/** Channels and blocks of the stages. */
const stages = [
  [40, 1],
  [80, 3],
  [160, 6],
  [328, 6],
] as const;

function normFreeStages(stem: number): Sequential {
  let from = stem;
  /** Of x, if each branch has variance 1: a block that changes shapes begins anew, each adds α². */
  let expected = 1;
  const made = stages.map(([to, count], stage) => {
    const blocks = Array.from({ length: count }, (_, k) => {
      const ratio = stage === 0 && k === 0 ? 1 : 2.25;
      const block = new NormFreeBlock(from, to, { ratio, stride: k === 0 ? 2 : 1, beta: 1 / Math.sqrt(expected) });
      expected = (k === 0 ? 1 : expected) + alpha ** 2;
      from = to;
      return block;
    });
    return new Sequential(...blocks);
  });
  return new Sequential(...made);
}

/**
 * A residual network without norms, NF-RegNet-B0: its convolutions standardise their weights, its blocks divide by the
 * deviation that their input is known to have. Inverted bottlenecks with 3×3 convolutions in groups of 8 channels and
 * squeeze and excitation, SiLU before each convolution, 960 features, the mean of each plane, a linear layer `head.fc`.
 * 8,764,288 parameters at 1,000 classes. Names and initial values are those of timm's `nf_regnet_b0`.
 *
 * There is no `norm` to choose. It trains at any batch size; the authors clip each layer's gradients for large rates
 * (arXiv:2102.06171).
 *
 * Source: Brock et al. 2021 (arXiv:2101.08692), §3 and appendix.
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if inputs are not images, or a norm is asked for
 * @example
 * ```ts
 * const net = nfnet({ inputShape: [3, 32, 32], classes: 10 });
 * net.forward(zeros([2, 3, 32, 32])).shape; // [2, 10]
 * ```
 */
export function nfnet(given: NetworkOptions): Module {
  const options = { ...given, norm: given.norm ?? "none" };
  const { inputShape, classes } = checkNetwork("nfnet", options, {});
  const [channels] = checkImages("nfnet", inputShape, 1);
  if (options.norm !== "none") {
    throw new ArgumentError({
      where: "nfnet({ norm })",
      expected: "none",
      received: options.norm,
      cure: "Leave it out: the network is made to do without.",
    });
  }
  const [[stem]] = stages;
  const [last] = stages[stages.length - 1];
  const head = { global_pool: new GlobalAvgPool2d(), ...headDropout(options), fc: new Linear(960, classes) };
  const model = new NamedSequential({
    stem: new NamedSequential({ conv: standardized(channels, stem, { kernel: 3, stride: 2 }) }),
    stages: normFreeStages(stem),
    final_conv: standardized(last, 960, {}),
    final_act: new SiLU(),
    head: new NamedSequential(head),
  });
  // timm draws the convolutions of squeeze and excitation as all others.
  return initialize(model, { conv: fanInNormal(1), linear: normal(0.01) });
}
