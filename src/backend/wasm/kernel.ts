/**
 * A function of the compiled kernels that tells how many bytes something takes, of arguments by name. It gives float64, since what is
 * larger than all memory must be seen.
 */
export interface Size<Arguments> {
  /** Its place among the exports, which is the same on all threads. */
  readonly index: number;
  /** The arguments in the order of the compiled function. */
  readonly list: (named: Arguments) => number[];
}

/**
 * A compiled kernel, as the build describes it in `signatures.generated.ts`. Behind its arguments it takes the range of its units (rows,
 * channels, images, pieces …) that a call does, and the address of working memory if it needs any; results never depend on how the range
 * is cut.
 */
export interface Kernel<Arguments> extends Size<Arguments> {
  /** Its name in messages. */
  readonly name: string;
  /** How much working memory it needs; null if none. */
  readonly scratch: Size<Arguments> | null;
}
