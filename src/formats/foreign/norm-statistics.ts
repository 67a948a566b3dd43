/** The smallest and the largest of some numbers, and their average. */
export interface ParameterRange {
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
  /** The average. */
  readonly mean: number;
}

/** The range of some numbers. */
export function rangeOf(values: Float64Array): ParameterRange {
  let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of values) {
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
  }
  return { min, max, mean: sum / values.length };
}

/** A weight this much smaller than the layer's largest has switched its channel off. */
const nearZero = 1e-3;

/** What the values of a normalisation's parameter show, in sentences. */
export function* parameterFindings(name: string, values: Float64Array): Iterable<string> {
  const bad = values.reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0);
  if (bad > 0) yield `${name}: ${bad} of ${values.length} values are NaN or infinite`;
  if (name !== "weight") return;
  const limit = nearZero * values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = values.reduce((count, value) => count + (Math.abs(value) <= limit ? 1 : 0), 0);
  if (off > 0) yield `weight: ${off} of ${values.length} are next to 0, which switches their channels off`;
}

/** What running statistics show, in sentences. @param mean - null where it is not known */
export function* statisticsFindings(mean: Float64Array | null, variance: Float64Array, eps: number): Iterable<string> {
  const count = (test: (value: number) => boolean): number =>
    variance.reduce((n, value) => n + (test(value) ? 1 : 0), 0);
  const negative = count((value) => value < 0);
  const small = count((value) => value >= 0 && value < eps);
  const all = variance.length;
  if (negative > 0) yield `running variance: ${negative} of ${all} values are negative`;
  if (small > 0) yield `running variance: ${small} of ${all} values are below eps: those channels hardly vary`;
  const isInitial = mean?.every((value) => value === 0) === true && count((value) => value === 1) === all;
  if (all > 0 && isInitial) yield "its running statistics were never updated (mean 0, variance 1): recalibrate it";
}

/** What momentum shows, where it weighs the old running value. @param format - whose file it is */
export function* momentumFindings(momentum: number, format: string): Iterable<string> {
  if (momentum < 0.5) {
    const other = Number((1 - momentum).toPrecision(6));
    yield `momentum ${Number(momentum.toPrecision(6))} weighs the old running value in ${format}: PyTorch's convention, exported by mistake; ${other} is meant`;
  } else if (momentum > 1) yield `momentum ${Number(momentum.toPrecision(6))} is above 1`;
}
