import { ArgumentError, DataError, ShapeError } from "../errors.js";
import { formatShape, sizeOf } from "../shape.js";
import { Tensor } from "../tensor.js";
import { checkHasValues } from "./empty-axes.js";
import { indexSelect } from "./gather.js";
import { reshape } from "./reshape.js";
import { permute } from "./transpose.js";

/** Class numbers: one for each sample or, of logits (N, classes, …), one for each place, row-major. */
export type Labels = Int32Array | readonly number[];

/** Logits as rows of classes, and the label of each. */
export interface ClassRows {
  /** (rows, classes) */
  readonly rows: Tensor;
  readonly labels: Labels;
}

/** What `ignoreIndex` is where nobody says otherwise, as in PyTorch. */
export const ignoredLabel = -100;

/**
 * The rows of logits (N, classes, …) that have a label which counts.
 *
 * @throws ArgumentError if the labels are no array
 * @throws ShapeError if there are not as many labels as rows
 * @throws DataError if a label is neither a class nor `ignoreIndex`, naming its row, or all are ignored
 */
export function classRows(where: string, logits: Tensor, labels: Labels, ignoreIndex: number): ClassRows {
  checkLabelCount(where, logits, labels);
  const [, classes] = logits.shape;
  const real = realRows(where, labels, classes, ignoreIndex);
  const rows = logits.rank === 2 ? logits : classesLast(logits);
  if (real === null) return { rows, labels };
  return { rows: indexSelect(rows, real), labels: Int32Array.from(real, (row) => labels[row]) };
}

/** (N, classes, …) as (N · …, classes). */
function classesLast(logits: Tensor): Tensor {
  const places = logits.shape.slice(2).map((_, k) => k + 2);
  return reshape(permute(logits, [0, ...places, 1]), [-1, logits.shape[1]]);
}

/** @throws if logits are not (N, classes, …) with a label for each row */
export function checkLabelCount(where: string, logits: Tensor, labels: Labels): void {
  if (labels?.length === undefined || typeof labels === "string") {
    throw new ArgumentError({
      where,
      expected: "labels as an array of class numbers",
      received: labels instanceof Tensor ? (labels as Tensor).title : String(labels),
      cure: "Pass a number from 0 for each sample, such as [2, 0, 1], or a tensor of probabilities of the logits' shape.",
    });
  }
  const [rows = 0, , ...places] = logits.shape;
  if (logits.rank < 2 || rows === 0 || labels.length !== rows * sizeOf(places)) {
    const areLast = logits.rank > 2 && labels.length * (logits.shape.at(-1) ?? 0) === logits.size;
    throw new ShapeError({
      where,
      expected:
        places.length === 0
          ? "logits (N, classes) with N ≥ 1, and N labels"
          : "logits (N, classes, …), and a label for each place",
      received: `${formatShape(logits.shape)} and ${labels.length} labels`,
      cure: areLast ? "Move the classes to axis 1 with permute()." : "Pass one label for each row of logits.",
    });
  }
  checkHasValues(where, logits.shape, [1], "Give the network one output for each class.");
}

/**
 * The rows whose label is not to be ignored; null: all.
 *
 * @throws DataError if a label is neither a class nor to be ignored, naming its row, or all are ignored
 */
export function realRows(where: string, labels: Labels, classes: number, ignoreIndex: number): Int32Array | null {
  let ignored = 0;
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    if (label === ignoreIndex) ignored++;
    else if (!(Number.isInteger(label) && label >= 0 && label < classes)) throw noClass(where, label, row, classes);
  }
  if (ignored === 0) return null;
  if (ignored < labels.length) {
    const real = new Int32Array(labels.length - ignored);
    for (let row = 0, at = 0; row < labels.length; row++) if (labels[row] !== ignoreIndex) real[at++] = row;
    return real;
  }
  throw new DataError({
    where,
    expected: "a label that is not ignored",
    received: `${labels.length} labels of ${ignoreIndex}`,
    cure: "Leave out batches without a label that counts: a mean over none is not defined.",
  });
}

function noClass(where: string, label: number, row: number, classes: number): DataError {
  const isMark = label === 255 || label === -1;
  return new DataError({
    where,
    expected: `labels from 0 to ${classes - 1}`,
    received: `${label} in row ${row}`,
    cure: `Number the classes from 0, and give the network one output for each.${
      isMark ? ` If ${label} marks what has no label, pass { ignoreIndex: ${label} }.` : ""
    }`,
  });
}

/** @throws ArgumentError unless there is one finite weight ≥ 0 for each class */
export function checkClassWeights(
  where: string,
  classWeights: readonly number[] | Float32Array,
  classes: number,
): Float32Array {
  const values = Float32Array.from(classWeights);
  if (values.length === classes && values.every((w) => w >= 0 && w < Number.POSITIVE_INFINITY)) return values;
  throw new ArgumentError({
    where,
    expected: `${classes} finite class weights of at least 0`,
    received: `[${[...values].join(", ")}]`,
    cure: "Pass one weight for each class.",
  });
}
