/** A tensor as the scripts of test/fixtures store it. */
export interface Stored {
  readonly shape: number[];
  readonly values: number[];
}
