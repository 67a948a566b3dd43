// Rows of a source, four values at a time. Of a row's last one to three values a vector is made that has zeros behind
// them: written to, a vector that overlaps the one before would have to wait for it.

import { bytes } from "../conv/planes";
import { larger } from "./magnitudes";

/**
 * Which bytes of the last four of `columns` values stand where in {@link lastOfRow}: to be worked out once, since
 * engines do so at each use.
 */
// @inline
export function lastLanes(columns: i32): v128 {
  const lanes = i32x4.sub(i32x4(4, 5, 6, 7), i32x4.splat(columns & 3));
  const places = i32x4.add(i32x4.mul(lanes, i32x4.splat(0x04040404)), i32x4.splat(0x03020100));
  return v128.bitselect(places, i32x4.splat(-1), i32x4.lt_s(lanes, i32x4.splat(4)));
}

/** The last one to three of `columns` values, and zeros. Of a row of fewer than four, what stands before it is read. */
// @inline
export function lastOfRow(row: usize, columns: i32, lanes: v128): v128 {
  return v128.swizzle(v128.load(row + bytes(columns) - 16), lanes);
}

/** to[i] = from[i]; magnitudes[i] = max(magnitudes[i], |from[i]|). */
// @inline
export function copyAndRaise(from: usize, to: usize, magnitudes: usize, columns: i32, lanes: v128): void {
  const end = bytes(columns & ~3);
  for (let i: usize = 0; i < end; i += 16) {
    const values = v128.load(from + i);
    v128.store(to + i, values);
    raiseFour(values, magnitudes + i);
  }
  if ((columns & 3) == 0) return;
  const values = lastOfRow(from, columns, lanes);
  v128.store(to + end, values);
  raiseFour(values, magnitudes + end);
}

/** magnitudes[i] = max(magnitudes[i], |from[i]|). */
// @inline
export function raise(from: usize, magnitudes: usize, columns: i32, lanes: v128): void {
  const end = bytes(columns & ~3);
  for (let i: usize = 0; i < end; i += 16) raiseFour(v128.load(from + i), magnitudes + i);
  if (columns & 3) raiseFour(lastOfRow(from, columns, lanes), magnitudes + end);
}

// @inline
function raiseFour(values: v128, magnitudes: usize): void {
  v128.store(magnitudes, larger(v128.load(magnitudes), f32x4.abs(values)));
}
