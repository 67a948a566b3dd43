import { checkOptions } from "../options.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { div, mul, sub } from "./binary.js";
import { where as choose } from "./choice.js";
import { greater } from "./comparison.js";
import { checkProbabilities, checkSame, refuseTrace } from "./loss-checks.js";
import { sum } from "./sum.js";
import { exp, log } from "./unary.js";

/** Options of {@link klDiv}. */
export interface KlDivOptions {
  /** Whether the targets are logarithms of probabilities too. @defaultValue false */
  readonly logTarget?: boolean;
}

/**
 * The Kullback–Leibler divergence Σ t·(ln t − x), divided by N: PyTorch's `kl_div` with `reduction="batchmean"`, which
 * is the divergence proper. Where t is 0 the term is 0.
 *
 * @param logProbabilities - x, (N, …): logarithms, such as {@link logSoftmax} gives
 * @param targets - t, the same shape: probabilities
 * @throws ShapeError if the shapes differ, or are without axes
 * @throws DataError if a target lies outside [0, 1], on backends that answer at once
 * @example
 * ```ts
 * klDiv(logSoftmax(tensor([[0, 0]])), tensor([[1, 0]])).item(); // 0.6931472
 * ```
 */
export function klDiv(logProbabilities: Tensor, targets: Tensor, options: KlDivOptions = {}): Tensor {
  const { logTarget = false } = options;
  refuseTrace("klDiv");
  const where = "klDiv(logProbabilities, targets)";
  checkOptions(where, options, { logTarget: true });
  checkSame(where, logProbabilities, targets);
  if (!logTarget) checkProbabilities(where, targets);
  const [samples = 1] = logProbabilities.shape;
  return scope(() => {
    const t = logTarget ? exp(targets) : targets;
    const counts = greater(t, 0);
    // A term of t = 0 is 0: ln 1 stands in the place of ln 0.
    const logT = choose(counts, targets, logTarget ? 0 : 1);
    const terms = mul(t, sub(logTarget ? logT : log(logT), choose(counts, logProbabilities, 0)));
    return div(sum(terms), samples);
  });
}
