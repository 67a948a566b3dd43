import { ArgumentError, ShapeError } from "../errors.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import { formatShape, sizeOf } from "../shape.js";
import { checkTensor, Tensor, upload } from "../tensor.js";
import { sigmoid } from "./activations.js";
import { add, div, mul } from "./binary.js";
import { where as choose } from "./choice.js";
import { checkLabelCount, ignoredLabel, type Labels, realRows } from "./class-rows.js";
import { equal } from "./comparison.js";
import { checkProbabilities, checkSame, refuseTrace } from "./loss-checks.js";
import { mean } from "./mean.js";
import { reshape } from "./reshape.js";
import { softmax } from "./softmax.js";
import { sum } from "./sum.js";
import { neg } from "./unary.js";

/** Options of {@link dice}. */
export interface DiceOptions {
  /**
   * Added above and below, so that a class that is nowhere and hardly predicted has hardly a loss, ≥ 0.
   *
   * @defaultValue 1
   */
  readonly smooth?: number;
  /** With labels: the label of places that do not count. @defaultValue −100 */
  readonly ignoreIndex?: number;
}

const where = "dice(logits, targets)";

/**
 * The soft Dice loss of segmentation (Milletari et al. 2016, arXiv:1606.04797 §3, with sums in the place of sums of
 * squares): the mean over samples and classes of 1 − (2·Σ p·g + s) / (Σ p + Σ g + s). The sums run over the places of a
 * sample; p is the probability of the class, g is 1 where the class is.
 *
 * @param logits - (N, classes, …) with axes for the places
 * @param targets - labels, N·… of them, row-major: p is the softmax over classes. Or a tensor of the logits' shape with
 * values in [0, 1]: p is the sigmoid
 * @throws ShapeError if logits have no places, or targets do not fit
 * @throws DataError if a label is no class, or a target lies outside [0, 1]
 * @throws ArgumentError if smooth is negative
 * @example
 * ```ts
 * dice(tensor([[[0, 0]]]), tensor([[[1, 0]]]), { smooth: 0 }).item(); // 0.5
 * ```
 */
export function dice(logits: Tensor, targets: Labels | Tensor, options: DiceOptions = {}): Tensor {
  checkOptions("dice(logits, targets)", options, { smooth: true, ignoreIndex: true });
  refuseTrace("dice");
  checkTensor(where, logits);
  const { smooth = 1, ignoreIndex = ignoredLabel } = options;
  if (!(smooth >= 0 && Number.isFinite(smooth))) {
    const expected = "smooth to be a finite number of at least 0";
    throw new ArgumentError({ where, expected, received: String(smooth), cure: "Correct it." });
  }
  if (logits.rank < 3) {
    throw new ShapeError({
      where,
      expected: "logits (N, classes, …) with at least one axis of places",
      received: formatShape(logits.shape),
      cure: "Use crossEntropy for one label a sample.",
    });
  }
  if (targets instanceof Tensor) {
    checkSame(where, logits, targets);
    checkProbabilities(where, targets);
    return scope(() => overlapLoss(sigmoid(logits), targets, smooth));
  }
  return scope(() => {
    checkLabelCount(where, logits, targets);
    realRows(where, targets, logits.shape[1], ignoreIndex);
    const { truth, counts } = marks(logits, targets, ignoreIndex);
    const p = softmax(logits, 1);
    return overlapLoss(counts === null ? p : mul(p, counts), truth, smooth);
  });
}

function overlapLoss(p: Tensor, truth: Tensor, smooth: number): Tensor {
  const [samples, classes, ...places] = p.shape;
  const flat = [samples, classes, sizeOf(places)];
  const [predicted, real] = [reshape(p, flat), reshape(truth, flat)];
  const shared = mul(sum(mul(predicted, real), 2), 2);
  const all = add(sum(predicted, 2), sum(real, 2));
  if (smooth > 0) return add(neg(mean(div(add(shared, smooth), add(all, smooth)))), 1);
  const isNowhere = equal(all, 0);
  return add(neg(mean(div(choose(isNowhere, 1, shared), choose(isNowhere, 1, all)))), 1);
}

/** 1 where a class is, and, if some places do not count, 1 where they do. */
function marks(logits: Tensor, labels: Labels, ignoreIndex: number): { truth: Tensor; counts: Tensor | null } {
  const [samples, classes, ...places] = logits.shape;
  const size = sizeOf(places);
  const truth = new Float32Array(logits.size);
  const counts = new Float32Array(labels.length).fill(1);
  for (let i = 0; i < labels.length; i++) {
    const sample = Math.floor(i / size);
    if (labels[i] === ignoreIndex) counts[i] = 0;
    else truth[(sample * classes + labels[i]) * size + (i % size)] = 1;
  }
  const upTo = (shape: readonly number[], values: Float32Array): Tensor =>
    upload("dice", logits.backend, shape, values);
  return {
    truth: upTo(logits.shape, truth),
    counts: counts.includes(0) ? upTo([samples, 1, ...places], counts) : null,
  };
}
