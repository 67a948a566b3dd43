import { record } from "../autograd.js";
import { DataError, ShapeError } from "../errors.js";
import { scope } from "../scope.js";
import { formatShape, sameShape } from "../shape.js";
import { checkTensor, type Tensor } from "../tensor.js";
import { tracer } from "../tracing.js";
import { applyBinary, mul, sub } from "./binary.js";
import { checkHasValues } from "./empty-axes.js";
import { mean } from "./mean.js";
import { neg } from "./unary.js";

function checkSame(where: string, a: Tensor, b: Tensor): void {
  checkTensor(where, a);
  checkTensor(where, b);
  if (sameShape(a.shape, b.shape)) {
    checkHasValues(
      where,
      a.shape,
      a.shape.map((_, axis) => axis),
      "Pass at least one sample.",
    );
    return;
  }
  throw new ShapeError({
    where,
    expected: "two tensors of one shape",
    received: `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    cure: "Reshape one of them; a loss does not broadcast.",
  });
}

/** The mean of (a − b)². @param a - any shape @param b - the same shape @throws ShapeError if the shapes differ */
export function mse(a: Tensor, b: Tensor): Tensor {
  tracer?.refuse("mse()", "Apply losses to what the module returns.");
  checkSame("mse(a, b)", a, b);
  return scope(() => {
    const difference = sub(a, b);
    return mean(mul(difference, difference));
  });
}

/**
 * The mean of max(x, 0) − x·t + ln(1 + e^−|x|): the cross-entropy of targets t with the probabilities sigmoid(x), without
 * overflow for any logit.
 *
 * @param logits - any shape
 * @param targets - the same shape, in [0, 1]
 * @throws ShapeError if the shapes differ
 * @throws DataError if a target lies outside [0, 1]
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor): Tensor {
  tracer?.refuse("binaryCrossEntropy()", "Apply losses to what the module returns.");
  checkSame("binaryCrossEntropy(logits, targets)", logits, targets);
  checkProbabilities(targets);
  const losses = applyBinary("logisticLoss", logits, targets);
  record("binaryCrossEntropy", losses, [logits, targets], [logits, targets], (dy, [x, t], needs) => [
    needs[0] ? applyBinary("mul", dy, applyBinary("logisticSlope", x, t)) : null,
    needs[1] ? neg(applyBinary("mul", dy, x)) : null,
  ]);
  const loss = mean(losses);
  losses.dispose();
  return loss;
}

function checkProbabilities(targets: Tensor): void {
  const check = { is: "between", low: 0, high: 1 } as const;
  targets.backend.expect(
    check,
    targets.block,
    targets.size,
    ({ value, place }) =>
      new DataError({
        where: "binaryCrossEntropy(logits, targets)",
        expected: "targets from 0 to 1",
        received: `${value} at place ${place}`,
        cure: "Pass 0 and 1, or probabilities: divide a mask of 0 and 255 by 255.",
      }),
  );
}
