// Matrix products by blocks: k in stretches of 256, so that a packed panel of b (16 columns, 16 KiB) stays in the
// first-level cache while the rows of a packed block of a (96 rows, 96 KiB, in the second) pass by.
//
// c = from + stretch₀, then c += stretch₁ and so on: the order depends on k alone, not on which rows and columns a call
// does.

import { bytes } from "../conv/planes";
import { at, packColumns, packRows } from "./packing";
import { tileColumns, tileNarrow, tilePacked, tileStrided } from "./tiles";

export const stretch: i32 = 256;
const blockRows: i32 = 96;
const blockColumns: i32 = 1024;
/** With at most this many rows, packing b costs more than it saves; and the same of one that is stored n × k. */
export const fewRows: i32 = 8;
const fewRowsTurned: i32 = 3;

/** Bytes of a tile that does not fit c, before the packed operands in the scratch memory. */
export const tileBytes: usize = 128;
const packedA: usize = tileBytes;
const packedB: usize = tileBytes + <usize>(blockRows * stretch * 4);

/**
 * Rows i0 … i1 and columns j0 … j1 of c = from + a·b; a is m × k (stored k × m if `transposeA`), b is k × n (stored n ×
 * k if `transposeB`), all with contiguous rows. `from` is c itself if `accumulate`, else `bias` (a value per column,
 * readable up to a multiple of 16) or, where that is 0, zeros.
 *
 * Scratch: a tile, a packed block of a, and a packed block of b: {@link productScratch}.
 */
export function product(
  a: usize,
  b: usize,
  bias: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  transposeA: bool,
  transposeB: bool,
  accumulate: bool,
  i0: i32,
  i1: i32,
  j0: i32,
  j1: i32,
  scratch: usize,
): void {
  if (k == 0 && !accumulate) fillRows(bias, c, n, i0, i1, j0, j1);
  const direct = !transposeA && i1 - i0 <= (transposeB ? fewRowsTurned : fewRows);
  for (let jBlock = j0; jBlock < j1; jBlock += blockColumns) {
    const jEnd = min(jBlock + blockColumns, j1);
    // The columns that need packing start here; before it, b is read where it lies.
    const jPacked = direct ? jBlock + ((jEnd - jBlock) & ~15) : jBlock;
    for (let p = 0; p < k; p += stretch) {
      const depth = min(stretch, k - p);
      const addsToC = accumulate || p > 0;
      if (direct) {
        for (let j = jBlock; j < jPacked; j += 16) {
          const from = addsToC ? 0 : bias;
          if (transposeB) turnedPanel(a, b, from, addsToC, c, n, k, p, depth, i0, i1, j);
          else directPanel(a, b, from, addsToC, c, n, k, p, depth, i0, i1, j, scratch);
        }
      }
      if (jPacked == jEnd) continue;
      packColumns(b, n, k, transposeB, p, depth, jPacked, jEnd, scratch + packedB);
      for (let iBlock = i0; iBlock < i1; iBlock += blockRows) {
        const iEnd = min(iBlock + blockRows, i1);
        packRows(a, m, k, transposeA, p, depth, iBlock, iEnd, scratch + packedA);
        let panel = scratch + packedB;
        for (let j = jPacked; j < jEnd; j += 16) {
          const from = addsToC ? c : bias;
          const width = min(16, jEnd - j);
          if (width == 16) widePanel(scratch + packedA, panel, depth, from, addsToC, c, n, iBlock, iEnd, j, scratch);
          else if (width > 4)
            edgePanel(scratch + packedA, panel, depth, from, addsToC, c, n, iBlock, iEnd, j, width, scratch);
          else narrowPanel(scratch + packedA, panel, depth, from, addsToC, c, n, iBlock, iEnd, j, width, scratch);
          panel += (<usize>depth) << 6;
        }
      }
    }
  }
}

/** Bytes of scratch of {@link product} for at most `n` columns. */
export function productScratch(n: i32, k: i32): f64 {
  return <f64>packedB + <f64>bytes((min(n, blockColumns) + 15) & ~15, min(k, stretch));
}

/** c = bias in every row: the product over no k at all. */
function fillRows(bias: usize, c: usize, n: i32, i0: i32, i1: i32, j0: i32, j1: i32): void {
  for (let i = i0; i < i1; i++) {
    for (let j = j0; j < j1; j++) {
      store<f32>(at(c, n, i, j), bias ? load<f32>(bias + ((<usize>j) << 2)) : 0);
    }
  }
}

/** 16 columns of c from unpacked operands. */
function directPanel(
  a: usize,
  b: usize,
  bias: usize,
  addsToC: bool,
  c: usize,
  n: i32,
  k: i32,
  p: i32,
  depth: i32,
  i0: i32,
  i1: i32,
  j: i32,
  scratch: usize,
): void {
  const bStart = at(b, n, p, j);
  for (let i = i0; i < i1; i += 2) {
    const a0 = at(a, k, i, p);
    const c0 = at(c, n, i, j);
    const isPair = i + 1 < i1;
    const a1 = isPair ? at(a, k, i + 1, p) : a0;
    const c1 = isPair ? at(c, n, i + 1, j) : scratch;
    const from = bias ? bias + ((<usize>j) << 2) : 0;
    tileStrided(a0, a1, bStart, (<usize>n) << 2, depth, addsToC ? c0 : from, addsToC && isPair ? c1 : from, c0, c1);
  }
}

/** The same where b is stored n × k. */
function turnedPanel(
  a: usize,
  b: usize,
  bias: usize,
  addsToC: bool,
  c: usize,
  n: i32,
  k: i32,
  p: i32,
  depth: i32,
  i0: i32,
  i1: i32,
  j: i32,
): void {
  const from = bias ? bias + ((<usize>j) << 2) : 0;
  for (let i = i0; i < i1; i++) {
    const to = at(c, n, i, j);
    tileColumns(at(a, k, i, p), at(b, k, j, p), (<usize>k) << 2, depth, addsToC ? to : from, to);
  }
}

/** 16 columns of c from packed operands; an odd last row has a partner that goes to the scratch memory. */
export function widePanel(
  a: usize,
  b: usize,
  depth: i32,
  from: usize,
  addsToC: bool,
  c: usize,
  n: i32,
  i0: i32,
  i1: i32,
  j: i32,
  scratch: usize,
): void {
  const rowBytes = (<usize>n) << 2;
  let c0 = at(c, n, i0, j);
  const fromBias = !addsToC && from ? from + ((<usize>j) << 2) : 0;
  let i = i0;
  for (; i + 1 < i1; i += 2) {
    const c1 = c0 + rowBytes;
    tilePacked(a, b, depth, addsToC ? c0 : fromBias, addsToC ? c1 : fromBias, c0, c1);
    a += (<usize>depth) << 3;
    c0 = c1 + rowBytes;
  }
  if (i < i1) tilePacked(a, b, depth, addsToC ? c0 : fromBias, 0, c0, scratch);
}

/** The last 5 to 15 columns of c, by way of the scratch memory. */
export function edgePanel(
  a: usize,
  b: usize,
  depth: i32,
  from: usize,
  addsToC: bool,
  c: usize,
  n: i32,
  i0: i32,
  i1: i32,
  j: i32,
  width: i32,
  scratch: usize,
): void {
  for (let i = i0; i < i1; i += 2) {
    tilePacked(a, b, depth, 0, 0, scratch, scratch + 64);
    finishRow(scratch, from, addsToC, c, n, i, j, width);
    if (i + 1 < i1) finishRow(scratch + 64, from, addsToC, c, n, i + 1, j, width);
    a += (<usize>depth) << 3;
  }
}

/** The last 1 to 4 columns of c, by way of the scratch memory. */
function narrowPanel(
  a: usize,
  b: usize,
  depth: i32,
  from: usize,
  addsToC: bool,
  c: usize,
  n: i32,
  i0: i32,
  i1: i32,
  j: i32,
  width: i32,
  scratch: usize,
): void {
  const pairBytes = (<usize>depth) << 3;
  for (let i = i0; i < i1; i += 4) {
    tileNarrow(a, i + 2 < i1 ? a + pairBytes : a, b, depth, scratch);
    const rows = min(4, i1 - i);
    for (let r = 0; r < rows; r++) finishRow(scratch + ((<usize>r) << 4), from, addsToC, c, n, i + r, j, width);
    a += pairBytes << 1;
  }
}

/** c[i][j + t] = from + tile[t] for t < width: as a whole tile would do it, one value at a time. */
export function finishRow(tile: usize, from: usize, addsToC: bool, c: usize, n: i32, i: i32, j: i32, width: i32): void {
  let to = at(c, n, i, j);
  let base = addsToC ? to : from ? from + ((<usize>j) << 2) : 0;
  for (let t = 0; t < width; t++) {
    let sum = load<f32>(tile);
    if (base) {
      sum = load<f32>(base) + sum;
      base += 4;
    }
    store<f32>(to, sum);
    to += 4;
    tile += 4;
  }
}
