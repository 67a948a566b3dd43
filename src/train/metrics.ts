import type { Communicator } from "../communicator.js";
import { exp } from "../elementary.js";
import { ArgumentError, DataError } from "../errors.js";
import type { Shape } from "../shape.js";
import { shown } from "../shown.js";
import { rocAuc } from "./roc-auc.js";
import { classLayout, predictedClass } from "./step.js";

/**
 * What {@link evaluate} measures besides loss and accuracy. `"f1"`: the harmonic mean of precision and recall, 2tp /
 * (2tp + fp + fn). `"meanIou"`: the intersection over union, tp / (tp + fp + fn). `"auc"`: the area under the ROC
 * curve, that is, the probability that a sample of a class gets a higher score for it than one of another (equal scores
 * count half). Each is the mean over classes (macro): for labels by the largest output, and for `"auc"` each class
 * against the rest by its softmax; for targets of 0 and 1 by the sign of each output. Classes for which it is not
 * defined are left out: those that are nowhere and never predicted or, for `"auc"`, those that no sample or every one
 * has.
 */
export type MetricName = "f1" | "meanIou" | "auc";

/** Values of {@link MetricName}; null where no class defines them. */
export type Metrics = Readonly<Partial<Record<MetricName, number | null>>>;

const names: readonly MetricName[] = ["f1", "meanIou", "auc"];

/** @throws ArgumentError if they are no list, or one of the names is none */
export function checkMetrics(where: string, wanted: readonly MetricName[]): readonly MetricName[] {
  const stray = Array.isArray(wanted) ? wanted.find((name) => !names.includes(name)) : wanted;
  if (stray === undefined) return wanted;
  throw new ArgumentError({
    where: `${where.slice(0, -1)}, { metrics })`,
    expected: `a list of some of ${names.join(", ")}`,
    received: shown(stray),
    cure: "Correct the name.",
  });
}

/** Gathers over the batches of an evaluation what metrics are made of. */
export class MetricCounts {
  readonly #where: string;
  readonly #wanted: readonly MetricName[];
  /** Right, wrongly taken for it, and missed, for each class. */
  #counts = new Float64Array();
  /** For each class, a score and whether it is right, one after the other. */
  #scores: number[][] = [];

  /** @throws ArgumentError if one of the names is none */
  constructor(where: string, wanted: readonly MetricName[]) {
    this.#where = where;
    this.#wanted = checkMetrics(where, wanted);
  }

  /** Takes the outputs of a batch. @param truth - labels, or a value of 0 or 1 for each output */
  add(outputs: Float32Array, shape: Shape, truth: ArrayLike<number>, isLabels: boolean): void {
    const classes = isLabels && shape.length > 2 ? classLayout(shape, truth.length).classes : (shape[1] ?? 1);
    if (this.#counts.length === 0) {
      this.#counts = new Float64Array(3 * classes);
      this.#scores = Array.from({ length: classes }, () => []);
    }
    if (isLabels) this.#addLabels(outputs, shape, truth, classes);
    else this.#addTargets(outputs, shape, truth, classes);
  }

  #count(k: number, isTaken: boolean, isTrue: boolean): void {
    if (isTaken && isTrue) this.#counts[3 * k]++;
    else if (isTaken) this.#counts[3 * k + 1]++;
    else if (isTrue) this.#counts[3 * k + 2]++;
  }

  #addLabels(outputs: Float32Array, shape: Shape, labels: ArrayLike<number>, classes: number): void {
    if (labels.length === 0) return;
    const layout = classLayout(shape, labels.length);
    for (let row = 0; row < labels.length; row++) {
      const label = labels[row];
      if (!(label >= 0 && label < classes)) continue;
      const taken = predictedClass(outputs, layout, row);
      if (taken >= 0) this.#count(taken, true, taken === label);
      if (taken !== label) this.#count(label, false, true);
      if (!this.#wanted.includes("auc")) continue;
      const inner = row % layout.step;
      const at = (k: number): number => outputs[(row - inner) * classes + inner + k * layout.step];
      const top = taken < 0 ? Number.NaN : at(taken);
      let total = 0;
      for (let k = 0; k < classes; k++) total += exp(at(k) - top);
      for (let k = 0; k < classes; k++) this.#scores[k].push(exp(at(k) - top) / total, Number(k === label));
    }
  }

  #addTargets(outputs: Float32Array, shape: Shape, targets: ArrayLike<number>, classes: number): void {
    const inner = shape.slice(2).reduce((product, size) => product * size, 1);
    for (let i = 0; i < outputs.length; i++) {
      if (targets[i] !== 0 && targets[i] !== 1) {
        throw new DataError({
          where: `${this.#where.slice(0, -1)}, { metrics })`,
          expected: "labels, or targets of 0 and 1 for each output",
          received: String(targets[i]),
          cure: "Leave the metrics out where numbers are predicted.",
        });
      }
      const k = Math.floor(i / inner) % classes;
      this.#count(k, outputs[i] > 0, targets[i] === 1);
      if (this.#wanted.includes("auc")) this.#scores[k].push(outputs[i], targets[i]);
    }
  }

  /** The metrics over all ranks. */
  read(communicator: Communicator): Metrics {
    const counts = this.#counts;
    communicator.allReduceSum(counts, "counts of the metrics");
    const classes = Array.from({ length: counts.length / 3 }, (_, k) => [...counts.subarray(3 * k, 3 * k + 3)]);
    const ratio = (above: number, below: number): number | null => (below === 0 ? null : above / below);
    const values: Record<MetricName, () => number | null> = {
      f1: () => meanOf(classes.map(([hit, wrong, missed]) => ratio(2 * hit, 2 * hit + wrong + missed))),
      meanIou: () => meanOf(classes.map(([hit, wrong, missed]) => ratio(hit, hit + wrong + missed))),
      auc: () => meanOf(this.#scores.map((own) => rocAuc(gathered(communicator, own)))),
    };
    return Object.fromEntries(
      names.filter((name) => this.#wanted.includes(name)).map((name) => [name, values[name]()]),
    );
  }
}

function meanOf(values: readonly (number | null)[]): number | null {
  const defined = values.filter((value) => value !== null);
  return defined.length === 0 ? null : defined.reduce((total, value) => total + value, 0) / defined.length;
}

/** The numbers of all ranks, of which each has another count. */
function gathered(communicator: Communicator, own: readonly number[]): Float64Array {
  if (communicator.size === 1) return Float64Array.from(own);
  const lengths = communicator.allGather(Float64Array.of(own.length), "numbers of scores");
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const padded = new Float64Array(longest);
  padded.set(own);
  const all = communicator.allGather(padded, "scores");
  return Float64Array.from(
    [...lengths].flatMap((length, rank) => [...all.subarray(rank * longest, rank * longest + length)]),
  );
}
