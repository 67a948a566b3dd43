// Where Winograd's results would be worse than plain sums. Its error is relative to the largest value of a patch and of
// a filter, also in results that never multiply these two. So results are summed plainly (winograd/direct.ts) in a tile
// some of whose results read only values that are small beside the largest, for a filter some of whose taps are small
// beside the largest, and where values or transforms would leave the range of f32. Magnitudes are the largest over
// channels. A tile, and a filter, is judged by its own values alone.

import { bytes, word } from "../conv/planes";
import { notFiniteKind, unsafeKind } from "./kinds";
import { larger, largestLane, smaller, smallestLane } from "./magnitudes";

/** A tile or a filter for Winograd's method. */
export const SAFE = 0;
/** One that is summed plainly. */
export const UNSAFE = unsafeKind;
/** A filter some of whose weights are NaN or ∞. */
export const NOT_FINITE = notFiniteKind;

/** Each result of a safe tile reads a value of at least this share of the largest. */
const leastRead: f32 = 0.125;
/**
 * Each tap of a safe filter is at least this share of the largest. With few channels, tap by tap the largest of few,
 * one is sooner small by chance.
 */
export const leastTap: f32 = 0.0625;
export const leastTapOfFew: f32 = 0.015625;
/** What transforms can hold: 2⁻⁹⁶, 2⁶⁰ for values and 2⁴⁰ for weights, whose products over channels stay finite. */
const smallest: f32 = 1.262177448e-29;
const largest: f32 = 1152921504606846976;
const largestWeight: f32 = 1099511627776;

// @inline
function isHeld(magnitude: f32, limit: f32): bool {
  return magnitude == 0 || (magnitude >= smallest && magnitude <= limit);
}

/** How safe a filter is: nine taps to a channel, channels `step` bytes apart. */
function filterSafety(filter: usize, channels: i32, step: usize, least: f32): i32 {
  let first = f32x4.splat(0);
  let second = first;
  let last: f32 = 0;
  for (let channel = 0; channel < channels; channel++) {
    first = larger(first, f32x4.abs(v128.load(filter)));
    second = larger(second, f32x4.abs(v128.load(filter, 16)));
    last = max<f32>(last, abs<f32>(load<f32>(filter, 32)));
    filter += step;
  }
  const most = max<f32>(last, largestLane(larger(first, second)));
  if (!(most <= f32.MAX_VALUE)) return NOT_FINITE;
  if (!isHeld(most, largestWeight)) return UNSAFE;
  return min<f32>(last, smallestLane(smaller(first, second))) >= least * most ? SAFE : UNSAFE;
}

/** Bytes that say how safe the filters are, an i32 each, which stand before the packed weights. */
export function safetyBytes(results: i32): usize {
  return (bytes(results) + 63) & ~63;
}

/** Writes how safe the filters of a pair of results are. */
export function writeSafety(
  weight: usize,
  channels: i32,
  results: i32,
  resultStep: i32,
  channelStep: i32,
  pair: i32,
  least: f32,
  safety: usize,
): void {
  for (let r = 2 * pair; r < min(2 * pair + 2, results); r++) {
    store<i32>(safety + bytes(r), filterSafety(weight + bytes(r, resultStep), channels, bytes(channelStep), least));
  }
}

/** Whether any of `results` filters is of a kind, and whether all are. */
export function isAnyFilter(safety: usize, results: i32, kind: i32): bool {
  for (let r = 0; r < results; r++) if (word(safety, r) == kind) return true;
  return false;
}

export function areAllFilters(safety: usize, results: i32, kind: i32): bool {
  for (let r = 0; r < results; r++) if (word(safety, r) != kind) return false;
  return true;
}

/** The largest of three magnitudes side by side, for four lanes. */
// @inline
function largestOfRow(at: usize): v128 {
  return larger(v128.load(at), larger(v128.load(at, 4), v128.load(at, 8)));
}

/**
 * Whether four tiles side by side, of `rows` (1 to 3) results one below the other each, are unsafe, by the magnitudes
 * they read: a lane each, UNSAFE or SAFE.
 */
export function columnSafety(at: usize, rowStep: usize, rows: i32): v128 {
  let row1 = largestOfRow(at + rowStep);
  let row2 = largestOfRow(at + 2 * rowStep);
  let most = larger(largestOfRow(at), larger(row1, row2));
  let least = most;
  for (let row = 1; row < rows; row++) {
    const row3 = largestOfRow(at + <usize>(row + 2) * rowStep);
    const read = larger(row1, larger(row2, row3));
    most = larger(most, read);
    least = smaller(least, read);
    row1 = row2;
    row2 = row3;
  }
  const within = v128.and(f32x4.ge(most, f32x4.splat(smallest)), f32x4.le(most, f32x4.splat(largest)));
  const isHeld = v128.or(within, f32x4.eq(most, f32x4.splat(0)));
  const isSafe = v128.and(isHeld, f32x4.ge(least, f32x4.mul(most, f32x4.splat(leastRead))));
  return v128.andnot(i32x4.splat(UNSAFE), isSafe);
}

/** Whether a tile of 2 × 4 results, `rows` × `columns` of which exist, is unsafe, by the magnitudes that it reads. */
export function isUnsafeTile(at: usize, rowStep: usize, rows: i32, columns: i32): bool {
  const row1 = largestOfRow(at + rowStep);
  const row2 = largestOfRow(at + 2 * rowStep);
  const read0 = larger(largestOfRow(at), larger(row1, row2));
  const read1 = rows == 1 ? read0 : larger(row1, larger(row2, largestOfRow(at + 3 * rowStep)));
  const most = largestLane(larger(read0, read1));
  const exists = i32x4.gt_s(i32x4.splat(columns), i32x4(0, 1, 2, 3));
  const least = smallestLane(v128.bitselect(smaller(read0, read1), f32x4.splat(f32.MAX_VALUE), exists));
  return !(isHeld(most, largest) && least >= leastRead * most);
}

/**
 * Whether a tile's part of a weight's gradient is to be summed plainly: whether for some tap all products of the
 * magnitudes of dy and x are small beside the largest of both. Both have rows `rowStep` bytes apart; the tile's first
 * patch value is at (row, column) of a plane of height × width. If `mayMiss`, taps that read nothing but padding do not
 * count: with padding of at most 1 the tile has a single row or column then, and each of the other taps reads another
 * one, so that a value far larger than the rest shows in these.
 */
export function isUnsafeForWeight(
  x: usize,
  dy: usize,
  rowStep: usize,
  row: i32,
  rows: i32,
  height: i32,
  column: i32,
  columns: i32,
  width: i32,
  mayMiss: bool,
): bool {
  const dy0 = v128.load(dy);
  const dy1 = v128.load(dy + rowStep);
  const most = largestLane(larger(dy0, dy1));
  let all = f32x4.splat(0);
  for (let line: usize = 0; line < 4; line++) {
    const at = x + line * rowStep;
    all = larger(all, larger(v128.load(at), v128.load(at, 8)));
  }
  const mostOfX = largestLane(all);
  if (!(isHeld(most, largest) && isHeld(mostOfX, largest))) return true;
  // A single value of dy far above the rest is read by all taps, but times values of x that may be 0.
  const large = f32x4.splat(leastTapOfFew * most);
  const large0 = i32x4.bitmask(f32x4.ge(dy0, large));
  if (popcnt(large0 | (i32x4.bitmask(f32x4.ge(dy1, large)) << 4)) < 2) return true;
  const allowed = f32x4.splat(leastRead * most * mostOfX);
  for (let y = row; y < row + 3; y++) {
    const isRead = y + rows > 0 && y < height;
    for (let tap = 0; tap < 3; tap++) {
      const isTapRead = isRead && column + tap + columns > 0 && column + tap < width;
      if (mayMiss && !isTapRead) continue;
      const product0 = f32x4.mul(dy0, v128.load(x + bytes(tap)));
      const product1 = f32x4.mul(dy1, v128.load(x + rowStep + bytes(tap)));
      if (!v128.any_true(f32x4.ge(larger(product0, product1), allowed))) return true;
    }
    x += rowStep;
  }
  return false;
}
