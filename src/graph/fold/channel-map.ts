import type { ChannelMap } from "../../nn/layer-traits.js";

/** What one map after another does: x → after(before(x)). */
export function composeMaps(after: ChannelMap, before: ChannelMap): ChannelMap {
  return {
    scale: after.scale.map((value, c) => value * before.scale[c]),
    shift: after.scale.map((value, c) => value * before.shift[c] + after.shift[c]),
  };
}

/** The parameters of a batch norm: weight and bias as far as it has them, and statistics. */
export interface BatchNormParameters {
  readonly weight?: Float64Array;
  readonly bias?: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** The map of a norm: scale = weight / √(variance + eps), shift = bias − mean · scale; a text says why it has none. */
export function fixedMap(parameters: BatchNormParameters, eps: number): ChannelMap | string {
  const { weight, bias, mean, variance } = parameters;
  for (const [name, values] of Object.entries(parameters)) {
    const channel = values.findIndex((value: number) => !Number.isFinite(value));
    if (channel >= 0) return `its ${name} of channel ${channel} is ${values[channel]}`;
  }
  const channel = variance.findIndex((value) => !(value + eps > 0));
  if (channel >= 0)
    return `its variance of channel ${channel} is ${variance[channel]}, with eps ${Number(eps.toPrecision(7))}`;
  const scale = variance.map((value, c) => (weight?.[c] ?? 1) / Math.sqrt(value + eps));
  return { scale, shift: scale.map((value, c) => (bias?.[c] ?? 0) - mean[c] * value) };
}
