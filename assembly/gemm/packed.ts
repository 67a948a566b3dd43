import { bytes } from "../conv/planes";
import { at, packRows, packTurnedPanel } from "./packing";
import { edgePanel, fewRows, finishRow, stretch, tileBytes, widePanel } from "./product";
import { tileRow, tileStrided } from "./tiles";

/** Columns of b in a panel. */
export const packedColumns: i32 = 16;

/**
 * b, stored n × k, in panels of 16 columns over all of k, the last filled up with zeros: for products that share it.
 * Units: panels.
 */
export function packWeights(b: usize, packed: usize, n: i32, k: i32, begin: i32, end: i32): void {
  for (let panel = begin; panel < end; panel++) {
    const j = panel * packedColumns;
    packTurnedPanel(at(b, k, j, 0), k, min(packedColumns, n - j), panelAt(packed, k, j, 0));
  }
}

/**
 * c = a·b + bias, to the last bit as `gemm` computes it, of a b that {@link packWeights} has laid out; `bias` may be 0.
 * Units: panels.
 */
export function gemmPacked(
  a: usize,
  packed: usize,
  bias: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const j0 = begin * packedColumns;
  const j1 = min(end * packedColumns, n);
  if (m == 1) oneRow(a, packed, bias, c, n, k, j0, j1, scratch);
  else if (m <= fewRows) someRows(a, packed, bias, c, m, n, k, j0, j1, scratch);
  else manyRows(a, packed, bias, c, m, n, k, j0, j1, scratch);
}

/** Bytes of scratch of {@link gemmPacked}: a tile, and the rows of a over a stretch of k. */
export function gemmPackedScratch(m: i32, k: i32): f64 {
  return <f64>tileBytes + (m <= fewRows ? 0 : <f64>bytes((m + 1) & ~1, min(k, stretch)));
}

/** Where the panel of column j has its values of k from p. */
// @inline
function panelAt(packed: usize, k: i32, j: i32, p: i32): usize {
  return packed + (((<usize>j >> 4) * <usize>k + <usize>p) << 6);
}

function oneRow(
  a: usize,
  packed: usize,
  bias: usize,
  c: usize,
  n: i32,
  k: i32,
  j0: i32,
  j1: i32,
  scratch: usize,
): void {
  for (let j = j0; j < j1; j += packedColumns) {
    const isWhole = j + packedColumns <= j1;
    const to = isWhole ? at(c, n, 0, j) : scratch;
    for (let p = 0; p < k; p += stretch) {
      const from = p > 0 ? to : bias ? bias + ((<usize>j) << 2) : 0;
      tileRow(at(a, k, 0, p), panelAt(packed, k, j, p), min(stretch, k - p), from, to);
    }
    if (!isWhole) finishRow(scratch, 0, false, c, n, 0, j, j1 - j);
  }
}

function someRows(
  a: usize,
  packed: usize,
  bias: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  j0: i32,
  j1: i32,
  scratch: usize,
): void {
  for (let j = j0; j < j1; j += packedColumns) {
    const width = min(packedColumns, j1 - j);
    const from = bias ? bias + ((<usize>j) << 2) : 0;
    for (let p = 0; p < k; p += stretch) {
      const panel = panelAt(packed, k, j, p);
      const depth = min(stretch, k - p);
      const addsToC = p > 0;
      for (let i = 0; i < m; i += 2) {
        const isPair = i + 1 < m;
        const a0 = at(a, k, i, p);
        const a1 = isPair ? at(a, k, i + 1, p) : a0;
        if (width < packedColumns) {
          tileStrided(a0, a1, panel, 64, depth, 0, 0, scratch, scratch + 64);
          finishRow(scratch, addsToC ? c : bias, addsToC, c, n, i, j, width);
          if (isPair) finishRow(scratch + 64, addsToC ? c : bias, addsToC, c, n, i + 1, j, width);
          continue;
        }
        const c0 = at(c, n, i, j);
        const c1 = isPair ? at(c, n, i + 1, j) : scratch;
        tileStrided(a0, a1, panel, 64, depth, addsToC ? c0 : from, addsToC && isPair ? c1 : from, c0, c1);
      }
    }
  }
}

function manyRows(
  a: usize,
  packed: usize,
  bias: usize,
  c: usize,
  m: i32,
  n: i32,
  k: i32,
  j0: i32,
  j1: i32,
  scratch: usize,
): void {
  const rows = scratch + tileBytes;
  for (let p = 0; p < k; p += stretch) {
    const depth = min(stretch, k - p);
    const addsToC = p > 0;
    const from = addsToC ? c : bias;
    packRows(a, m, k, false, p, depth, 0, m, rows);
    for (let j = j0; j < j1; j += packedColumns) {
      const panel = panelAt(packed, k, j, p);
      const width = min(packedColumns, j1 - j);
      if (width == packedColumns) widePanel(rows, panel, depth, from, addsToC, c, n, 0, m, j, scratch);
      else edgePanel(rows, panel, depth, from, addsToC, c, n, 0, m, j, width, scratch);
    }
  }
}
