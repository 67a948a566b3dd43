// Where Winograd's results would be worse than plain sums. Its error is relative to the largest value of a patch and of
// a filter, also in results that never multiply these two. So a tile of results is summed plainly (winograd/direct.ts)
// wherever some result's own products may all be small beside the largest value times the largest weight, and where
// values or transforms would leave the range of f32.
//
// A tile and a filter have a class each, of their own values alone, and are summed plainly together if the classes add
// up to 2 or more. Magnitudes are the largest over channels.

import { bytes, word } from "../conv/planes";
import { maxLanes } from "../math/lanes";

/** All pixels that are read, or all taps of a filter, are of about the same size. */
export const UNIFORM = 0;
/** Some are far smaller than others, but every result reads some that are not. */
export const MIXED = 1;
/** Some results read far smaller values than others, or values leave the range that transforms can hold. */
export const UNSAFE = 2;
/** Some weight is NaN or ∞. */
export const NOT_FINITE = 3;

/** A result reads values at least this share of the largest of its tile. */
const leastOfTile: f32 = 0.125;
/** Pixels, or taps, of the same size lie within this share. */
const leastOfUniform: f32 = 0.0625;
/** What transforms can hold: 2⁻⁹⁶, 2⁶⁰ for values and 2⁴⁰ for weights, whose products over channels stay finite. */
const smallest: f32 = 1.262177448e-29;
const largest: f32 = 1152921504606846976;
const largestWeight: f32 = 1099511627776;

// @inline
function isHeld(magnitude: f32, limit: f32): bool {
  return magnitude == 0 || (magnitude >= smallest && magnitude <= limit);
}

/** The class of a filter: nine taps to a channel, channels `step` bytes apart. */
function filterClass(filter: usize, channels: i32, step: usize): i32 {
  let first = f32x4.splat(0);
  let second = first;
  let last: f32 = 0;
  for (let channel = 0; channel < channels; channel++) {
    first = f32x4.max(first, f32x4.abs(v128.load(filter)));
    second = f32x4.max(second, f32x4.abs(v128.load(filter, 16)));
    last = max<f32>(last, abs<f32>(load<f32>(filter, 32)));
    filter += step;
  }
  const most = max<f32>(last, maxLanes(f32x4.max(first, second)));
  if (!(most <= f32.MAX_VALUE)) return NOT_FINITE;
  if (!isHeld(most, largestWeight)) return UNSAFE;
  return min<f32>(last, minLanes(f32x4.min(first, second))) >= leastOfUniform * most ? UNIFORM : MIXED;
}

/** Bytes of the classes of filters, an i32 each, which stand before the packed weights. */
export function classesBytes(results: i32): usize {
  return (bytes(results) + 63) & ~63;
}

/** Writes the classes of the filters of a pair of results. */
export function writeClasses(
  weight: usize,
  channels: i32,
  results: i32,
  resultStep: i32,
  channelStep: i32,
  pair: i32,
  classes: usize,
): void {
  for (let r = 2 * pair; r < min(2 * pair + 2, results); r++) {
    store<i32>(classes + bytes(r), filterClass(weight + bytes(r, resultStep), channels, bytes(channelStep)));
  }
}

/** The largest class of the filters. */
export function largestClass(classes: usize, results: i32): i32 {
  let largest = UNIFORM;
  for (let r = 0; r < results; r++) largest = max(largest, word(classes, r));
  return largest;
}

/**
 * The classes of four tiles: `most` is the largest magnitude of each, `leastRead` the smallest that one of its results
 * reads at most, `least` the smallest that is read.
 */
// @inline
function tileClasses(most: v128, leastRead: v128, least: v128): v128 {
  const within = v128.and(f32x4.ge(most, f32x4.splat(smallest)), f32x4.le(most, f32x4.splat(largest)));
  const isHeld = v128.or(within, f32x4.eq(most, f32x4.splat(0)));
  const isSafe = v128.and(isHeld, f32x4.ge(leastRead, f32x4.mul(most, f32x4.splat(leastOfTile))));
  const isUniform = f32x4.ge(least, f32x4.mul(most, f32x4.splat(leastOfUniform)));
  // A mask's lanes are −1.
  const classes = i32x4.add(i32x4.splat(MIXED), isUniform);
  return v128.bitselect(classes, i32x4.splat(UNSAFE), isSafe);
}

/** The largest, or the smallest, of three magnitudes side by side, for four lanes. */
// @inline
function largestOfRow(at: usize): v128 {
  return f32x4.max(v128.load(at), f32x4.max(v128.load(at, 4), v128.load(at, 8)));
}

// @inline
function smallestOfRow(at: usize): v128 {
  return f32x4.min(v128.load(at), f32x4.min(v128.load(at, 4), v128.load(at, 8)));
}

/**
 * The classes of four tiles side by side, of `rows` (1 to 3) results one below the other each, by the magnitudes they
 * read. Only if `withUniform` UNIFORM is told from MIXED.
 */
export function columnClasses(at: usize, rowStep: usize, rows: i32, withUniform: bool): v128 {
  let row1 = largestOfRow(at + rowStep);
  let row2 = largestOfRow(at + 2 * rowStep);
  let most = f32x4.max(largestOfRow(at), f32x4.max(row1, row2));
  let leastRead = most;
  for (let row = 1; row < rows; row++) {
    const row3 = largestOfRow(at + <usize>(row + 2) * rowStep);
    const read = f32x4.max(row1, f32x4.max(row2, row3));
    most = f32x4.max(most, read);
    leastRead = f32x4.min(leastRead, read);
    row1 = row2;
    row2 = row3;
  }
  let least = most;
  for (let row = 0; withUniform && row < rows + 2; row++) {
    least = f32x4.min(least, smallestOfRow(at + <usize>row * rowStep));
  }
  return tileClasses(most, leastRead, least);
}

/** The class of a tile of 2 × 4 results, `rows` × `columns` of which exist, in the same way. */
export function tileClass(at: usize, rowStep: usize, rows: i32, columns: i32, withUniform: bool): i32 {
  const row1 = largestOfRow(at + rowStep);
  const row2 = largestOfRow(at + 2 * rowStep);
  const read0 = f32x4.max(largestOfRow(at), f32x4.max(row1, row2));
  const read1 = rows == 1 ? read0 : f32x4.max(row1, f32x4.max(row2, largestOfRow(at + 3 * rowStep)));
  const most = maxLanes(f32x4.max(read0, read1));
  const exists = i32x4.gt_s(i32x4.splat(columns), i32x4(0, 1, 2, 3));
  const leastRead = minLanes(v128.bitselect(f32x4.min(read0, read1), f32x4.splat(f32.MAX_VALUE), exists));
  let least = f32x4.splat(most);
  for (let row = 0; withUniform && row < rows + 2; row++) {
    least = f32x4.min(least, smallestOfRow(at + <usize>row * rowStep));
  }
  const ofTile = minLanes(v128.bitselect(least, f32x4.splat(f32.MAX_VALUE), exists));
  return i32x4.extract_lane(tileClasses(f32x4.splat(most), f32x4.splat(leastRead), f32x4.splat(ofTile)), 0);
}

/**
 * Whether a tile's part of a weight's gradient is to be summed plainly: whether for some tap all products of the
 * magnitudes of dy and x are small beside the largest of both. Taps that read nothing but padding do not count. Both
 * have rows `rowStep` bytes apart; the tile's first patch value is at (row, column) of a plane of height × width.
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
): bool {
  const dy0 = v128.load(dy);
  const dy1 = v128.load(dy + rowStep);
  const most = maxLanes(f32x4.max(dy0, dy1));
  let all = f32x4.splat(0);
  for (let line: usize = 0; line < 4; line++) {
    const at = x + line * rowStep;
    all = f32x4.max(all, f32x4.max(v128.load(at), v128.load(at, 8)));
  }
  const mostOfX = maxLanes(all);
  if (!(isHeld(most, largest) && isHeld(mostOfX, largest))) return true;
  const allowed = f32x4.splat(leastOfTile * most * mostOfX);
  for (let y = row; y < row + 3; y++) {
    const isRead = y + rows > 0 && y < height;
    for (let tap = 0; isRead && tap < 3; tap++) {
      if (column + tap + columns <= 0 || column + tap >= width) continue;
      const product0 = f32x4.mul(dy0, v128.load(x + bytes(tap)));
      const product1 = f32x4.mul(dy1, v128.load(x + rowStep + bytes(tap)));
      if (!v128.any_true(f32x4.ge(f32x4.max(product0, product1), allowed))) return true;
    }
    x += rowStep;
  }
  return false;
}

/** The smallest of four lanes. */
// @inline
function minLanes(v: v128): f32 {
  const w = f32x4.min(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return min<f32>(f32x4.extract_lane(w, 0), f32x4.extract_lane(w, 1));
}
