import { checkOneOf } from "../check-one-of.js";
import { tensor } from "../create.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { scaledDotProductAttention } from "../ops/attention.js";
import { mul } from "../ops/binary.js";
import { linear } from "../ops/linear.js";
import { reshape } from "../ops/reshape.js";
import { slice } from "../ops/slice.js";
import { transpose } from "../ops/transpose.js";
import { checkOptions, type OptionNames } from "../options.js";
import { scope } from "../scope.js";
import { checkCount, formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { uniformParameter } from "./init.js";
import { keepsRank, type LayerTraits } from "./layer-traits.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import { LayerNorm } from "./norms/layer-norm.js";
import { RmsNorm } from "./norms/rms-norm.js";

/** Options of {@link MultiHeadAttention}. */
export interface MultiHeadAttentionOptions {
  /** Whether the four projections have biases. @defaultValue true */
  readonly bias?: boolean;
  /** Whether query i sees the keys 0 … i alone. @defaultValue false */
  readonly causal?: boolean;
  /**
   * A norm of each head's queries and keys, which keeps their products from growing (Dehghani et al. 2023,
   * arXiv:2302.05442).
   *
   * @defaultValue none
   */
  readonly qkNorm?: "layer" | "rms" | null;
}

/** Options of {@link MultiHeadAttention.forward}. */
export interface MultiHeadAttentionForwardOptions {
  /** What is attended to, (N, S, E). @defaultValue the queries: self-attention */
  readonly key?: Tensor;
  /** What is returned of what is attended to, (N, S, E). @defaultValue the keys */
  readonly value?: Tensor;
  /** Ones where a query sees a key, else zeros; broadcasts to (N, heads, L, S). @defaultValue ones */
  readonly mask?: Tensor | null;
  /** (N, S): ones for keys, zeros for padding. @defaultValue ones */
  readonly keyMask?: Tensor | null;
  /** Is added to the scores; broadcasts to (N, heads, L, S). @defaultValue 0 */
  readonly bias?: Tensor | null;
}

const forwardNames: OptionNames<MultiHeadAttentionForwardOptions> = {
  key: true,
  value: true,
  mask: true,
  keyMask: true,
  bias: true,
};

/**
 * Attention by several heads, each with its own part of the features (Vaswani et al. 2017, arXiv:1706.03762). Batches
 * come first: x is (N, L, embedDim). Parameters have PyTorch's names and shapes, and its initial values.
 *
 * @example
 * ```ts
 * const attention = new MultiHeadAttention(16, 4, { causal: true });
 * attention.forward(zeros([2, 10, 16])).shape; // [2, 10, 16]
 * Object.keys(attention.stateDict()); // in_proj_weight, in_proj_bias, out_proj.weight, out_proj.bias
 * ```
 */
export class MultiHeadAttention extends Module<[x: Tensor, options?: MultiHeadAttentionForwardOptions]> {
  /** (3·embedDim, embedDim): of queries, keys and values. */
  in_proj_weight: Tensor;
  /** (3·embedDim), or null. */
  in_proj_bias: Tensor | null;
  /** What the heads together become. */
  readonly out_proj: Linear;
  /** The norm of queries; null without. */
  readonly q_norm: LayerNorm | RmsNorm | null;
  /** The norm of keys; null without. */
  readonly k_norm: LayerNorm | RmsNorm | null;
  /** Features of x. */
  readonly embedDim: number;
  /** How many heads. */
  readonly numHeads: number;
  /** Whether query i sees the keys 0 … i alone. */
  readonly causal: boolean;

  /**
   * @param embedDim - features of x, a multiple of `numHeads`
   * @throws ArgumentError if a number is not whole or too small, the heads do not divide the features, or there is no
   * such norm
   */
  constructor(embedDim: number, numHeads: number, options: MultiHeadAttentionOptions = {}) {
    super();
    const where = "new MultiHeadAttention(embedDim, numHeads)";
    checkOptions(where, options, { bias: true, causal: true, qkNorm: true });
    const { bias = true, causal = false, qkNorm = null } = options;
    checkCount(where, "embedDim", embedDim);
    checkCount(where, "numHeads", numHeads);
    if (embedDim % numHeads !== 0) {
      throw new ArgumentError({
        where,
        expected: "numHeads to divide embedDim",
        received: `${numHeads} heads for ${embedDim} features`,
        cure: "Choose a divisor of embedDim.",
      });
    }
    checkOneOf(where, "qkNorm", qkNorm, ["layer", "rms", null]);
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.causal = causal;
    // Xavier uniform over the whole matrix, as PyTorch has it: ±√(6 / (fanIn + fanOut)).
    this.in_proj_weight = uniformParameter([3 * embedDim, embedDim], (embedDim + 3 * embedDim) / 6);
    this.in_proj_bias = bias ? zeroParameter(3 * embedDim) : null;
    this.out_proj = new Linear(embedDim, embedDim, { bias });
    if (bias) this.out_proj.bias = zeroParameter(embedDim);
    const norm = (): LayerNorm | RmsNorm | null => {
      if (qkNorm === null) return null;
      return qkNorm === "layer" ? new LayerNorm(embedDim / numHeads) : new RmsNorm(embedDim / numHeads);
    };
    this.q_norm = norm();
    this.k_norm = norm();
  }

  /**
   * Applies the layer.
   *
   * @param x - queries (N, L, embedDim)
   * @returns (N, L, embedDim)
   * @throws ShapeError if sizes do not fit
   * @throws ArgumentError if a mask has other values than 0 and 1
   */
  override forward(x: Tensor, options: MultiHeadAttentionForwardOptions = {}): Tensor {
    checkOptions(() => `${this}.forward(x)`, options, forwardNames);
    const { key = x, value = key, mask = null, keyMask = null, bias = null } = options;
    for (const t of [x, key, value]) this.#check(t);
    return scope(() => this.#attend(x, key, value, { mask, keyMask, bias }));
  }

  #attend(
    x: Tensor,
    key: Tensor,
    value: Tensor,
    { mask = null, keyMask = null, bias = null }: MultiHeadAttentionForwardOptions,
  ): Tensor {
    const [q, k, v] = this.#project(x, key, value).map((t) => this.#split(t));
    const queries = this.q_norm?.forward(q) ?? q;
    const keys = this.k_norm?.forward(k) ?? k;
    const keysSeen = keyMask === null ? null : this.#ofKeys(keyMask, key);
    const seen = mask === null || keysSeen === null ? (mask ?? keysSeen) : mul(mask, keysSeen);
    const heads = scaledDotProductAttention(queries, keys, v, { causal: this.causal, mask: seen, bias });
    return this.out_proj.forward(reshape(transpose(heads, [0, 2, 1, 3]), x.shape));
  }

  #check(t: Tensor): void {
    checkFeatures(this, t, 2, this.embedDim, "features");
    if (t.rank === 3) return;
    throw new ShapeError({
      where: `${this}.forward(x)`,
      expected: "sequences (N, L, E)",
      received: `rank ${t.rank} (shape ${formatShape(t.shape)})`,
      cure: "Reshape to three axes.",
    });
  }

  /** Queries, keys and values of all heads; in one product where they are of one tensor. */
  #project(x: Tensor, key: Tensor, value: Tensor): Tensor[] {
    const { embedDim: size, in_proj_weight: weight, in_proj_bias: bias } = this;
    if (x === key && key === value) {
      const all = linear(x, weight, bias);
      return [0, 1, 2].map((n) => slice(all, n * size, (n + 1) * size, 2));
    }
    return [x, key, value].map((t, n) => {
      const own = bias === null ? null : slice(bias, n * size, (n + 1) * size);
      return linear(t, slice(weight, n * size, (n + 1) * size), own);
    });
  }

  /** (N, L, E) → (N, heads, L, E / heads) */
  #split(t: Tensor): Tensor {
    const [batch, length] = t.shape;
    const heads = reshape(t, [batch, length, this.numHeads, this.embedDim / this.numHeads]);
    return transpose(heads, [0, 2, 1, 3]);
  }

  #ofKeys(keyMask: Tensor, { shape: [batch, length] }: Tensor): Tensor {
    if (keyMask.rank === 2 && keyMask.shape[0] === batch && keyMask.shape[1] === length) {
      return reshape(keyMask, [batch, 1, 1, length]);
    }
    throw new ShapeError({
      where: `${this}.forward(x, { keyMask })`,
      expected: `a mask of ${batch}×${length} keys`,
      received: formatShape(keyMask.shape),
      cure: "Give it one value for each key of each sample; { mask } takes other shapes.",
    });
  }

  /** Null where a part has been exchanged, such as for one whose weight is computed. */
  protected override traits(): LayerTraits | null {
    const { embedDim, numHeads, causal, in_proj_bias, out_proj, q_norm, k_norm } = this;
    const isPlain = (norm: Module | null): boolean => norm === null || norm.is(LayerNorm) || norm.is(RmsNorm);
    if (!out_proj.is(Linear) || !isPlain(q_norm) || !isPlain(k_norm)) return null;
    const qkNorm = q_norm === null ? null : q_norm instanceof LayerNorm ? "layer" : "rms";
    return {
      constructorArguments: [embedDim, numHeads, { bias: in_proj_bias !== null, causal, qkNorm }],
      isComposite: true,
      ...keepsRank(embedDim, "last"),
    };
  }

  override toString(): string {
    return `MultiHeadAttention(${this.embedDim}, ${this.numHeads})`;
  }
}

function zeroParameter(size: number): Tensor {
  return tensor(new Float32Array(size), [size], { requiresGrad: true });
}
