import { record } from "../autograd.js";
import { ArgumentError, DataError, ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import { checkTensor, empty, Tensor, upload } from "../tensor.js";
import { tracer } from "../tracing.js";
import { checkHasValues } from "./empty-axes.js";

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** The share of the target spread evenly over all classes (Szegedy et al. 2016, arXiv:1512.00567 §7), in [0, 1). @defaultValue 0 */
  readonly labelSmoothing?: number;
  /** A weight ≥ 0 for each class; the mean is then weighted by the labels' weights. @defaultValue 1 each */
  readonly classWeights?: readonly number[] | Float32Array;
}

/**
 * The mean over rows of −Σ_c q_c·w_c·ln softmax(logits)_c, where q is the one-hot label, smoothed; divided by Σ w[label], as in
 * PyTorch.
 *
 * @param logits - (N, classes), N ≥ 1
 * @param labels - N whole numbers in [0, classes)
 * @returns a scalar
 * @throws DataError if a label is out of range, naming its row
 * @throws ShapeError if there are not as many labels as rows
 * @example
 * ```ts
 * crossEntropy(tensor([[0, 0]]), [1]).item(); // 0.6931472, that is ln 2
 * ```
 */
export function crossEntropy(
  logits: Tensor,
  labels: Int32Array | readonly number[],
  { labelSmoothing = 0, classWeights }: CrossEntropyOptions = {},
): Tensor {
  tracer?.refuse("crossEntropy()", "Apply losses to what the module returns.");
  const where = "crossEntropy(logits, labels)";
  checkTensor(where, logits);
  const [rows, classes] = logits.shape;
  if (labels?.length === undefined) {
    throw new ArgumentError({
      where,
      expected: "labels as an array of class numbers",
      received: labels instanceof Tensor ? labels.title : String(labels),
      cure: "Pass a number from 0 for each sample, such as [2, 0, 1], instead of a tensor or one-hot rows.",
    });
  }
  if (logits.rank > 2 && logits.size === labels.length * classes) {
    throw new ShapeError({
      where,
      expected: "logits (N, classes), and N labels",
      received: `${formatShape(logits.shape)} and ${labels.length} labels`,
      cure: "Move the classes behind all other axes with transpose(), and reshape to [-1, classes].",
    });
  }
  if (logits.rank !== 2 || rows === 0 || labels.length !== rows) {
    throw new ShapeError({
      where,
      expected: "logits (N, classes) with N ≥ 1, and N labels",
      received: `${formatShape(logits.shape)} and ${labels.length} labels`,
      cure: "Pass one label for each row of logits.",
    });
  }
  checkHasValues(where, logits.shape, [1], "Give the network one output for each class.");
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new ArgumentError({
      where,
      expected: "labelSmoothing from 0 up to, not including, 1",
      received: String(labelSmoothing),
      cure: "Pass a share such as 0.1.",
    });
  }
  checkLabels(where, labels, classes);
  const { backend } = logits;
  const labelTensor = upload("crossEntropy", backend, [rows], Int32Array.from(labels));
  const weights = classWeights === undefined ? null : uploadWeights(where, logits, labels, classWeights);
  const logProbabilities = empty("crossEntropy", backend, logits.shape);
  const loss = empty("crossEntropy", backend, []);
  backend.crossEntropy(
    logits.block,
    labelTensor.block,
    weights?.block ?? null,
    labelSmoothing,
    rows,
    classes,
    logProbabilities.block,
    loss.block,
  );
  const saved = weights === null ? [logProbabilities, labelTensor] : [logProbabilities, labelTensor, weights];
  record("crossEntropy", loss, [logits], saved, (dloss, [logs, targets, w]) => {
    const dlogits = empty("crossEntropy", backend, [rows, classes]);
    backend.crossEntropyGradient(
      dloss.block,
      logs.block,
      targets.block,
      w?.block ?? null,
      labelSmoothing,
      rows,
      classes,
      dlogits.block,
    );
    return [dlogits];
  });
  for (const t of saved) t.dispose();
  return loss;
}

/** Checks that every label is a class. @throws DataError naming the first row that is not */
export function checkLabels(where: string, labels: ArrayLike<number>, classes: number): void {
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    if (label === -100) {
      throw new DataError({
        where,
        expected: `labels from 0 to ${classes - 1}`,
        received: `-100 in row ${row}`,
        cure: "No label is ignored: leave out the rows that have none, of logits and of labels.",
      });
    }
    throw new DataError({
      where,
      expected: `labels from 0 to ${classes - 1}`,
      received: `${label} in row ${row}`,
      cure: "Number the classes from 0, and give the network one output for each.",
    });
  }
}

function uploadWeights(
  where: string,
  logits: Tensor,
  labels: Int32Array | readonly number[],
  classWeights: readonly number[] | Float32Array,
): Tensor {
  const values = Float32Array.from(classWeights);
  if (values.length !== logits.shape[1] || values.some((w) => !(w >= 0 && w < Number.POSITIVE_INFINITY))) {
    throw new ArgumentError({
      where,
      expected: `${logits.shape[1]} finite class weights of at least 0`,
      received: `[${[...values].join(", ")}]`,
      cure: "Pass one weight for each class.",
    });
  }
  if (labels.every((label) => values[label] === 0)) {
    throw new DataError({
      where,
      expected: "a label whose class weight is above 0",
      received: `${labels.length} labels of weight 0`,
      cure: "Give their classes a weight, or leave out batches of them alone: a mean over no weight is not defined.",
    });
  }
  return upload("crossEntropy", logits.backend, [values.length], values);
}
