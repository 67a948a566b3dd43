// Winograd's 6 × 6 patches of a source and 4 × 4 tiles of a result: where they lie, and their maps, four at a time (see
// winograd/lines.ts). The tiles of a unit of work, whole images or a slice of one, are numbered through and padded to a
// multiple of 16. A result does not depend on which tiles stand beside its own.
//
// The plan is an array of i32 written by src/backend/wasm/winograd.ts.

import { bytes, clearRow, copyRow, word } from "../conv/planes";
import { transposeFour } from "../gemm/tiles";
import { storeLanes } from "../math/lanes";
import { cotangentLines, inputLines, outputLines } from "./lines";

/**
 * Indices of the plan, which is that of one group: the source's channels and size, and the zeros before its first row
 * and column.
 */
export const CHANNELS = 0;
const ROWS = 1;
const COLUMNS = 2;
const PADDING_ROWS = 3;
const PADDING_COLUMNS = 4;
/** The result's channels and size. */
export const RESULTS = 5;
export const RESULT_ROWS = 6;
export const RESULT_COLUMNS = 7;
const BATCH = 8;
/** Tiles of an image, and how many images and rows of tiles a unit has. */
const TILE_ROWS = 9;
const TILE_COLUMNS = 10;
export const IMAGES = 11;
export const SLICE_ROWS = 12;
/** Channels of an image of the source and of the result, those of other groups among them. */
const IMAGE_CHANNELS = 13;
export const IMAGE_RESULTS = 14;
/** Values of a row of the planes that {@link fillPadded} writes. */
const ROW_LENGTH = 15;

/**
 * A tile's record: byte offsets of its patch in the planes and of its results in a channel, and how many rows and
 * columns exist.
 */
export const recordBytes: usize = 16;

/** Bytes of the lines through which a patch, or a tile of results, is transformed. */
export const patchLinesBytes: usize = 640;

/** Tiles of a full unit, rounded up to a multiple of 16. */
export function unitTiles(plan: usize): i32 {
  return (word(plan, IMAGES) * word(plan, SLICE_ROWS) * word(plan, TILE_COLUMNS) + 15) & ~15;
}

/** Bytes of the planes that {@link fillPadded} writes. */
export function planesBytes(plan: usize): usize {
  return (bytes(word(plan, IMAGES), planeLength(plan)) + 15) & ~15;
}

/** Bytes of a row of the planes. */
export function rowBytes(plan: usize): usize {
  return bytes(word(plan, ROW_LENGTH));
}

export function planeLength(plan: usize): i32 {
  return (4 * word(plan, SLICE_ROWS) + 2) * word(plan, ROW_LENGTH);
}

/** The first image of a unit, how many it has, and its rows of tiles in each. */
export function firstImage(plan: usize, unit: i32): i32 {
  return (unit / slicesOf(plan)) * word(plan, IMAGES);
}

export function imagesOf(plan: usize, unit: i32): i32 {
  return min(word(plan, IMAGES), word(plan, BATCH) - firstImage(plan, unit));
}

export function firstTileRow(plan: usize, unit: i32): i32 {
  return (unit % slicesOf(plan)) * word(plan, SLICE_ROWS);
}

export function tileRowsOf(plan: usize, unit: i32): i32 {
  return min(word(plan, SLICE_ROWS), word(plan, TILE_ROWS) - firstTileRow(plan, unit));
}

function slicesOf(plan: usize): i32 {
  const sliceRows = word(plan, SLICE_ROWS);
  return (word(plan, TILE_ROWS) + sliceRows - 1) / sliceRows;
}

/** Writes the records of a unit's tiles, and empty ones up to a multiple of 16; how many tiles there are. */
export function placeTiles(plan: usize, unit: i32, records: usize): i32 {
  const tileColumns = word(plan, TILE_COLUMNS);
  const first = firstImage(plan, unit);
  const images = imagesOf(plan, unit);
  const firstRow = firstTileRow(plan, unit);
  const lastRow = firstRow + tileRowsOf(plan, unit);
  const resultRows = word(plan, RESULT_ROWS);
  const resultColumns = word(plan, RESULT_COLUMNS);
  let at = records;
  for (let image = 0; image < images; image++) {
    const result = bytes((first + image) * word(plan, IMAGE_RESULTS), resultRows * resultColumns);
    for (let y = firstRow; y < lastRow; y++) {
      const patch = bytes(image, planeLength(plan)) + <usize>(4 * (y - firstRow)) * rowBytes(plan);
      for (let x = 0; x < tileColumns; x++) {
        store<i32>(at, <i32>(patch + bytes(4 * x)));
        store<i32>(at, <i32>(result + bytes(4 * y, resultColumns) + bytes(4 * x)), 4);
        store<i32>(at, min(4, resultRows - 4 * y), 8);
        store<i32>(at, min(4, resultColumns - 4 * x), 12);
        at += recordBytes;
      }
    }
  }
  const count = <i32>((at - records) / recordBytes);
  for (let t = count; t & 15; t++) {
    v128.store(at, i32x4.splat(0));
    at += recordBytes;
  }
  return count;
}

/** Copies the part of a source channel that a unit's patches cover; left and right margins are zero already. */
export function fillPadded(plan: usize, unit: i32, source: usize, channel: i32, planes: usize): void {
  const rows = word(plan, ROWS);
  const columns = word(plan, COLUMNS);
  const first = firstImage(plan, unit);
  const images = imagesOf(plan, unit);
  const step = rowBytes(plan);
  const planeRows = 4 * word(plan, SLICE_ROWS) + 2;
  const firstRow = 4 * firstTileRow(plan, unit) - word(plan, PADDING_ROWS);
  let to = planes + bytes(word(plan, PADDING_COLUMNS));
  for (let image = 0; image < images; image++) {
    const from = source + bytes((first + image) * word(plan, IMAGE_CHANNELS) + channel, rows * columns);
    for (let row = firstRow; row < firstRow + planeRows; row++) {
      if (row >= 0 && row < rows) copyRow(from + bytes(row, columns), to, columns);
      else clearRow(to, columns);
      to += step;
    }
  }
}

/**
 * The 36 values Bᵀ d B of four patches, a vector of one lane per patch each, to `to` and `step` bytes on. `tile` points
 * to the first patch's record; scratch: 36 vectors.
 */
export function spreadPatches(
  planes: usize,
  rowStep: usize,
  tile: usize,
  factors: usize,
  to: usize,
  step: usize,
  scratch: usize,
): void {
  let p0 = planes + load<u32>(tile);
  let p1 = planes + load<u32>(tile, 16);
  let p2 = planes + load<u32>(tile, 32);
  let p3 = planes + load<u32>(tile, 48);
  for (let line = scratch; line < scratch + 576; line += 96) {
    const r0 = v128.load(p0);
    const r1 = v128.load(p1);
    const r2 = v128.load(p2);
    const r3 = v128.load(p3);
    const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const t1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const t2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(line, v128.shuffle<f32>(t0, t2, 0, 1, 4, 5));
    v128.store(line, v128.shuffle<f32>(t0, t2, 2, 3, 6, 7), 16);
    v128.store(line, v128.shuffle<f32>(t1, t3, 0, 1, 4, 5), 32);
    v128.store(line, v128.shuffle<f32>(t1, t3, 2, 3, 6, 7), 48);
    const low = v128.shuffle<f32>(v128.load64_zero(p0, 16), v128.load64_zero(p1, 16), 0, 4, 1, 5);
    const high = v128.shuffle<f32>(v128.load64_zero(p2, 16), v128.load64_zero(p3, 16), 0, 4, 1, 5);
    v128.store(line, v128.shuffle<f32>(low, high, 0, 1, 4, 5), 64);
    v128.store(line, v128.shuffle<f32>(low, high, 2, 3, 6, 7), 80);
    p0 += rowStep;
    p1 += rowStep;
    p2 += rowStep;
    p3 += rowStep;
  }
  inputLines(factors, 6, scratch, 96, 16, scratch, 96, 16);
  inputLines(factors, 6, scratch, 16, 96, to, step, 6 * step);
}

/**
 * The results Aᵀ m A + bias of four tiles, m as 36 vectors of a lane per tile, 64 bytes apart. `tile` points to the
 * first tile's record; `result` to the channel in the first image; scratch: 24 vectors.
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
  outputLines(factors, 6, m, 64, 6 << 6, scratch, 16, 96);
  outputLines(factors, 4, scratch, 96, 16, scratch, 64, 16);
  for (let line = scratch; line < scratch + 256; line += 64) transposeFour(line, 16, line, 16);
  const starts = f32x4.splat(bias);
  const rowStep = bytes(word(plan, RESULT_COLUMNS));
  for (let t: usize = 0; t < 64; t += 16) {
    let to = result + load<u32>(tile + t, 4);
    const columns = load<i32>(tile + t, 12);
    const end = scratch + t + ((<usize>load<i32>(tile + t, 8)) << 6);
    for (let line = scratch + t; line < end; line += 64) {
      storeLanes(to, columns, f32x4.add(v128.load(line), starts));
      to += rowStep;
    }
  }
}

/**
 * The 36 values A dy Aᵀ of a tile of four channels, a vector of a lane per channel each, to `to` and `step` bytes on.
 * The channels' planes lie `planeStep` bytes apart; scratch: 40 vectors.
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
  const tile = scratch + 24 * 16;
  for (let row: usize = 0; row < 4; row++) {
    transposeFour(planes, planeStep, tile + (row << 6), 16);
    planes += rowStep;
  }
  cotangentLines(factors, 4, tile, 64, 16, scratch, 96, 16);
  cotangentLines(factors, 6, scratch, 16, 96, to, step, 6 * step);
}
