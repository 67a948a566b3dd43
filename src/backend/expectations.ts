/** What is expected of values. Places count the values, of moments the shares. */
export type Check =
  /** Each is 0 or 1. */
  | { readonly is: "zeroOrOne" }
  /** None is 0. */
  | { readonly is: "notZero" }
  /** At least one is not 0; the place of the offence is 0. */
  | { readonly is: "someNotZero" }
  /** Each lies in [low, high], or is NaN. */
  | { readonly is: "between"; readonly low: number; readonly high: number }
  /** Each is a whole number in [low, high]. */
  | { readonly is: "whole"; readonly low: number; readonly high: number }
  | MomentsCheck;

/** What is expected of each share of moments, three wide numbers each; the value of an offence is the share's count. */
export interface MomentsCheck {
  readonly is: "moments";
  /** The count is not 0. */
  readonly some: boolean;
  /** The count is not 1. */
  readonly several: boolean;
  /** M2 is not 0, unless the count is. */
  readonly varied: boolean;
}

/** What is not as expected. */
export interface Offence {
  /** The first place that is not. */
  readonly place: number;
  /** What stands there. */
  readonly value: number;
  /** How many places are not. */
  readonly count: number;
}

/** Checks of values whose outcome a device may tell later. */
export interface Expectations<Block> {
  /**
   * Expects something of the first `count` values (f32; of moments: shares) of a block, as they are now. If they are
   * otherwise, `fault` makes the error, or tells a warning itself and returns null.
   *
   * A backend that answers at once calls it, and throws, at once. Others call it when the next read that was asked for
   * after this call is done, once, in the order of the calls; the first error that it makes rejects that read, and all
   * that were asked for before the rejection: somebody who looks on may have asked for the first.
   */
  expect(check: Check, block: Block, count: number, fault: (offence: Offence) => Error | null): void;
}
