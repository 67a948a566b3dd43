import { ArgumentError } from "../errors.js";
import { checkOptions } from "../options.js";
import { Generator } from "../random.js";
import { rowsByClass } from "./rows-by-class.js";

/** Options of {@link splitIndices}. */
export interface SplitOptions {
  /** The share of each part, each ≥ 0; their sum is 1. */
  readonly shares: readonly number[];
  /** An integer in [0, 2³²). Equal seeds, equal parts. */
  readonly seed: number;
}

/**
 * Deals samples out to parts so that each class has its share in each (stratified). Shares are cut at ⌊cumulative share
 * · n + ½⌋ within a class of n samples; numbers ascend within a part.
 *
 * @param labels - the class of each sample; for regression, one class for all
 * @throws ArgumentError if the shares are not ≥ 0 with sum 1
 * @example
 * ```ts
 * const parts = splitIndices([0, 0, 1, 1], { shares: [0.5, 0.5], seed: 1 });
 * parts.map((part) => part.length); // [2, 2]
 * ```
 */
export function splitIndices(labels: ArrayLike<number>, options: SplitOptions): Uint32Array[] {
  checkOptions("splitIndices(labels)", options, { shares: true, seed: true });
  const { shares, seed } = options;
  checkShares("splitIndices(labels, { shares })", shares, "Pass for example [0.8, 0.1, 0.1].");
  const generator = new Generator(seed);
  const parts: number[][] = shares.map(() => []);
  for (const rows of rowsByClass(labels)) {
    const order = generator.permutation(rows.length);
    let upTo = 0;
    let from = 0;
    for (const [p, share] of shares.entries()) {
      upTo += share;
      const to = p === shares.length - 1 ? rows.length : Math.floor(upTo * rows.length + 0.5);
      for (let k = from; k < to; k++) parts[p].push(rows[order[k]]);
      from = to;
    }
  }
  return parts.map((part) => Uint32Array.from(part).sort());
}

/** @throws ArgumentError if they are not ≥ 0 with sum 1 */
export function checkShares(where: string, shares: readonly number[], cure: string): void {
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (shares.every((share) => share >= 0) && Math.abs(total - 1) < 1e-9) return;
  throw new ArgumentError({
    where,
    expected: "shares of at least 0 whose sum is 1",
    received: `[${shares.join(", ")}]`,
    cure,
  });
}
