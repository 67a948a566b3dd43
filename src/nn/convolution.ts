import { checkSpatial } from "../ops/windows.js";
import type { Tensor } from "../tensor.js";
import { checkFeatures } from "./check-features.js";
import { uniformParameter } from "./init.js";
import type { LayerTraits } from "./layer-traits.js";
import { Weighted } from "./reparametrized/weighted.js";

/** How the windows of a convolution move, along each axis: what its op takes besides x, weight and bias. */
export interface Moves<Sizes, Padding> {
  readonly stride: Sizes;
  readonly padding: Padding;
  readonly dilation: Sizes;
  readonly groups: number;
}

/** The op of a convolution. */
type ConvolutionOp<M> = (x: Tensor, weight: Tensor, bias: Tensor | null, moves: M) => Tensor;

/** What a class of convolutions is built of, checked. */
interface ConvolutionParts<M> {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: readonly number[];
  readonly moves: M;
  /** Whether a bias is added. @defaultValue true */
  readonly bias: boolean | undefined;
}

/** The names of the options of every convolution. */
export const convolutionOptions = { bias: true, stride: true, padding: true, dilation: true, groups: true } as const;

/** A layer whose weight moves over signals, planes or volumes. */
export abstract class Convolution<M extends Moves<unknown, unknown>> extends Weighted {
  /**
   * (outChannels, inChannels / groups, …), the kernel behind; of a transposed one (inChannels, outChannels / groups,
   * …).
   */
  weight: Tensor;
  /** (outChannels), or null. */
  bias: Tensor | null;
  /** Step between windows, along each axis; of a transposed one between the places where kernels are added. */
  readonly stride: M["stride"];
  /** Zeros around x, or `"same"`; of a transposed one how much is cut from each side of y. */
  readonly padding: M["padding"];
  /** Distance between taps, along each axis. */
  readonly dilation: M["dilation"];
  /** Independent groups of channels. */
  override readonly groups: number;
  readonly #apply: ConvolutionOp<M>;
  readonly #moves: M;

  /** Draws weight and bias. */
  constructor(apply: ConvolutionOp<M>, { inChannels, outChannels, kernel, moves, bias = true }: ConvolutionParts<M>) {
    super();
    const { groups } = moves;
    const [first, second] = this.outputAxis === 1 ? [inChannels, outChannels] : [outChannels, inChannels];
    const shape = [first, second / groups, ...kernel];
    const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
    this.weight = uniformParameter(shape, fanIn);
    this.bias = bias ? uniformParameter([outChannels], fanIn) : null;
    this.stride = moves.stride;
    this.padding = moves.padding;
    this.dilation = moves.dilation;
    this.groups = groups;
    this.#apply = apply;
    this.#moves = moves;
  }

  /** Channels of x. */
  get #inputs(): number {
    return this.outputAxis === 1 ? this.weight.shape[0] : this.weight.shape[1] * this.groups;
  }

  /**
   * Applies the layer.
   *
   * @param x - (N, inChannels, …)
   * @throws ShapeError if channels do not fit, no window fits, or a transposed one leaves nothing
   */
  override forward(x: Tensor): Tensor {
    return this.applyWeight(x, this.weight);
  }

  /** See {@link Weighted.applyWeight}. */
  override applyWeight(x: Tensor, weight: Tensor): Tensor {
    checkSpatial(`${this}.forward(x)`, x, weight.rank - 2);
    checkFeatures(this, x, 1, this.#inputs, "channels");
    return this.#apply(x, weight, this.bias, this.#moves);
  }

  /** What all convolutions have in common, for their `traits`. */
  protected convolutionTraits(op: string): LayerTraits {
    const { weight, bias, outputs } = this;
    const [, , ...kernel] = weight.shape;
    const size = kernel.length === 1 ? kernel[0] : kernel;
    return {
      constructorArguments: [this.#inputs, outputs, size, { ...this.#moves, bias: bias !== null }],
      keepsNothing: true,
      op: [op, weight, bias, this.#moves],
      channels: () => outputs,
      rank: () => weight.rank,
      channelAxis: "second",
    };
  }

  /** What all convolutions have in common, for their `toString`. */
  protected titleOf(name: string): string {
    const [, , ...kernel] = this.weight.shape;
    const isCube = kernel.every((size) => size === kernel[0]);
    return `${name}(${this.#inputs}, ${this.outputs}, ${isCube ? kernel[0] : `[${kernel.join(", ")}]`})`;
  }
}
