/** What is known of some values: how many they are, their mean, and M2 = Σ(x − mean)². */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly m2: number;
}

/** The moments of two sets of values together (Chan, Golub & LeVeque 1983, equation 2.1). */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const delta = b.mean - a.mean;
  const m2 = a.m2 + b.m2 + delta * delta * ((a.count * b.count) / count);
  return { count, mean: a.mean + delta * (b.count / count), m2 };
}

/** Reads one of the moments that lie one after another as (count, mean, M2). */
export function momentsAt(values: Float64Array, at: number): Moments {
  return { count: values[at], mean: values[at + 1], m2: values[at + 2] };
}

/** Merges moments, (count, mean, M2) for each channel in rows as long as `merged`, into `merged`, in their order. */
export function mergeRows(merged: Float64Array, rows: Float64Array): void {
  for (let at = 0; at < rows.length; at += 3) {
    const channel = at % merged.length;
    const { count, mean, m2 } = mergeMoments(momentsAt(merged, channel), momentsAt(rows, at));
    merged[channel] = count;
    merged[channel + 1] = mean;
    merged[channel + 2] = m2;
  }
}
