import type { Tensor } from "../../tensor.js";
import { type AffineLayer, type AffineWeights, parameterLike } from "../affine-weights.js";
import { Module } from "../module.js";

/**
 * A layer that applies one weight, and a bias: {@link Linear}, {@link Conv1d}, {@link Conv2d}, {@link ConvTranspose2d}.
 */
export abstract class Weighted extends Module implements AffineLayer {
  /** What x is multiplied by; its shape is the layer's own. */
  abstract weight: Tensor;
  /** What is added, one value for each output; null without. */
  abstract bias: Tensor | null;
  /** Independent groups of channels; 1 where each output is of all inputs. */
  readonly groups: number = 1;

  /** The axis of the weight that the outputs of a group lie along; the inputs lie along the other of the first two. */
  get outputAxis(): 0 | 1 {
    return 0;
  }

  /** Channels of y. */
  get outputs(): number {
    return this.weight.shape[this.outputAxis] * (this.outputAxis === 1 ? this.groups : 1);
  }

  /** Applies the layer with another weight of the same shape, such as one that is computed. */
  abstract applyWeight(x: Tensor, weight: Tensor): Tensor;

  /** @internal Weight and bias in float64. */
  affineWeights(): AffineWeights {
    const { weight, bias, outputs, groups, outputAxis } = this;
    // (major, minor / groups, taps): the channels of the other side follow those of one side, within their group.
    const [major, minor, ...kernel] = weight.shape;
    const taps = kernel.reduce((product, extent) => product * extent, 1);
    const majorOf = (i: number): number => Math.floor(i / (minor * taps));
    const minorOf = (i: number): number =>
      Math.floor(majorOf(i) / (major / groups)) * minor + (Math.floor(i / taps) % minor);
    return {
      weight: Float64Array.from(weight.dataSync()),
      bias: bias === null ? new Float64Array(outputs) : Float64Array.from(bias.dataSync()),
      inputs: outputAxis === 1 ? major : minor * groups,
      outputOf: outputAxis === 1 ? minorOf : majorOf,
      inputOf: outputAxis === 1 ? majorOf : minorOf,
    };
  }

  /** @internal Takes other values, rounded once; a bias is added where there is none and one is needed. */
  setAffineWeights({ weight, bias }: AffineWeights): void {
    this.weight = parameterLike(this.weight, weight, this.weight.shape);
    if (this.bias !== null || bias.some((value) => value !== 0)) {
      this.bias = parameterLike(this.bias, bias, [bias.length]);
    }
  }
}
