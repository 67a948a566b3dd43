import { record } from "../autograd.js";
import { checkPositive } from "../check-range.js";
import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import { scalar, type Tensor, upload } from "../tensor.js";
import { add, applyBinary, mul } from "./binary.js";
import { where as choose } from "./choice.js";
import { greater } from "./comparison.js";
import { checkProbabilities, checkSame, refuseTrace } from "./loss-checks.js";
import { mean } from "./mean.js";
import { neg } from "./unary.js";

/** Options of {@link binaryCrossEntropy}. */
export interface BinaryCrossEntropyOptions {
  /**
   * Multiplies the loss of positive targets, > 0: one number, or one for each output (axis 1). Negatives per positive
   * balances the two.
   * @defaultValue 1
   */
  readonly positiveWeight?: number | readonly number[] | Float32Array;
}

/**
 * The mean of max(x, 0) − x·t + ln(1 + e^−|x|): the cross-entropy of targets t with the probabilities sigmoid(x),
 * without overflow for any logit. With a positive weight p, the mean of p·t·ln(1 + e^−x) + (1 − t)·ln(1 + eˣ).
 *
 * @param logits - any shape
 * @param targets - the same shape, in [0, 1]
 * @throws ShapeError if the shapes differ
 * @throws DataError if a target lies outside [0, 1]
 * @throws ArgumentError if a positive weight is not above 0, or there is not one for each output
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor, options: BinaryCrossEntropyOptions = {}): Tensor {
  const { positiveWeight = 1 } = options;
  refuseTrace("binaryCrossEntropy");
  const where = "binaryCrossEntropy(logits, targets)";
  checkOptions(where, options, { positiveWeight: true });
  checkSame(where, logits, targets);
  checkProbabilities(where, targets);
  if (positiveWeight !== 1) {
    return scope(() => mean(weightedLosses(logits, targets, weightsOf(where, logits, positiveWeight))));
  }
  const losses = logisticLosses(logits, targets);
  const loss = mean(losses);
  losses.dispose();
  return loss;
}

/** The cross-entropy of each logit with its target. */
export function logisticLosses(logits: Tensor, targets: Tensor): Tensor {
  const losses = applyBinary("logisticLoss", logits, targets);
  return record("binaryCrossEntropy", losses, [logits, targets], [logits, targets], (dy, [x, t], needs) => [
    needs[0] ? applyBinary("mul", dy, applyBinary("logisticSlope", x, t)) : null,
    needs[1] ? neg(applyBinary("mul", dy, x)) : null,
  ]);
}

/** A term whose target is 0 is 0, also beside an infinite logit. */
function weightedLosses(logits: Tensor, targets: Tensor, weights: Tensor | number): Tensor {
  const constant = (value: number): Tensor => scalar("binaryCrossEntropy", logits.backend, value);
  const negatives = add(neg(targets), 1);
  const positive = mul(mul(targets, weights), logisticLosses(logits, constant(1)));
  const negative = mul(negatives, logisticLosses(logits, constant(0)));
  return add(choose(greater(targets, 0), positive, 0), choose(greater(negatives, 0), negative, 0));
}

function weightsOf(where: string, logits: Tensor, given: number | readonly number[] | Float32Array): Tensor | number {
  if (typeof given === "number") {
    checkPositive(where, "positiveWeight", given);
    return given;
  }
  const outputs = logits.shape[1] ?? 1;
  if (given.length !== outputs) {
    throw new ArgumentError({
      where,
      expected: `one positiveWeight for each of ${outputs} outputs`,
      received: String(given.length),
      cure: "Pass one number, or a list of one for each output.",
    });
  }
  for (const weight of given) checkPositive(where, "positiveWeight", weight);
  const shape = logits.shape.map((_, axis) => (axis === 1 ? outputs : 1));
  return upload("binaryCrossEntropy", logits.backend, shape, Float32Array.from(given));
}
