import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { Generator } from "../random.js";
import { checkCount } from "../shape.js";
import { rowsByClass } from "./rows-by-class.js";

/** Options of {@link kFolds}. */
export interface KFoldsOptions {
  /** How many parts, ≥ 2; at most the samples. */
  readonly folds: number;
  /** An integer in [0, 2³²). Equal seeds, equal folds. */
  readonly seed: number;
}

/** One of the splits of {@link kFolds}. */
export interface Fold {
  /** Samples to train with, ascending: those of all other parts. */
  readonly train: Uint32Array;
  /** Samples to test with, ascending. */
  readonly test: Uint32Array;
}

/**
 * Splits for cross-validation: samples are dealt into parts in which each class has its share (stratified), and each
 * part is the test set of one fold. Sizes differ by one at most.
 *
 * @param labels - the class of each sample; for regression, one class for all
 * @throws ArgumentError if there are fewer than two folds, or fewer samples than folds
 * @example
 * ```ts
 * const folds = kFolds([0, 0, 1, 1, 1, 0], { folds: 3, seed: 1 });
 * folds.map(({ train, test }) => [train.length, test.length]); // [[4, 2], [4, 2], [4, 2]]
 * ```
 */
export function kFolds(labels: ArrayLike<number>, options: KFoldsOptions): Fold[] {
  const { folds, seed } = options;
  const where = "kFolds(labels, { folds, seed })";
  checkOptions(where, options, { folds: true, seed: true });
  checkCount(where, "folds", folds, 2);
  if (labels.length < folds) {
    const cure = "Use fewer folds.";
    throw new ArgumentError({ where, expected: `at least ${folds} samples`, received: String(labels.length), cure });
  }
  const generator = new Generator(seed);
  const partOf = new Uint32Array(labels.length);
  // Dealt one after another through all classes, so that parts differ by one at most, of each class and in all.
  let next = 0;
  for (const rows of rowsByClass(labels)) {
    for (const place of generator.permutation(rows.length)) partOf[rows[place]] = next++ % folds;
  }
  const numbers = Uint32Array.from({ length: labels.length }, (_, k) => k);
  return Array.from({ length: folds }, (_, fold) => ({
    train: numbers.filter((k) => partOf[k] !== fold),
    test: numbers.filter((k) => partOf[k] === fold),
  }));
}
