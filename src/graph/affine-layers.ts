import { tensor } from "../create.js";
import { ConvTranspose2d } from "../nn/conv-transpose2d.js";
import { Conv1d } from "../nn/conv1d.js";
import { Conv2d } from "../nn/conv2d.js";
import { Linear } from "../nn/linear.js";
import type { AnyModule } from "../nn/module.js";
import { BatchNorm } from "../nn/norms/batch-norm.js";
import { BatchRenorm } from "../nn/norms/batch-renorm.js";
import { InstanceNorm } from "../nn/norms/instance-norm.js";
import type { RunningNorm } from "../nn/norms/running-norm.js";
import type { Tensor } from "../tensor.js";
import type { ChannelMap } from "./channel-map.js";

/** A layer whose outputs are weighted sums of its inputs: what a {@link ChannelMap} before or behind it can be made part of. */
export type AffineLayer = Linear | Conv1d | Conv2d | ConvTranspose2d | RunningNorm;

/** Weight and bias of an {@link AffineLayer} in float64, and which output and input each weight connects. */
export interface AffineWeights {
  readonly weight: Float64Array;
  readonly bias: Float64Array;
  readonly inputs: number;
  /** The output channel of weight i. */
  readonly outputOf: (i: number) => number;
  /** The input channel of weight i. */
  readonly inputOf: (i: number) => number;
}

/** The `forward` of a class, whoever listens to this object. */
export function forwardOf(module: AnyModule): unknown {
  return module.hooked ? Object.getPrototypeOf(module).forward : module.forward;
}

/** Whether a module is of a class, or of one that has changed nothing about its forward pass. */
export function behavesAs<C extends AnyModule>(
  module: AnyModule,
  layerClass: abstract new (...given: never[]) => C,
): module is C {
  return module instanceof layerClass && forwardOf(module) === layerClass.prototype.forward;
}

/** Whether a norm is one of those whose running statistics make it a fixed map. */
export function isRunningNorm(module: AnyModule): module is RunningNorm {
  return behavesAs(module, BatchNorm) || behavesAs(module, BatchRenorm) || behavesAs(module, InstanceNorm);
}

/** Whether a layer is a linear one or a convolution. */
export function isProjection(module: AnyModule): module is Exclude<AffineLayer, RunningNorm> {
  return [Linear, Conv1d, Conv2d, ConvTranspose2d].some((layerClass) => behavesAs(module, layerClass));
}

/** A norm as the map that its running statistics make of it: scale = weight / √(variance + eps), shift = bias − mean · scale. */
export function channelMapOf({ runningMean, runningVar, weight, bias, eps, numFeatures }: RunningNorm): ChannelMap {
  const [mean, variance, factor, offset] = [runningMean, runningVar, weight, bias].map((t) => t?.dataSync());
  const scale = Float64Array.from(
    { length: numFeatures },
    (_, c) => (factor?.[c] ?? 1) / Math.sqrt((variance?.[c] ?? 1) + eps),
  );
  return { scale, shift: scale.map((value, c) => (offset?.[c] ?? 0) - (mean?.[c] ?? 0) * value) };
}

/** Weight and bias of a layer; of a norm those that follow x̂. */
export function affineWeights(layer: AffineLayer): AffineWeights {
  if ("numFeatures" in layer) {
    const { numFeatures } = layer;
    const values = (t: Tensor | null, otherwise: number): Float64Array =>
      t === null ? new Float64Array(numFeatures).fill(otherwise) : Float64Array.from(t.dataSync());
    const same = (i: number): number => i;
    return {
      ...{ weight: values(layer.weight, 1), bias: values(layer.bias, 0) },
      ...{ inputs: numFeatures, outputOf: same, inputOf: same },
    };
  }
  const groups = "groups" in layer ? layer.groups : 1;
  // (major, minor / groups, taps): the channels of the other side follow those of one side, within their group.
  const [major, minor, ...kernel] = layer.weight.shape;
  const taps = kernel.reduce((product, extent) => product * extent, 1);
  const majorOf = (i: number): number => Math.floor(i / (minor * taps));
  const minorOf = (i: number): number =>
    Math.floor(majorOf(i) / (major / groups)) * minor + (Math.floor(i / taps) % minor);
  const transposed = layer instanceof ConvTranspose2d;
  const outputs = transposed ? minor * groups : major;
  return {
    weight: Float64Array.from(layer.weight.dataSync()),
    bias: layer.bias === null ? new Float64Array(outputs) : Float64Array.from(layer.bias.dataSync()),
    inputs: transposed ? major : minor * groups,
    outputOf: transposed ? minorOf : majorOf,
    inputOf: transposed ? majorOf : minorOf,
  };
}

/** Gives a layer new values, rounded once; a missing weight or bias is added if they need one. */
export function setAffineWeights(layer: AffineLayer, { weight, bias }: AffineWeights): void {
  const shape = layer.weight?.shape ?? [weight.length];
  layer.weight = parameterLike(layer.weight, weight, shape);
  if (layer.bias !== null || bias.some((value) => value !== 0)) {
    layer.bias = parameterLike(layer.bias, bias, [bias.length]);
  }
}

/** A parameter of its own, since the old one may be shared. */
function parameterLike(old: Tensor | null, values: Float64Array, shape: readonly number[]): Tensor {
  const parameter = tensor(values, shape, { requiresGrad: true });
  parameter.requiresGrad = old?.requiresGrad ?? true;
  return parameter;
}
