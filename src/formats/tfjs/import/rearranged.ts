import { permuted } from "../../foreign/permuted.js";

/** Numbers with their shape. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The same numbers with axis `axes[k]` as axis k. */
export function rearranged({ shape, data }: Numbers, axes: readonly number[]): Numbers {
  return { shape: axes.map((axis) => shape[axis]), data: permuted(data, shape, axes) };
}

/**
 * Features of planes, as many for each position, as those of one channel after another.
 *
 * @param inner - numbers of each feature
 */
export function featuresByChannel(data: Float64Array, channels: number, inner = 1): Float64Array {
  const positions = data.length / inner / channels;
  return rearranged({ shape: [positions, channels, inner], data }, [1, 0, 2]).data;
}
