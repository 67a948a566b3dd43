import type { OptionNames } from "../../options.js";
import type { BatchNorm, BatchNormOptions } from "./batch-norm.js";

/** Options of the {@link BatchNorm} that another norm holds, without weight and bias. */
export type InnerBatchNormOptions = Pick<BatchNormOptions, "eps" | "momentum" | "warmUp" | "unbiased">;

/** Their names, for `checkOptions`. */
export const innerNames: OptionNames<InnerBatchNormOptions> = {
  eps: true,
  momentum: true,
  warmUp: true,
  unbiased: true,
};

/** What builds such a norm again. */
export function innerOptions(norm: BatchNorm): InnerBatchNormOptions {
  const { eps, momentum, unbiased } = norm;
  return { eps, momentum, warmUp: norm.warmUp && !norm.isSettled, unbiased };
}
