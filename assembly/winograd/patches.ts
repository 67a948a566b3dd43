// What a source's 4 × 6 patches become, Bᵀ d B (winograd/lines.ts): first along columns, whole rows at a time with a
// lane to a column, then along rows, four patches at a time with a lane to a patch.

import { bytes, word } from "../conv/planes";
import { inputLine } from "./lines";
import { lastLanes, lastOfRow, raise } from "./rows";
import {
  COLUMNS,
  firstImage,
  firstTileRow,
  IMAGE_CHANNELS,
  IMAGES,
  imagesOf,
  LINES,
  PADDING_COLUMNS,
  PADDING_ROWS,
  planeLength,
  ROWS,
  recordBytes,
  rowBytes,
  SLICE_ROWS,
  tileRowsOf,
} from "./tiles";

/** Bytes of the lines that {@link fillLines} writes, four to each row of tiles, behind a row of zeros. */
export function linesBytes(plan: usize): usize {
  return rowBytes(plan) * <usize>(4 * word(plan, IMAGES) * word(plan, SLICE_ROWS) + 1);
}

/**
 * The lines Bᵀ d of the part of a source channel that a unit's patches cover, behind a row of zeros at `lines`; margins
 * are zero already. Raises `magnitudes`, planes as tiles.ts has them, to those of the channel; NaN stays.
 */
export function fillLines(plan: usize, unit: i32, source: usize, channel: i32, lines: usize, magnitudes: usize): void {
  const rows = word(plan, ROWS);
  const columns = word(plan, COLUMNS);
  const first = firstImage(plan, unit);
  const images = imagesOf(plan, unit);
  const tileRows = tileRowsOf(plan, unit);
  const firstRow = 2 * firstTileRow(plan, unit) - word(plan, PADDING_ROWS);
  const step = rowBytes(plan);
  const margin = bytes(word(plan, PADDING_COLUMNS));
  const lanes = lastLanes(columns);
  for (let image = 0; image < images; image++) {
    const from = source + bytes((first + image) * word(plan, IMAGE_CHANNELS) + channel, rows * columns);
    let to = lines + step + bytes(4 * image * word(plan, SLICE_ROWS), <i32>(step >> 2)) + margin;
    let raised = magnitudes + bytes(image, planeLength(plan)) + margin;
    let d0 = rowAt(from, firstRow, rows, columns, lines);
    let d1 = rowAt(from, firstRow + 1, rows, columns, lines);
    for (let row = firstRow + 2; row < firstRow + 2 + 2 * tileRows; row += 2) {
      const d2 = rowAt(from, row, rows, columns, lines);
      const d3 = rowAt(from, row + 1, rows, columns, lines);
      pairsOfRow(d0, d1, d2, d3, columns, lanes, to, step);
      raise(d0, raised, columns, lanes);
      raise(d1, raised + step, columns, lanes);
      d0 = d2;
      d1 = d3;
      to += 4 * step;
      raised += 2 * step;
    }
    raise(d0, raised, columns, lanes);
    raise(d1, raised + step, columns, lanes);
  }
}

/** A row of a plane, or one of zeros. */
// @inline
function rowAt(plane: usize, row: i32, rows: i32, columns: i32, zeros: usize): usize {
  return row >= 0 && row < rows ? plane + bytes(row, columns) : zeros;
}

/** to = Bᵀ d of F(2, 3), 4 → 4, of rows of `columns` values. */
// @inline
function pairsOfRow(
  d0: usize,
  d1: usize,
  d2: usize,
  d3: usize,
  columns: i32,
  lanes: v128,
  to: usize,
  step: usize,
): void {
  const end = bytes(columns & ~3);
  for (let i: usize = 0; i < end; i += 16) {
    pairs(v128.load(d0 + i), v128.load(d1 + i), v128.load(d2 + i), v128.load(d3 + i), to + i, step);
  }
  if ((columns & 3) == 0) return;
  pairs(
    lastOfRow(d0, columns, lanes),
    lastOfRow(d1, columns, lanes),
    lastOfRow(d2, columns, lanes),
    lastOfRow(d3, columns, lanes),
    to + end,
    step,
  );
}

// @inline
function pairs(d0: v128, d1: v128, d2: v128, d3: v128, to: usize, step: usize): void {
  v128.store(to, f32x4.sub(d0, d2));
  v128.store(to + step, f32x4.add(d1, d2));
  v128.store(to + 2 * step, f32x4.sub(d2, d1));
  v128.store(to + 3 * step, f32x4.sub(d3, d1));
}

/**
 * The 24 values Bᵀ d B of four patches, a vector of one lane per patch each, to `to` and `step` bytes on. `tile` points
 * to the first patch's record, `lines` to what {@link fillLines} left.
 */
export function spreadPatches(lines: usize, rowStep: usize, tile: usize, factors: usize, to: usize, step: usize): void {
  let p0 = lines + rowStep + load<u32>(tile, LINES);
  let p1 = lines + rowStep + load<u32>(tile + recordBytes, LINES);
  let p2 = lines + rowStep + load<u32>(tile + 2 * recordBytes, LINES);
  let p3 = lines + rowStep + load<u32>(tile + 3 * recordBytes, LINES);
  for (let line = 0; line < 4; line++) {
    const r0 = v128.load(p0);
    const r1 = v128.load(p1);
    const r2 = v128.load(p2);
    const r3 = v128.load(p3);
    const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    const low = v128.shuffle<f32>(v128.load64_zero(p0, 16), v128.load64_zero(p1, 16), 0, 4, 1, 5);
    const high = v128.shuffle<f32>(v128.load64_zero(p2, 16), v128.load64_zero(p3, 16), 0, 4, 1, 5);
    inputLine(
      factors,
      v128.shuffle<f32>(t0, t2, 0, 1, 4, 5),
      v128.shuffle<f32>(t0, t2, 2, 3, 6, 7),
      v128.shuffle<f32>(t1, t3, 0, 1, 4, 5),
      v128.shuffle<f32>(t1, t3, 2, 3, 6, 7),
      v128.shuffle<f32>(low, high, 0, 1, 4, 5),
      v128.shuffle<f32>(low, high, 2, 3, 6, 7),
      to,
      step,
    );
    p0 += rowStep;
    p1 += rowStep;
    p2 += rowStep;
    p3 += rowStep;
    to += 6 * step;
  }
}
