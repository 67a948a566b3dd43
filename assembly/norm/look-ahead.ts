// Pages of a stream are found before it reaches them. A processor fetches ahead within a page of 4 KiB only, and
// looking up where the next one lies takes as long as reading a good part of it: one value of each page, loaded two
// pages ahead, hides that.

/** How far ahead: kernels may read so many bytes behind the end of a block. */
export const lookAheadBytes: i32 = 8192;

const pageBytes: usize = 4096;

/** Whether a stream that takes `step` bytes at a time enters a page with those at `at`. */
// @inline
export function isPageStart(at: usize, step: usize): bool {
  return (at & (pageBytes - 1)) < step;
}

/** Where the page of `at` ends. */
// @inline
export function pageEnd(at: usize): usize {
  return (at | (pageBytes - 1)) + 1;
}

/** Loads a value {@link lookAheadBytes} ahead. */
// @inline
export function findPage(at: usize): void {
  load<i32>(at + lookAheadBytes);
}
