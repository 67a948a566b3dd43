// Copies of a matrix product's operands in the order in which the tiles read them; a is m × k or stored k × m, b is k ×
// n or stored n × k.

import { transposeFour } from "./tiles";

/** The address of element (i, j) in rows of `n`. */
// @inline
export function at(x: usize, n: i32, i: i32, j: i32): usize {
  return x + ((<usize>i * <usize>n + <usize>j) << 2);
}

/**
 * Rows i0 … i1 of a over `depth` values of k from p, in pairs: (a[i][p], a[i + 1][p]), …; an odd last row is paired
 * with zeros.
 */
export function packRows(
  a: usize,
  m: i32,
  k: i32,
  transposed: bool,
  p: i32,
  depth: i32,
  i0: i32,
  i1: i32,
  packed: usize,
): void {
  const pairBytes = (<usize>depth) << 3;
  let i = i0;
  if (transposed) {
    for (; i + 4 <= i1; i += 4) {
      let source = at(a, m, p, i);
      for (let t = 0; t < depth; t++) {
        const values = v128.load(source);
        v128.store64_lane(packed, values, 0);
        v128.store64_lane(packed + pairBytes, values, 1);
        source += (<usize>m) << 2;
        packed += 8;
      }
      packed += pairBytes;
    }
  }
  for (; i < i1; i += 2) {
    const isPair = i + 1 < i1;
    if (transposed) packPair(at(a, m, p, i), 4, (<usize>m) << 2, depth, isPair, packed);
    else if (isPair) interleave(at(a, k, i, p), at(a, k, i + 1, p), depth, packed);
    else packPair(at(a, k, i, p), 0, 4, depth, false, packed);
    packed += pairBytes;
  }
}

/** packed = (x[t], x[t] + rowStep) for each of `depth` values `step` bytes apart, or (x[t], 0) without a second row. */
function packPair(x: usize, rowStep: usize, step: usize, depth: i32, isPair: bool, packed: usize): void {
  for (let t = 0; t < depth; t++) {
    store<f32>(packed, load<f32>(x));
    store<f32>(packed, isPair ? load<f32>(x + rowStep) : 0, 4);
    x += step;
    packed += 8;
  }
}

/** packed = x[0], y[0], x[1], y[1], … */
function interleave(x: usize, y: usize, length: i32, packed: usize): void {
  let t = 0;
  for (; t + 4 <= length; t += 4) {
    const xs = v128.load(x);
    const ys = v128.load(y);
    v128.store(packed, v128.shuffle<f32>(xs, ys, 0, 4, 1, 5));
    v128.store(packed, v128.shuffle<f32>(xs, ys, 2, 6, 3, 7), 16);
    x += 16;
    y += 16;
    packed += 32;
  }
  for (; t < length; t++) {
    store<f32>(packed, load<f32>(x));
    store<f32>(packed, load<f32>(y), 4);
    x += 4;
    y += 4;
    packed += 8;
  }
}

/** Columns j0 … j1 of b over `depth` values of k from p, in panels of 16 columns, or of 4 if so few are left. */
export function packColumns(
  b: usize,
  n: i32,
  k: i32,
  transposed: bool,
  p: i32,
  depth: i32,
  j0: i32,
  j1: i32,
  packed: usize,
): void {
  for (let j = j0; j < j1; j += 16) {
    const width = min(16, j1 - j);
    const quads = width > 4 ? 4 : 1;
    if (width == 16 && !transposed) packPanel(at(b, n, p, j), (<usize>n) << 2, depth, packed);
    else {
      for (let q = 0; q < quads; q++) {
        const columns = max(min(width - 4 * q, 4), 0);
        const to = packed + ((<usize>q) << 4);
        const from = transposed ? at(b, k, j + 4 * q, p) : at(b, n, p, j + 4 * q);
        if (transposed) packQuad(from, (<usize>k) << 2, 4, columns, depth, to, (<usize>quads) << 4);
        else packQuad(from, 4, (<usize>n) << 2, columns, depth, to, (<usize>quads) << 4);
      }
    }
    packed += (<usize>depth) << 6;
  }
}

/** `depth` rows of 16 contiguous values. */
export function packPanel(x: usize, rowStep: usize, depth: i32, packed: usize): void {
  const end = packed + ((<usize>depth) << 6);
  while (packed < end) {
    v128.store(packed, v128.load(x));
    v128.store(packed, v128.load(x, 16), 16);
    v128.store(packed, v128.load(x, 32), 32);
    v128.store(packed, v128.load(x, 48), 48);
    x += rowStep;
    packed += 64;
  }
}

/** A panel of up to 16 columns over all of k, of b stored n × k, filled up with zeros to 16. */
export function packTurnedPanel(b: usize, k: i32, columns: i32, packed: usize): void {
  for (let q = 0; q < 4; q++) {
    packQuad(at(b, k, 4 * q, 0), (<usize>k) << 2, 4, max(min(columns - 4 * q, 4), 0), k, packed, 64);
    packed += 16;
  }
}

/** `depth` rows of up to 4 columns, filled up with zeros. */
function packQuad(
  x: usize,
  columnStep: usize,
  rowStep: usize,
  columns: i32,
  depth: i32,
  packed: usize,
  packedStep: usize,
): void {
  let t = 0;
  if (columns == 4 && rowStep == 4) {
    for (; t + 4 <= depth; t += 4) {
      transposeFour(x, columnStep, packed, packedStep);
      x += 16;
      packed += packedStep << 2;
    }
  }
  for (; t < depth; t++) {
    let column = x;
    for (let j = 0; j < 4; j++) {
      store<f32>(packed + ((<usize>j) << 2), j < columns ? load<f32>(column) : 0);
      column += columnStep;
    }
    x += rowStep;
    packed += packedStep;
  }
}
