import type { ChannelMap } from "../../nn/layer-traits.js";

/** A weight, and which output and which input channel each of its values connects. */
export interface Kernel {
  readonly values: Float64Array;
  readonly outputs: number;
  readonly outputOf: (i: number) => number;
  readonly inputOf: (i: number) => number;
}

/** A layer whose outputs are weighted sums of its inputs, y = gain · kernels · x + bias, in float64. */
export interface LinearMap {
  /** Applied one after another; nearly always one. */
  readonly kernels: readonly Kernel[];
  /** One value for each output, or rows of these; null where there is none. */
  readonly bias: Float64Array | null;
  /** Channels of x. */
  readonly inputs: number;
  /** Channels of y. */
  readonly outputs: number;
  /** What the product is multiplied by. @defaultValue 1 */
  readonly gain?: number;
  /**
   * Why a shift of all inputs is not one of all outputs, as where zeros are padded; null where it is.
   *
   * @defaultValue null
   */
  readonly edge?: string | null;
}

/** A norm as what follows x̂: one weight for each channel. */
export function diagonal(weight: Float64Array, bias: Float64Array | null): LinearMap {
  const same = (i: number): number => i;
  const channels = { inputs: weight.length, outputs: weight.length };
  return { ...channels, kernels: [{ values: weight, outputs: weight.length, outputOf: same, inputOf: same }], bias };
}

/** A layer with a map behind it: weight ← scale · weight, bias ← scale · bias + shift. */
export function mapOutputs<L extends LinearMap>(layer: L, { scale, shift }: ChannelMap): L {
  const kernels = [...layer.kernels];
  const last = kernels[kernels.length - 1];
  kernels[kernels.length - 1] = { ...last, values: last.values.map((value, i) => value * scale[last.outputOf(i)]) };
  const bias = layer.bias?.map((value, i) => value * scale[i % scale.length]) ?? null;
  return { ...layer, kernels, bias: plus(bias, shift) };
}

/** A layer with a map before it: weight ← weight · scale, bias ← bias + Σ weight · shift. */
export function mapInputs<L extends LinearMap>(layer: L, { scale, shift }: ChannelMap): L {
  const { gain = 1 } = layer;
  const [first, ...others] = layer.kernels;
  const values = first.values.map((value, i) => value * scale[first.inputOf(i)]);
  const added = layer.kernels.reduce(apply, shift).map((value) => gain * value);
  return { ...layer, kernels: [{ ...first, values }, ...others], bias: plus(layer.bias, added) };
}

/** What a kernel makes of an input with the same value at every position. */
function apply(x: Float64Array, { values, outputs, outputOf, inputOf }: Kernel): Float64Array {
  const y = new Float64Array(outputs);
  for (let i = 0; i < values.length; i++) y[outputOf(i)] += values[i] * x[inputOf(i)];
  return y;
}

/** No bias stays none where nothing is added. */
function plus(bias: Float64Array | null, added: Float64Array): Float64Array | null {
  if (bias !== null) return bias.map((value, i) => value + added[i % added.length]);
  return added.every((value) => value === 0) ? null : added;
}

/**
 * A layer that takes flattened images, by their channels; unchanged if it does not take so many.
 *
 * @param order - whether the positions of a channel lie together, or the channels of a position
 */
export function unflattened<L extends LinearMap>(layer: L, channels: number, order: "first" | "last"): L {
  const [first, ...others] = layer.kernels;
  const spread = layer.inputs / channels;
  if (!Number.isInteger(spread)) return layer;
  const inputOf = (i: number): number =>
    order === "first" ? Math.floor(first.inputOf(i) / spread) : first.inputOf(i) % channels;
  return { ...layer, kernels: [{ ...first, inputOf }, ...others], inputs: channels };
}
