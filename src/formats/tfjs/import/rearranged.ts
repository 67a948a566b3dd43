/** Numbers with their shape. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The same numbers with axis `axes[k]` as axis k. */
export function rearranged({ shape, data }: Numbers, axes: readonly number[]): Numbers {
  const strides = new Array<number>(shape.length).fill(1);
  for (let k = shape.length - 2; k >= 0; k--) strides[k] = strides[k + 1] * shape[k + 1];
  const permuted = axes.map((axis) => shape[axis]);
  const result = new Float64Array(data.length);
  const at = axes.map(() => 0);
  for (let i = 0, from = 0; i < result.length; i++) {
    result[i] = data[from];
    for (let k = axes.length - 1; k >= 0; k--) {
      from += strides[axes[k]];
      if (++at[k] < permuted[k]) break;
      from -= strides[axes[k]] * permuted[k];
      at[k] = 0;
    }
  }
  return { shape: permuted, data: result };
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
