/**
 * From where on a figure of a norm is a fault, whoever looks at it: the diagnosis of a model in hand, or the inspection
 * of a file.
 */
export const normThresholds = {
  /** |γ| below which a channel is switched off; γ starts at 1. */
  weight: 0.01,
  /** Variance, in units of eps: at 1 the output's deviation is 0.7 of what γ says. */
  variance: 1,
  /** Momentum below which that of PyTorch is meant, which weighs the new value. */
  momentum: 0.5,
} as const;

/** How many values pass a test. */
function count(values: ArrayLike<number>, test: (value: number) => boolean): number {
  let found = 0;
  for (let k = 0; k < values.length; k++) if (test(values[k])) found++;
  return found;
}

/** How many channels a weight switches off. */
export function switchedOff(weight: ArrayLike<number>): number {
  return count(weight, (value) => Math.abs(value) < normThresholds.weight);
}

/** How many channels have a variance that is lost in eps. */
export function lostInEps(variance: ArrayLike<number>, eps: number): number {
  return count(variance, (value) => value >= 0 && value < normThresholds.variance * eps);
}

/** Whether running statistics are what they are at first: mean 0 and variance 1. */
export function neverUpdated(mean: ArrayLike<number>, variance: ArrayLike<number>): boolean {
  const { length } = variance;
  return (
    length > 0 && count(mean, (value) => value === 0) === length && count(variance, (value) => value === 1) === length
  );
}

/** The numbers of a norm, as far as they are known. */
export interface NormNumbers {
  /** Weight, bias, mean and variance. */
  readonly parameters: Readonly<Partial<Record<string, Float64Array>>>;
  /** What is added under the root; null of kinds without. */
  readonly eps: number | null;
  /** The weight of the old running value; null where there is none. */
  readonly momentum?: number | null;
}

/** What is wrong or suspicious about a norm, in sentences. @param system - whose momentum it is */
export function* normFindings({ parameters, eps, momentum = null }: NormNumbers, system: string): Iterable<string> {
  for (const [name, values = []] of Object.entries(parameters)) {
    const bad = count(values, (value) => !Number.isFinite(value));
    if (bad > 0) yield `${name}: ${bad} of ${values.length} values are NaN or infinite`;
    const off = name === "weight" ? switchedOff(values) : 0;
    if (off > 0) yield `weight: ${off} of ${values.length} are next to 0, which switches their channels off`;
  }
  if (eps === 0) yield "eps is 0: a channel without variance gives NaN or infinity";
  if (momentum !== null) yield* momentumFindings(momentum, system);
  const { mean, variance } = parameters;
  if (variance === undefined) return;
  const negative = count(variance, (value) => value < 0);
  if (negative > 0) yield `running variance: ${negative} of ${variance.length} values are negative`;
  const lost = lostInEps(variance, eps ?? 0);
  if (lost > 0)
    yield `running variance: ${lost} of ${variance.length} values are below eps: those channels hardly vary`;
  if (mean !== undefined && neverUpdated(mean, variance))
    yield "its running statistics were never updated (mean 0, variance 1): recalibrate it";
}

function* momentumFindings(momentum: number, system: string): Iterable<string> {
  const shown = Number(momentum.toPrecision(6));
  if (momentum < normThresholds.momentum) {
    const other = Number((1 - momentum).toPrecision(6));
    yield `momentum ${shown} weighs the old running value in ${system}: PyTorch's convention, exported by mistake; ${other} is meant`;
  } else if (momentum > 1) yield `momentum ${shown} is above 1`;
}
