import { tensor } from "../create.js";
import { ArgumentError } from "../errors.js";
import { GELU } from "../nn/activations.js";
import { Conv2d } from "../nn/conv2d.js";
import { Dropout } from "../nn/dropout.js";
import { Identity } from "../nn/identity.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { DynamicTanh } from "../nn/norms/dynamic-tanh.js";
import { LayerNorm } from "../nn/norms/layer-norm.js";
import { RmsNorm } from "../nn/norms/rms-norm.js";
import { ScaleNorm } from "../nn/norms/scale-norm.js";
import { scaledDotProductAttention } from "../ops/attention.js";
import { add } from "../ops/binary.js";
import { broadcastTo } from "../ops/broadcast-to.js";
import { concat } from "../ops/concat.js";
import { reshape } from "../ops/reshape.js";
import { slice } from "../ops/slice.js";
import { transpose } from "../ops/transpose.js";
import { scope } from "../scope.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { NamedSequential } from "./blocks.js";
import { type Initializer, initialize, normal } from "./initialize.js";
import { checkImages, checkNetwork, type NetworkOptions, type NormOptions } from "./networks.js";

/** Pixels along each side of a patch. */
const patch = 16;
/** Features of a token. */
const width = 192;
const heads = 3;
const depth = 12;

/** Norms of tokens, by name. */
const tokenNorms = {
  layer: (eps: number) => new LayerNorm(width, { eps }),
  rms: (eps: number) => new RmsNorm(width, { eps }),
  scale: (eps: number) => new ScaleNorm(width, { eps }),
  dyt: () => new DynamicTanh(width),
  none: () => new Identity(),
} as const satisfies Readonly<Record<string, (eps: number) => Module>>;

/** The norm of tokens (N, L, D), whose channels come last. */
function tokenNorm({ norm = "layer", normEps: eps = 1e-6 }: NormOptions): Module {
  return tokenNorms[norm as keyof typeof tokenNorms](eps);
}

/** Self-attention of several heads; queries, keys and values are computed by one layer. */
class Attention extends Module {
  readonly qkv = new Linear(width, 3 * width);
  readonly proj = new Linear(width, width);

  override forward(x: Tensor): Tensor {
    const [batch, tokens] = x.shape;
    return scope(() => {
      const all = this.qkv.forward(x);
      const [q, k, v] = [0, 1, 2].map((n) => {
        const part = slice(all, n * width, (n + 1) * width, 2);
        return transpose(reshape(part, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
      });
      const attended = transpose(scaledDotProductAttention(q, k, v), [0, 2, 1, 3]);
      return this.proj.forward(reshape(attended, [batch, tokens, width]));
    });
  }

  override get keepsNothing(): boolean {
    return true;
  }
}

/** x + attention, then x + perceptron, each of normalised tokens. */
class Block extends Module {
  readonly norm1: Module;
  readonly attn = new Attention();
  readonly norm2: Module;
  readonly mlp = new NamedSequential({
    fc1: new Linear(width, 4 * width),
    act: new GELU(),
    fc2: new Linear(4 * width, width),
  });

  constructor(norms: NormOptions) {
    super();
    this.norm1 = tokenNorm(norms);
    this.norm2 = tokenNorm(norms);
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const attended = add(x, this.attn.forward(this.norm1.forward(x)));
      return add(attended, this.mlp.forward(this.norm2.forward(attended)));
    });
  }

  override get keepsNothing(): boolean {
    return true;
  }
}

/** Images as tokens, a class token before them, blocks, and a linear layer that reads the class token. */
class VisionTransformer extends Module {
  /** (1, 1, D) */
  cls_token: Tensor;
  /** (1, L, D): the class token's, then the patches'. */
  pos_embed: Tensor;
  readonly patch_embed: Module;
  readonly blocks: readonly Block[];
  readonly norm: Module;
  readonly dropout: Dropout;
  readonly head: Linear;

  constructor({ inputShape: [channels, height, across], classes, dropout = 0, ...norms }: NetworkOptions) {
    super();
    const patches = (height / patch) * (across / patch);
    this.cls_token = drawn(normal(1e-6), [1, 1, width]);
    this.pos_embed = drawn(normal(0.02), [1, patches + 1, width]);
    this.patch_embed = new NamedSequential({ proj: new Conv2d(channels, width, patch, { stride: patch }) });
    this.blocks = Array.from({ length: depth }, () => new Block(norms));
    this.norm = tokenNorm(norms);
    this.dropout = new Dropout(dropout);
    this.head = new Linear(width, classes);
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const patches = this.patch_embed.forward(x);
      const [batch] = patches.shape;
      const tokens = transpose(reshape(patches, [batch, width, -1]), [0, 2, 1]);
      const all = concat([broadcastTo(this.cls_token, [batch, 1, width]), tokens], 1);
      let value = add(all, this.pos_embed);
      for (const block of this.blocks) value = block.forward(value);
      const first = reshape(slice(this.norm.forward(value), 0, 1, 1), [batch, width]);
      return this.head.forward(this.dropout.forward(first));
    });
  }
}

function drawn(initializer: Initializer, shape: readonly number[]): Tensor {
  return tensor(initializer(shape), shape, { requiresGrad: true });
}

/**
 * The vision transformer ViT-Ti/16: patches of 16×16 pixels become tokens of 192 features, with a class token before
 * them and a learned embedding of each place; twelve blocks of attention (three heads) and a perceptron with GELU, each
 * behind a norm; the class token's features, normalised, to a linear layer `head`. 5,717,416 parameters for 224×224
 * pixels and 1,000 classes. Names and initial values are those of timm's `vit_tiny_patch16_224`.
 *
 * `norm` is that of tokens: `"layer"` (the default), `"rms"`, `"scale"`, `"dyt"` or `"none"`, with `normEps` 1e-6. The
 * places are those of `inputShape`: weights for another size load with `skip: "pos_embed"`.
 *
 * Source: Dosovitskiy et al. 2021 (arXiv:2010.11929), §3.1; the sizes are those of Touvron et al. 2021
 * (arXiv:2012.12877), table 1.
 *
 * @returns a network from (N, C, H, W) to (N, classes)
 * @throws ArgumentError if height or width is no multiple of 16, or the norm is one of images
 * @example
 * ```ts
 * const net = vitTiny({ inputShape: [3, 32, 32], classes: 10, norm: "rms" });
 * net.forward(zeros([2, 3, 32, 32])).shape; // [2, 10]
 * ```
 */
export function vitTiny(given: NetworkOptions): Module {
  const options = { ...given, norm: given.norm ?? "layer" };
  const { inputShape } = checkNetwork("vitTiny", options, {});
  const [, height, across] = checkImages("vitTiny", inputShape, patch);
  if (height % patch !== 0 || across % patch !== 0) {
    throw new ArgumentError({
      where: "vitTiny({ inputShape })",
      expected: `height and width to be multiples of ${patch}, the size of a patch`,
      received: formatShape(inputShape),
      cure: "Crop or pad the images.",
    });
  }
  if (!Object.hasOwn(tokenNorms, options.norm)) {
    throw new ArgumentError({
      where: "vitTiny({ norm })",
      expected: `a norm of tokens: ${Object.keys(tokenNorms).join(", ")}`,
      received: options.norm,
      cure: "Choose one of them: the others normalise channels of images.",
    });
  }
  return initialize(new VisionTransformer(options), { linear: normal(0.02) });
}
