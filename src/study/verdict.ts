import { bootstrapMean, type Estimate } from "./bootstrap.js";

/** What a measured effect says of a claim. */
export type Verdict = "reproduced" | "not reproduced" | "unclear";

/** How a verdict is reached, fixed before anything is measured. */
export interface Rule {
  /**
   * Whether the claim is that there is an effect, in the direction of positive values, or that something stays
   * constant.
   */
  readonly claim: "effect" | "constancy";
  /** The smallest effect of interest, > 0, in the units of the effect: less than this is as good as nothing. */
  readonly smallest: number;
}

/** An effect with its verdict. */
export interface Conclusion extends Estimate {
  /** See {@link judge}. */
  readonly verdict: Verdict;
}

/**
 * Judges paired differences, one for each seed, by their bootstrap 95 % interval and the smallest effect of interest δ:
 *
 * | claim       | reproduced                     | not reproduced                     | unclear   |
 * | ----------- | ------------------------------ | ---------------------------------- | --------- |
 * | `effect`    | the whole interval is ≥ δ      | the whole interval is < δ          | otherwise |
 * | `constancy` | the whole interval is in ±δ    | the whole interval is outside of ±δ | otherwise |
 *
 * So a verdict other than `unclear` needs seeds enough to be sure of it, and an effect that is there but smaller than δ
 * counts as not reproduced. A single seed is always unclear, and so are
 * two with equal differences.
 *
 * @example
 * ```ts
 * judge([2.1, 1.8, 2.4, 2.2], { claim: "effect", smallest: 1 }).verdict; // "reproduced"
 * judge([0.1, -0.2, 0.2, -0.1], { claim: "effect", smallest: 1 }).verdict; // "not reproduced"
 * judge([0.1, -0.2, 0.2, -0.1], { claim: "constancy", smallest: 1 }).verdict; // "reproduced"
 * judge([5, -3], { claim: "constancy", smallest: 1 }).verdict; // "unclear"
 * ```
 */
export function judge(differences: readonly number[], rule: Rule): Conclusion {
  const estimate = bootstrapMean(differences);
  const { interval } = estimate;
  // Two equal values are no measure of their spread.
  const isUnknown = interval === null || (differences.length === 2 && interval[0] === interval[1]);
  return { ...estimate, verdict: isUnknown ? "unclear" : verdictOf(interval, rule) };
}

function verdictOf([low, high]: readonly [number, number], { claim, smallest }: Rule): Verdict {
  if (claim === "effect") return low >= smallest ? "reproduced" : high < smallest ? "not reproduced" : "unclear";
  if (low > -smallest && high < smallest) return "reproduced";
  return low >= smallest || high <= -smallest ? "not reproduced" : "unclear";
}
