/** Rows of `inner` values with statistics of their own; the parameter of flat element i is ⌊i / repeat⌋ mod period. */
export interface Rows {
  readonly rows: number;
  readonly inner: number;
  readonly repeat: number;
  readonly period: number;
  /** Whether the mean is subtracted: not in RMS norm. */
  readonly centred?: boolean;
}

/** What goes into {@link standardizeRows}. */
export interface RowInputs {
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly dy: Float32Array;
  readonly eps: number;
}

/**
 * Normalisation of rows and its gradients, as the formulas stand, in float64: the oracle for sizes that fixtures do not
 * have.
 */
export function standardizeRows(
  { rows, inner, repeat, period, centred = true }: Rows,
  { x, weight, bias, dy, eps }: RowInputs,
): { y: Float64Array; dx: Float64Array; dweight: Float64Array; dbias: Float64Array } {
  const y = new Float64Array(x.length);
  const dx = new Float64Array(x.length);
  const dweight = new Float64Array(period);
  const dbias = new Float64Array(period);
  const mean = (values: Float64Array): number => {
    const first = values[0];
    return first + values.reduce((sum, value) => sum + (value - first), 0) / values.length;
  };
  for (let row = 0; row < rows; row++) {
    const start = row * inner;
    const parameter = (i: number): number => Math.floor((start + i) / repeat) % period;
    const own = Float64Array.from(x.subarray(start, start + inner));
    const centre = centred ? mean(own) : 0;
    const scale = 1 / Math.sqrt(mean(own.map((v) => (v - centre) ** 2)) + eps);
    const xHat = own.map((v) => (v - centre) * scale);
    const g = Float64Array.from(dy.subarray(start, start + inner), (v, i) => v * weight[parameter(i)]);
    const meanG = centred ? mean(g) : 0;
    const meanGxHat = mean(g.map((v, i) => v * xHat[i]));
    for (let i = 0; i < inner; i++) {
      const p = parameter(i);
      y[start + i] = weight[p] * xHat[i] + bias[p];
      dx[start + i] = scale * (g[i] - meanG - xHat[i] * meanGxHat);
      dweight[p] += dy[start + i] * xHat[i];
      dbias[p] += dy[start + i];
    }
  }
  return { y, dx, dweight, dbias };
}
