import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import { checkTensor, Tensor, upload } from "../tensor.js";
import { sigmoid } from "./activations.js";
import { add, mul, pow } from "./binary.js";
import { logisticLosses } from "./binary-cross-entropy.js";
import { clamp } from "./choice.js";
import { checkClassWeights, classRows, ignoredLabel, type Labels } from "./class-rows.js";
import { expm1 } from "./functions.js";
import { checkProbabilities, checkSame, refuseTrace } from "./loss-checks.js";
import { mean } from "./mean.js";
import { reshape } from "./reshape.js";
import { logSoftmax } from "./softmax.js";
import { takeAlongAxis } from "./take-along-axis.js";
import { neg } from "./unary.js";

/** Options of {@link focal}. */
export interface FocalOptions {
  /** How much easy samples are played down, ≥ 0; 0 gives the cross-entropy. @defaultValue 2 */
  readonly gamma?: number;
  /**
   * With a tensor of targets: the weight of positives, in [0, 1]; negatives have 1 − alpha.
   *
   * @defaultValue 1 for both
   */
  readonly alpha?: number;
  /** With labels: a weight ≥ 0 for each class; the mean stays one over samples. @defaultValue 1 each */
  readonly classWeights?: readonly number[] | Float32Array;
  /** With labels: the label of what does not count. @defaultValue −100 */
  readonly ignoreIndex?: number;
}

const where = "focal(logits, targets)";
/** Below it 1 − p counts as it, so that the slope of a root stays finite. */
const least = 1e-12;

/**
 * The focal loss (Lin et al. 2017, arXiv:1708.02002, equations 4 and 5): the mean of −α·(1 − p)^γ·ln p, where p is the
 * probability given to what is right. Labels: p = softmax(logits)[label]. A tensor of targets t in [0, 1]: for each
 * logit by itself, with p = σ(x) of t = 1 and 1 − σ(x) of t = 0, as torchvision's `sigmoid_focal_loss`.
 *
 * @param logits - (N, classes, …) with labels; any shape with a tensor
 * @param targets - labels as of {@link crossEntropy}, or a tensor of the logits' shape
 * @throws ArgumentError if an option is out of range, or does not go with the targets
 * @throws DataError if a label is no class, or a target lies outside [0, 1]
 * @throws ShapeError if logits and targets do not fit
 * @example
 * ```ts
 * focal(tensor([[0, 0]]), [1]).item(); // 0.1732868, a fourth of ln 2
 * ```
 */
export function focal(logits: Tensor, targets: Labels | Tensor, options: FocalOptions = {}): Tensor {
  checkOptions("focal(logits, targets)", options, { gamma: true, alpha: true, classWeights: true, ignoreIndex: true });
  refuseTrace("focal");
  checkTensor(where, logits);
  const { gamma = 2, alpha, classWeights, ignoreIndex = ignoredLabel } = options;
  if (!(gamma >= 0 && Number.isFinite(gamma))) throw fault("gamma to be a finite number of at least 0", gamma);
  if (targets instanceof Tensor) {
    if (classWeights !== undefined) throw misplaced("classWeights", "labels");
    if (alpha !== undefined && !(alpha >= 0 && alpha <= 1)) throw fault("alpha to be a weight from 0 to 1", alpha);
    checkSame(where, logits, targets);
    checkProbabilities(where, targets);
    return scope(() => mean(binaryTerms(logits, targets, gamma, alpha ?? null)));
  }
  if (alpha !== undefined) throw misplaced("alpha", "a tensor of targets");
  return scope(() => {
    const { rows, labels } = classRows(where, logits, targets, ignoreIndex);
    const [count, classes] = rows.shape;
    const logs = reshape(
      takeAlongAxis(
        logSoftmax(rows, 1),
        Array.from(labels, (label) => [label]),
        1,
      ),
      [count],
    );
    const terms = mul(neg(logs), modulated(neg(expm1(logs)), gamma) ?? 1);
    if (classWeights === undefined) return mean(terms);
    const weights = checkClassWeights(where, classWeights, classes);
    const perRow = Float32Array.from(labels, (label) => weights[label]);
    return mean(mul(terms, upload("focal", logits.backend, [count], perRow)));
  });
}

function binaryTerms(logits: Tensor, targets: Tensor, gamma: number, alpha: number | null): Tensor {
  const negatives = add(neg(targets), 1);
  // 1 − p without cancellation.
  const missed = add(mul(sigmoid(logits), negatives), mul(sigmoid(neg(logits)), targets));
  const terms = mul(logisticLosses(logits, targets), modulated(missed, gamma) ?? 1);
  return alpha === null ? terms : mul(terms, add(mul(targets, alpha), mul(negatives, 1 - alpha)));
}

/** (1 − p)^γ; null: 1. */
function modulated(missed: Tensor, gamma: number): Tensor | null {
  if (gamma === 0) return null;
  return gamma === 1 ? missed : pow(clamp(missed, least, null), gamma);
}

function fault(expected: string, received: number): ArgumentError {
  return new ArgumentError({ where, expected, received: String(received), cure: "Correct it." });
}

function misplaced(option: string, kind: string): ArgumentError {
  return new ArgumentError({
    where,
    expected: `${option} only with ${kind}`,
    received: `${option} with other targets`,
    cure: "Use alpha with a tensor of targets, classWeights with labels.",
  });
}
