/** A compiled function; an address or a count is a number to it. */
export type Compiled = (...args: number[]) => number;

/**
 * A function of the compiled kernels that tells how many bytes something takes. It gives float64, since what is larger
 * than all memory must be seen.
 */
export interface Size<Arguments> {
  /** Its place among the exports, which is the same on all threads. */
  readonly index: number;
  /** Calls it with arguments by name. */
  readonly call: (compiled: Compiled, named: Arguments) => number;
}

/**
 * A compiled kernel, as the build describes it in `signatures.generated.ts`. Behind its arguments it takes the range of
 * its units (rows, channels, images, pieces …) that a call does, and the address of working memory if it needs any;
 * results never depend on how the range is cut.
 */
export interface Kernel<Arguments> {
  /** Its name in messages. */
  readonly name: string;
  /** Its place among the exports, which is the same on all threads. */
  readonly index: number;
  /**
   * Calls it with arguments by name, written out for each kernel: a list that is spread takes longer than a small
   * kernel.
   */
  readonly call: (compiled: Compiled, named: Arguments, begin: number, end: number, scratch: number) => void;
  /** How much working memory it needs; null if none. */
  readonly scratch: Size<Arguments> | null;
}

/** The arguments of a kernel in its order, as other threads are told them. */
export function listArguments<Arguments>({ call, scratch }: Kernel<Arguments>, named: NoInfer<Arguments>): number[] {
  let passed: number[] = [];
  const collect = (...values: number[]): number => {
    passed = values;
    return 0;
  };
  call(collect, named, 0, 0, 0);
  return passed.slice(0, scratch === null ? -2 : -3);
}
