/** The smallest and the largest of some numbers, and their average. */
export interface ParameterRange {
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
  /** The average. */
  readonly mean: number;
}

/** A normalisation of a model that another system wrote. */
export interface InspectedNorm {
  /** Its operator or class of layers, e.g. `BatchNormalization` or `FusedBatchNormV3`. */
  readonly kind: string;
  /** Its name, or its output's; before it what holds its graph, network or function, if that is not the main one. */
  readonly place: string;
  /** What makes its input: a node or layer, or `input NAME`. */
  readonly input: string;
  /** How many values its weight or mean has; null where it has none that is constant. */
  readonly channels: number | null;
  /** What is added under the root; of LRN its `bias`; null for kinds without. */
  readonly eps: number | null;
  /** Weight of the old running value; null for all but batch norms, and where a file does not keep it. */
  readonly momentum: number | null;
  /** Whether a batch norm uses running statistics or the batch's; null for other kinds. */
  readonly mode: "inference" | "training" | null;
  /** Other settings: axis, axes, groups, and the like. */
  readonly settings: Readonly<Record<string, number | readonly number[]>>;
  /** Ranges of weight, bias, mean and variance, as far as they are constant. */
  readonly parameters: Readonly<Record<string, ParameterRange>>;
  /** What is wrong or suspicious. */
  readonly findings: readonly string[];
  /** What a fold would make it part of; null if it would leave it. */
  readonly foldsInto: string | null;
  /** Why it would be left; null if it would not. */
  readonly leftBecause: string | null;
}

/** The ranges of parameters that have values. */
export function rangesOf(parameters: Readonly<Record<string, Float64Array>>): Record<string, ParameterRange> {
  const ranges: Record<string, ParameterRange> = {};
  for (const [name, values] of Object.entries(parameters)) {
    if (values.length === 0) continue;
    let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
    for (const value of values) {
      min = Math.min(min, value);
      max = Math.max(max, value);
      sum += value;
    }
    ranges[name] = { min, max, mean: sum / values.length };
  }
  return ranges;
}
