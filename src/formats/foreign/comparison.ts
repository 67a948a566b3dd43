import { VerificationError } from "../../errors.js";
import { sameShape } from "../../shape.js";
import type { ModelArray, ModelArrays } from "./arrays.js";

/** How far the outputs of two models differ. */
export interface Difference {
  /** The largest difference between two values. */
  readonly maxAbsolute: number;
  /**
   * The largest difference of an output's values, divided by the largest value of that output (by 0.01 if that is less:
   * of what is next to zero, as a saturated sigmoid is, only the absolute difference counts).
   */
  readonly maxRelative: number;
  /** What maxRelative was held against. */
  readonly tolerance: number;
}

/** How an exported model and the network it was made of differ, on noise. */
export interface ExportVerification extends Difference {
  /** How many samples both were given. */
  readonly samples: number;
}

/** How far two models differ, on the same inputs. */
export interface Verification extends Difference {
  /** How many inputs both were compared on. */
  readonly runs: number;
  /** Whether the inputs were noise, since none were passed. */
  readonly onNoise: boolean;
  /** Shapes of the first inputs, by name. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/** How two models are compared. */
export interface VerifyOptions {
  /**
   * The largest relative difference that passes.
   *
   * @defaultValue 1e-4; 0.02 with float16, 0.05 with bfloat16 in the model
   */
  readonly tolerance?: number;
  /**
   * Real inputs to compare on: for each run, an array for each input of the model, by name.
   *
   * @defaultValue one run on seeded noise
   */
  readonly inputs?: readonly ModelArrays[];
  /** Shapes of inputs that the model leaves open, by name, for noise. @defaultValue found by trying */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
}

/** What is next to zero, as a saturated sigmoid is, counts by its absolute difference. */
const smallestScale = 0.01;

/** How far the outputs of two models differ, over all that were added. */
export class OutputDifference {
  /** The largest difference between two values. */
  maxAbsolute = 0;
  /** See {@link Difference.maxRelative}. */
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
  check(where: string, tolerance: number, expected: string, cure: string): Difference {
    const { maxAbsolute, maxRelative } = this;
    if (maxRelative <= tolerance) return { maxAbsolute, maxRelative, tolerance };
    throw new VerificationError({
      where,
      expected: `${expected}, to a relative difference of ${tolerance}`,
      received: `${maxRelative.toPrecision(3)} (absolute ${maxAbsolute.toPrecision(3)})`,
      cure,
      maxRelative,
    });
  }

  /** As {@link OutputDifference.check}, for what was changed and should do the same. */
  checkUnchanged(where: string, tolerance: number): Difference {
    const cure = "Nothing was made of it. Raise the tolerance if that is acceptable.";
    return this.check(where, tolerance, "outputs as before", cure);
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
