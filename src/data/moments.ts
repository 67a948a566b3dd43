/** Where values lie and how far they spread. */
export interface Moments {
  readonly mean: number;
  /** > 0 */
  readonly deviation: number;
}

/** Mean and biased deviation; a column that does not vary keeps its scale. */
export function momentsOf(values: ArrayLike<number>): Moments {
  if (values.length === 0) return { mean: 0, deviation: 1 };
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += values[k];
  const mean = sum / values.length;
  let squares = 0;
  for (let k = 0; k < values.length; k++) squares += (values[k] - mean) ** 2;
  const deviation = Math.sqrt(squares / values.length);
  return { mean, deviation: deviation > 0 ? deviation : 1 };
}
