// The gradient of a 1 × 1 convolution (stride 1, no padding) for its weight: dweight[o][c] = Σ dy[o][p]·x[c][p] over
// the positions p of all images, one after the other. One of the two lies in the lanes of panels, the other in rows of
// pairs, as in gemm/product.ts: whichever leaves fewer lanes unused and is quicker to lay out.
//
// Positions are summed in f32 in stretches of 256, which may reach from one image into the next, and in f64 over these.
// Stretches are cut into pieces by the shape alone; each piece has sums of its own, and `convMergeWeights` adds them in
// order.

import { packColumns, packRows } from "../gemm/packing";
import { tileNarrow, tilePacked } from "../gemm/tiles";
import { addWide, firstOfPiece } from "./pieces";
import { bytes, clear } from "./planes";

/** Positions that are summed in f32. */
export const pointwiseStretch: i32 = 256;
/** Bytes of two rows of 16 values, and of a panel. */
const tileBytes: usize = 128;
const panelBytes: usize = (<usize>pointwiseStretch) << 6;

/**
 * partial (f64; piece, group, row channel, lane channels rounded up to 4) = the sums of each piece. Units are (piece,
 * group, `slice` row channels); `columns` are the positions of all images, `plane` of one. Scratch: a tile, a panel,
 * and a stretch of each row of a slice, rounded up to a multiple of 4.
 */
export function pointwiseWeightGradient(
  rows: usize,
  lanes: usize,
  partial: usize,
  groups: i32,
  rowChannels: i32,
  laneChannels: i32,
  plane: i32,
  columns: i32,
  pieces: i32,
  slice: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const tile = scratch;
  const panel = tile + tileBytes;
  const packed = panel + panelBytes;
  const slices = (rowChannels + slice - 1) / slice;
  const stretches = (columns + pointwiseStretch - 1) / pointwiseStretch;
  const sumBytes = (<usize>((laneChannels + 3) & ~3)) << 3;
  for (let unit = begin; unit < end; unit++) {
    const piece = unit / (groups * slices);
    const group = (unit / slices) % groups;
    const first = (unit % slices) * slice;
    const count = min(slice, rowChannels - first);
    const sums = partial + (<usize>(piece * groups + group) * <usize>rowChannels + <usize>first) * sumBytes;
    clear(sums, <usize>count * sumBytes);
    const last = firstOfPiece(piece + 1, stretches, pieces);
    for (let s = firstOfPiece(piece, stretches, pieces); s < last; s++) {
      const column = s * pointwiseStretch;
      const depth = min(pointwiseStretch, columns - column);
      const pairBytes = (<usize>depth) << 3;
      for (let part = column; part < column + depth; ) {
        const image = part / plane;
        const p = part - image * plane;
        const length = min(column + depth - part, plane - p);
        const from = rows + bytes((image * groups + group) * rowChannels + first, plane);
        let to = packed + ((<usize>(part - column)) << 3);
        for (let r = 0; r < count; r += 2) {
          packRows(from, count, plane, false, p, length, r, min(r + 2, count), to);
          to += pairBytes;
        }
        part += length;
      }
      for (let lane = 0; lane < laneChannels; lane += 16) {
        const width = min(16, laneChannels - lane);
        for (let part = column; part < column + depth; ) {
          const image = part / plane;
          const p = part - image * plane;
          const length = min(column + depth - part, plane - p);
          const from = lanes + bytes((image * groups + group) * laneChannels, plane);
          const to = panel + ((<usize>(part - column)) << (width > 4 ? 6 : 4));
          packColumns(from, laneChannels, plane, true, p, length, lane, lane + width, to);
          part += length;
        }
        const to = sums + ((<usize>lane) << 3);
        if (width > 4) addPairs(packed, panel, depth, count, (width + 3) & ~3, to, sumBytes, tile);
        else addQuads(packed, panel, depth, count, to, sumBytes, tile);
      }
    }
  }
}

/** Bytes of scratch of {@link pointwiseWeightGradient}. */
export function pointwiseWeightGradientScratch(slice: i32): f64 {
  return <f64>(tileBytes + panelBytes) + <f64>bytes((slice + 3) & ~3, pointwiseStretch);
}

/** The products of rows, two at a time, with a panel of 16 lanes, of which `width` are kept. */
function addPairs(
  a: usize,
  panel: usize,
  depth: i32,
  rows: i32,
  width: i32,
  sums: usize,
  sumBytes: usize,
  tile: usize,
): void {
  for (let r = 0; r < rows; r += 2) {
    tilePacked(a, panel, depth, 0, 0, tile, tile + 64);
    addWide(tile, sums, width);
    if (r + 1 < rows) addWide(tile + 64, sums + sumBytes, width);
    a += (<usize>depth) << 3;
    sums += sumBytes << 1;
  }
}

/** The products of rows, four at a time, with a panel of 4 lanes. */
function addQuads(a: usize, panel: usize, depth: i32, rows: i32, sums: usize, sumBytes: usize, tile: usize): void {
  const pairBytes = (<usize>depth) << 3;
  for (let r = 0; r < rows; r += 4) {
    tileNarrow(a, r + 2 < rows ? a + pairBytes : a, panel, depth, tile);
    const count = min(4, rows - r);
    for (let k = 0; k < count; k++) {
      addWide(tile + ((<usize>k) << 4), sums, 4);
      sums += sumBytes;
    }
    a += pairBytes << 1;
  }
}
