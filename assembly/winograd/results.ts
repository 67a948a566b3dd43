// Winograd's tiles of results, Aᵀ m A of the 24 products of each, and the tiles of cotangents, A dy Aᵀ, of its gradient
// for the weight: see winograd/lines.ts.

import { bytes, word } from "../conv/planes";
import { storeLanes } from "../math/lanes";
import { RESULT, RESULT_COLUMNS, recordBytes, TILE_COLUMN_COUNT, TILE_ROW_COUNT } from "./tiles";

/** Bytes of the lines through which tiles of results, or of cotangents, are transformed. */
export const tileLinesBytes: usize = 192;

/**
 * The results Aᵀ m A + bias of a panel's sixteen tiles, m as 24 rows of a lane per tile. `tile` points to the first
 * one's record; `result` to the channel in the first image; scratch: 12 vectors.
 */
export function storeTiles(
  plan: usize,
  m: usize,
  factors: usize,
  bias: f32,
  tile: usize,
  result: usize,
  scratch: usize,
): void {
  const starts = f32x4.splat(bias);
  const rowStep = bytes(word(plan, RESULT_COLUMNS));
  for (const end = m + 64; m < end; m += 16) {
    outputPairs(m, scratch);
    storeRow(0, scratch, factors, starts, tile, result);
    storeRow(1, scratch + 96, factors, starts, tile, result + rowStep);
    tile += 4 * recordBytes;
  }
}

/**
 * to = Aᵀ m of F(2, 3), 4 → 2, for six vectors of each of the four rows. That engines keep them in registers instead is
 * slower.
 */
// @inline
function outputPairs(m: usize, to: usize): void {
  for (const end = to + 96; to < end; to += 16) {
    const m1 = v128.load(m, 384);
    const m2 = v128.load(m, 768);
    v128.store(to, f32x4.add(v128.load(m), f32x4.add(m1, m2)));
    v128.store(to, f32x4.add(f32x4.sub(m1, m2), v128.load(m, 1152)), 96);
    m += 64;
  }
}

/** A row of four tiles' results: Aᵀ m of F(4, 3), 6 → 4, and a lane to a column instead of one to a tile. */
// @inline
function storeRow(row: i32, m: usize, factors: usize, starts: v128, tile: usize, result: usize): void {
  const m1 = v128.load(m, 16);
  const m2 = v128.load(m, 32);
  const m3 = v128.load(m, 48);
  const m4 = v128.load(m, 64);
  const evenA = f32x4.add(m1, m2);
  const oddA = f32x4.sub(m1, m2);
  const evenB = f32x4.add(m3, m4);
  const oddB = f32x4.sub(m3, m4);
  const y0 = f32x4.add(v128.load(m), f32x4.add(evenA, evenB));
  const y2 = f32x4.add(f32x4.mul(v128.load(factors, 32), evenA), f32x4.mul(v128.load(factors, 48), evenB));
  const y1 = f32x4.add(f32x4.mul(v128.load(factors), oddA), f32x4.mul(v128.load(factors, 16), oddB));
  const last = f32x4.add(f32x4.mul(v128.load(factors, 64), oddA), f32x4.mul(v128.load(factors, 80), oddB));
  const y3 = f32x4.add(last, v128.load(m, 80));
  const t0 = v128.shuffle<f32>(y0, y1, 0, 4, 1, 5);
  const t1 = v128.shuffle<f32>(y0, y1, 2, 6, 3, 7);
  const t2 = v128.shuffle<f32>(y2, y3, 0, 4, 1, 5);
  const t3 = v128.shuffle<f32>(y2, y3, 2, 6, 3, 7);
  storeTile(row, f32x4.add(v128.shuffle<f32>(t0, t2, 0, 1, 4, 5), starts), tile, result);
  storeTile(row, f32x4.add(v128.shuffle<f32>(t0, t2, 2, 3, 6, 7), starts), tile + recordBytes, result);
  storeTile(row, f32x4.add(v128.shuffle<f32>(t1, t3, 0, 1, 4, 5), starts), tile + 2 * recordBytes, result);
  storeTile(row, f32x4.add(v128.shuffle<f32>(t1, t3, 2, 3, 6, 7), starts), tile + 3 * recordBytes, result);
}

// @inline
function storeTile(row: i32, values: v128, tile: usize, result: usize): void {
  if (row < load<i32>(tile, TILE_ROW_COUNT)) {
    storeLanes(result + load<u32>(tile, RESULT), load<i32>(tile, TILE_COLUMN_COUNT), values);
  }
}

/**
 * The 24 values A dy Aᵀ of a tile of four channels, a vector of a lane per channel each, to `to` and `step` bytes on.
 * The channels' planes lie `planeStep` bytes apart; scratch: 12 vectors.
 */
export function spreadCotangents(
  planes: usize,
  planeStep: usize,
  rowStep: usize,
  factors: usize,
  to: usize,
  step: usize,
  scratch: usize,
): void {
  cotangentRow(planes, planeStep, factors, scratch);
  cotangentRow(planes + rowStep, planeStep, factors, scratch + 96);
  for (const end = scratch + 96; scratch < end; scratch += 16) {
    const y0 = v128.load(scratch);
    const y1 = v128.load(scratch, 96);
    v128.store(to, y0);
    v128.store(to + 6 * step, f32x4.add(y0, y1));
    v128.store(to + 12 * step, f32x4.sub(y0, y1));
    v128.store(to + 18 * step, y1);
    to += step;
  }
}

/** to = A dy of F(4, 3), 4 → 6, of a row of four channels, a lane each. */
// @inline
function cotangentRow(row: usize, planeStep: usize, factors: usize, to: usize): void {
  const r0 = v128.load(row);
  const r1 = v128.load(row + planeStep);
  const r2 = v128.load(row + 2 * planeStep);
  const r3 = v128.load(row + 3 * planeStep);
  const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  const y0 = v128.shuffle<f32>(t0, t2, 0, 1, 4, 5);
  const y1 = v128.shuffle<f32>(t0, t2, 2, 3, 6, 7);
  const y2 = v128.shuffle<f32>(t1, t3, 0, 1, 4, 5);
  const y3 = v128.shuffle<f32>(t1, t3, 2, 3, 6, 7);
  v128.store(to, y0);
  v128.store(to, y3, 80);
  let even = f32x4.add(y0, f32x4.mul(v128.load(factors, 32), y2));
  let odd = f32x4.add(f32x4.mul(v128.load(factors), y1), f32x4.mul(v128.load(factors, 64), y3));
  v128.store(to, f32x4.add(even, odd), 16);
  v128.store(to, f32x4.sub(even, odd), 32);
  even = f32x4.add(y0, f32x4.mul(v128.load(factors, 48), y2));
  odd = f32x4.add(f32x4.mul(v128.load(factors, 16), y1), f32x4.mul(v128.load(factors, 80), y3));
  v128.store(to, f32x4.add(even, odd), 48);
  v128.store(to, f32x4.sub(even, odd), 64);
}
