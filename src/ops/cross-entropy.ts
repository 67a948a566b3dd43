import { record } from "../autograd.js";
import { ArgumentError, DataError, ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import { formatShape, sameShape } from "../shape.js";
import { checkTensor, empty, Tensor, upload } from "../tensor.js";
import { add, div, mul } from "./binary.js";
import { where as choose, clamp } from "./choice.js";
import { checkClassWeights, classRows, ignoredLabel, type Labels } from "./class-rows.js";
import { greater } from "./comparison.js";
import { checkHasValues } from "./empty-axes.js";
import { checkProbabilities, refuseTrace } from "./loss-checks.js";
import { logSoftmax } from "./softmax.js";
import { sum } from "./sum.js";
import { neg } from "./unary.js";

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /**
   * The share of the target spread evenly over all classes (Szegedy et al. 2016, arXiv:1512.00567 §7), in [0, 1).
   *
   * @defaultValue 0
   */
  readonly labelSmoothing?: number;
  /** A weight ≥ 0 for each class; of labels, the mean is then weighted by the labels' weights. @defaultValue 1 each */
  readonly classWeights?: readonly number[] | Float32Array;
  /**
   * The label of what does not count, such as padding or the border of objects: it is left out of the mean.
   *
   * @defaultValue −100, as in PyTorch
   */
  readonly ignoreIndex?: number;
}

const where = "crossEntropy(logits, labels)";
/** No number of float32 is larger. */
const largest = 3.4028234663852886e38;

/**
 * The mean over rows of −Σ_c q_c·w_c·ln softmax(logits)_c, where q is the one-hot label, smoothed; divided by Σ
 * w[label], as in PyTorch. A tensor of probabilities q takes the place of labels where targets are mixed
 * ({@link mixup}); the mean is then over all rows.
 *
 * @param logits - (N, classes), N ≥ 1, or (N, classes, …) for a label at each place of a sequence or an image
 * @param labels - N whole numbers in [0, classes), or N·… of them, row-major; or a tensor of the logits' shape
 * @returns a scalar
 * @throws DataError if a label is out of range, naming its row, if none counts, or a probability is outside [0, 1]
 * @throws ShapeError if there are not as many labels as rows
 * @example
 * ```ts
 * crossEntropy(tensor([[0, 0]]), [1]).item(); // 0.6931472, that is ln 2
 * crossEntropy(tensor([[0, 0], [9, 0]]), [1, -100]).item(); // 0.6931472
 * crossEntropy(tensor([[0, 0]]), tensor([[0.3, 0.7]])).item(); // 0.6931472
 * ```
 */
export function crossEntropy(logits: Tensor, labels: Labels | Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions("crossEntropy(logits, labels)", options, {
    labelSmoothing: true,
    classWeights: true,
    ignoreIndex: true,
  });
  refuseTrace("crossEntropy");
  checkTensor(where, logits);
  const { labelSmoothing = 0, classWeights, ignoreIndex = ignoredLabel } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new ArgumentError({
      where,
      expected: "labelSmoothing from 0 up to, not including, 1",
      received: String(labelSmoothing),
      cure: "Pass a share such as 0.1.",
    });
  }
  const weights = classWeights === undefined ? null : checkClassWeights(where, classWeights, logits.shape[1] ?? 0);
  if (labels instanceof Tensor) return ofProbabilities(logits, labels, labelSmoothing, weights);
  return scope(() => {
    const counted = classRows(where, logits, labels, ignoreIndex);
    return ofLabels(counted.rows, counted.labels, labelSmoothing, weights);
  });
}

function ofLabels(logits: Tensor, labels: Labels, labelSmoothing: number, classWeights: Float32Array | null): Tensor {
  const [rows, classes] = logits.shape;
  if (classWeights !== null && labels.every((label) => classWeights[label] === 0)) {
    throw new DataError({
      where,
      expected: "a label whose class weight is above 0",
      received: `${labels.length} labels of weight 0`,
      cure: "Give their classes a weight, or leave out batches of them alone: a mean over no weight is not defined.",
    });
  }
  const { backend } = logits;
  const labelTensor = upload("crossEntropy", backend, [rows], new Int32Array(labels));
  const weights = classWeights === null ? null : upload("crossEntropy", backend, [classes], classWeights);
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

/** −Σ_c ((1 − s)·q_c + s/classes)·w_c·ln softmax(logits)_c, the mean over rows. */
function ofProbabilities(logits: Tensor, targets: Tensor, smoothing: number, weights: Float32Array | null): Tensor {
  if (logits.rank < 2 || !sameShape(logits.shape, targets.shape)) {
    throw new ShapeError({
      where,
      expected: "probabilities of the shape of logits (N, classes, …), or an array of labels",
      received: `a tensor of shape ${formatShape(targets.shape)} for logits of shape ${formatShape(logits.shape)}`,
      cure: "Pass a probability for each class, or labels as an array such as [2, 0, 1].",
    });
  }
  checkHasValues(
    where,
    logits.shape,
    logits.shape.map((_, axis) => axis),
    "Pass at least one sample.",
  );
  checkProbabilities(where, targets);
  const classes = logits.shape[1];
  return scope(() => {
    const smoothed = smoothing === 0 ? targets : add(mul(targets, 1 - smoothing), smoothing / classes);
    const perClass = logits.shape.map((_, axis) => (axis === 1 ? classes : 1));
    const weighed =
      weights === null ? smoothed : mul(smoothed, upload("crossEntropy", logits.backend, perClass, weights));
    const logs = logSoftmax(logits, 1);
    // A class of probability 0 counts for nothing, also where its logit is −∞.
    const counted = choose(greater(weighed, 0), logs, clamp(logs, -largest, null));
    return div(neg(sum(mul(weighed, counted))), logits.size / classes);
  });
}
