import { VerificationError } from "../../errors.js";
import { sameShape } from "../../shape.js";
import type { ModelArray } from "./arrays.js";

/** What is next to zero, as a saturated sigmoid is, counts by its absolute difference. */
const smallestScale = 0.01;

/** How far the outputs of two models differ, over all that were added. */
export class OutputDifference {
  /** The largest difference between two values. */
  maxAbsolute = 0;
  /**
   * The largest difference of an output's values, divided by the largest value of that output (by 0.01 if that is
   * less).
   */
  maxRelative = 0;

  /**
   * Adds an output of both: what both have as NaN or as the same infinity does not differ.
   *
   * @param other - undefined: there is none
   */
  add(one: ModelArray, other: ModelArray | undefined): void {
    const isWhole = other !== undefined && sameShape(one.shape, other.shape);
    const { absolute, relative } = isWhole ? difference(one.values, other.values) : endless;
    this.maxAbsolute = Math.max(this.maxAbsolute, absolute);
    this.maxRelative = Math.max(this.maxRelative, relative);
  }

  /**
   * @param expected - what should be the case, up to the tolerance
   * @throws VerificationError if the relative difference is above the tolerance
   */
  check(where: string, tolerance: number, expected: string, cure: string): void {
    const { maxAbsolute, maxRelative } = this;
    if (maxRelative <= tolerance) return;
    throw new VerificationError({
      where,
      expected: `${expected}, to a relative difference of ${tolerance}`,
      received: `${maxRelative.toPrecision(3)} (absolute ${maxAbsolute.toPrecision(3)})`,
      cure,
      maxRelative,
    });
  }

  /** As {@link OutputDifference.check}, for what was changed and should do the same. */
  checkUnchanged(where: string, tolerance: number): void {
    const cure = "Nothing was made of it. Raise the tolerance if that is acceptable.";
    this.check(where, tolerance, "outputs as before", cure);
  }
}

const endless = { absolute: Number.POSITIVE_INFINITY, relative: Number.POSITIVE_INFINITY };

function difference(a: ArrayLike<number>, b: ArrayLike<number>): typeof endless {
  let absolute = 0;
  let largest = smallestScale;
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i]))) {
      if (Number.isFinite(a[i])) largest = Math.max(largest, Math.abs(a[i]));
      continue;
    }
    const distance = Math.abs(a[i] - b[i]);
    if (!Number.isFinite(distance)) return endless;
    absolute = Math.max(absolute, distance);
    largest = Math.max(largest, Math.abs(a[i]), Math.abs(b[i]));
  }
  return { absolute, relative: absolute === 0 ? 0 : absolute / largest };
}
