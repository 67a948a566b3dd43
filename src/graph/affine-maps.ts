import type { AffineWeights } from "../nn/affine-weights.js";
import type { ChannelMap } from "../nn/layer-traits.js";

/** Weights of a layer with the map behind it. */
export function mapOutputs(layer: AffineWeights, { scale, shift }: ChannelMap): AffineWeights {
  return {
    ...layer,
    weight: layer.weight.map((value, i) => value * scale[layer.outputOf(i)]),
    bias: layer.bias.map((value, o) => value * scale[o] + shift[o]),
  };
}

/** Weights of a layer with the map before it; each channel of the map is that of `inputs / channels` inputs of the layer. */
export function mapInputs(layer: AffineWeights, { scale, shift }: ChannelMap): AffineWeights {
  const spread = layer.inputs / scale.length;
  const channelOf = (i: number): number => Math.floor(layer.inputOf(i) / spread);
  const bias = layer.bias.slice();
  layer.weight.forEach((value, i) => {
    bias[layer.outputOf(i)] += value * shift[channelOf(i)];
  });
  return { ...layer, weight: layer.weight.map((value, i) => value * scale[channelOf(i)]), bias };
}

/** Whether all values fit float32. */
export function fitsFloat32({ weight, bias }: AffineWeights): boolean {
  const fits = (value: number): boolean => Number.isFinite(Math.fround(value));
  return weight.every(fits) && bias.every(fits);
}
