// Winograd's 4 × 6 patches of a source and 2 × 4 tiles of a result: where they lie, and their maps, four at a time (see
// winograd/lines.ts). The tiles of a unit of work, whole images or a slice of one, are numbered through and padded to a
// multiple of 16. A result does not depend on which tiles stand beside its own.
//
// The plan is an array of i32 written by src/backend/wasm/winograd-plan.ts.

import { bytes, clear, clearRow, word } from "../conv/planes";
import { copyAndRaise, lastLanes } from "./rows";
import { isUnsafeForWeight, isUnsafeTile, SAFE, UNSAFE } from "./safety";

/**
 * Indices of the plan, which is that of one group: the source's channels and size, and the zeros before its first row
 * and column.
 */
export const CHANNELS = 0;
export const ROWS = 1;
export const COLUMNS = 2;
export const PADDING_ROWS = 3;
export const PADDING_COLUMNS = 4;
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
export const IMAGE_CHANNELS = 13;
export const IMAGE_RESULTS = 14;
/** Values of a row of the planes that {@link fillPadded} writes. */
export const ROW_LENGTH = 15;
/** Rows of results to a row of tiles. */
export const TILE_HEIGHT = 16;

/**
 * A tile's record: byte offsets of its patch in the planes and of its results in a channel, how many rows and columns
 * exist, whether it is safe, where its patch begins (the image, and a row and a column of the source), and the byte
 * offset of the four lines that its patch becomes.
 */
export const recordBytes: usize = 48;
export const PATCH: usize = 0;
export const RESULT: usize = 4;
export const TILE_ROW_COUNT: usize = 8;
export const TILE_COLUMN_COUNT: usize = 12;
export const SAFETY: usize = 16;
export const IMAGE: usize = 20;
export const ROW: usize = 24;
export const COLUMN: usize = 28;
export const LINES: usize = 32;

/** Results of a tile. */
export const tileResults: i32 = 8;

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
  return (word(plan, TILE_HEIGHT) * word(plan, SLICE_ROWS) + 2) * word(plan, ROW_LENGTH);
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
  const step = rowBytes(plan);
  let at = records;
  for (let image = 0; image < images; image++) {
    const result = bytes((first + image) * word(plan, IMAGE_RESULTS), resultRows * resultColumns);
    for (let y = firstRow; y < lastRow; y++) {
      const lines = bytes(4 * (image * word(plan, SLICE_ROWS) + y - firstRow), word(plan, ROW_LENGTH));
      const patch = bytes(image, planeLength(plan)) + <usize>(2 * (y - firstRow)) * step;
      for (let x = 0; x < tileColumns; x++) {
        store<i32>(at, <i32>(patch + bytes(4 * x)), PATCH);
        store<i32>(at, <i32>(result + bytes(2 * y, resultColumns) + bytes(4 * x)), RESULT);
        store<i32>(at, min(2, resultRows - 2 * y), TILE_ROW_COUNT);
        store<i32>(at, min(4, resultColumns - 4 * x), TILE_COLUMN_COUNT);
        store<i32>(at, first + image, IMAGE);
        store<i32>(at, 2 * y - word(plan, PADDING_ROWS), ROW);
        store<i32>(at, 4 * x - word(plan, PADDING_COLUMNS), COLUMN);
        store<i32>(at, <i32>(lines + bytes(4 * x)), LINES);
        at += recordBytes;
      }
    }
  }
  const count = <i32>((at - records) / recordBytes);
  for (let t = count; t & 15; t++) {
    clear(at, recordBytes);
    at += recordBytes;
  }
  return count;
}

/** Notes which tiles are unsafe by the magnitudes of what they read, and whether any is. */
export function judgeTiles(plan: usize, first: usize, last: usize, magnitudes: usize): bool {
  let isAny = false;
  for (let tile = first; tile < last; tile += recordBytes) {
    const patch = magnitudes + load<u32>(tile, PATCH);
    const rows = load<i32>(tile, TILE_ROW_COUNT);
    const isUnsafe = isUnsafeTile(patch, rowBytes(plan), rows, load<i32>(tile, TILE_COLUMN_COUNT));
    store<i32>(tile, isUnsafe ? UNSAFE : SAFE, SAFETY);
    isAny = isAny || isUnsafe;
  }
  return isAny;
}

/** The same for the weight's gradient, by the magnitudes of what tiles read of x and of dy. */
export function judgeTilesForWeight(
  plan: usize,
  first: usize,
  last: usize,
  magnitudes: usize,
  ofCotangents: usize,
): bool {
  const mayMiss = max(word(plan, PADDING_ROWS), word(plan, PADDING_COLUMNS)) <= 1;
  let isAny = false;
  for (let tile = first; tile < last; tile += recordBytes) {
    const patch = load<u32>(tile, PATCH);
    const isUnsafe = isUnsafeForWeight(
      magnitudes + patch,
      ofCotangents + patch,
      rowBytes(plan),
      load<i32>(tile, ROW),
      load<i32>(tile, TILE_ROW_COUNT),
      word(plan, ROWS),
      load<i32>(tile, COLUMN),
      load<i32>(tile, TILE_COLUMN_COUNT),
      word(plan, COLUMNS),
      mayMiss,
    );
    store<i32>(tile, isUnsafe ? UNSAFE : SAFE, SAFETY);
    isAny = isAny || isUnsafe;
  }
  return isAny;
}

/**
 * Copies the part of a source channel that a unit's patches cover; left margins are zero already, and up to three
 * values behind a row become it. Raises `magnitudes`, which are laid out in the same way, to those of the channel; NaN
 * stays.
 */
export function fillPadded(
  plan: usize,
  unit: i32,
  source: usize,
  channel: i32,
  planes: usize,
  magnitudes: usize,
): void {
  const rows = word(plan, ROWS);
  const columns = word(plan, COLUMNS);
  const first = firstImage(plan, unit);
  const images = imagesOf(plan, unit);
  const step = rowBytes(plan);
  const height = word(plan, TILE_HEIGHT);
  const planeRows = height * word(plan, SLICE_ROWS) + 2;
  const firstRow = height * firstTileRow(plan, unit) - word(plan, PADDING_ROWS);
  let to = planes + bytes(word(plan, PADDING_COLUMNS));
  const toMagnitudes = magnitudes - planes;
  const lanes = lastLanes(columns);
  for (let image = 0; image < images; image++) {
    const from = source + bytes((first + image) * word(plan, IMAGE_CHANNELS) + channel, rows * columns);
    for (let row = firstRow; row < firstRow + planeRows; row++) {
      if (row >= 0 && row < rows) copyAndRaise(from + bytes(row, columns), to, to + toMagnitudes, columns, lanes);
      else clearRow(to, columns);
      to += step;
    }
  }
}
