/** Count, mean and M2 of each channel of a batch of shape (N, C, …), by two passes. */
export function channelMoments(
  values: ArrayLike<number>,
  [samples, channels, ...spatial]: readonly number[],
): Float64Array {
  const inner = spatial.reduce((product, extent) => product * extent, 1);
  const count = samples * inner;
  const moments = new Float64Array(3 * channels);
  if (count === 0) return moments;
  for (let c = 0; c < channels; c++) {
    const each = (visit: (value: number) => void): void => {
      for (let n = 0; n < samples; n++) {
        const start = (n * channels + c) * inner;
        for (let i = start; i < start + inner; i++) visit(values[i]);
      }
    };
    const first = values[c * inner];
    let sum = 0;
    each((value) => {
      sum += value - first;
    });
    const mean = first + sum / count;
    let m2 = 0;
    each((value) => {
      m2 += (value - mean) ** 2;
    });
    moments.set([count, mean, m2], 3 * c);
  }
  return moments;
}
