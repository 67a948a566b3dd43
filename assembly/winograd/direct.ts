// Results of 3 × 3 convolutions that Winograd's method would spoil (winograd/safety.ts), as plain sums, sixteen at a
// time, whichever they are: a lane each.
//
// The list of lanes: how many there are; for each tap, the byte offset in the source's first channel of what each lane
// reads, or `nothing` for padding; the byte offset of each lane's result in the result's first channel.

import { bytes, clear, word } from "../conv/planes";
import { tilePacked } from "../gemm/tiles";
import { NOT_FINITE } from "./safety";
import {
  CHANNELS,
  COLUMN,
  COLUMNS,
  IMAGE,
  IMAGE_CHANNELS,
  RESULT,
  RESULT_COLUMNS,
  RESULT_ROWS,
  RESULTS,
  ROW,
  ROWS,
  TILE_COLUMN_COUNT,
  TILE_ROW_COUNT,
} from "./tiles";

/** Lanes of a list. */
export const mostLanes: i32 = 16;
const offsetsAt: usize = 16;
const resultsAt: usize = offsetsAt + 9 * 64;
/** Bytes of a list. */
export const lanesBytes: usize = resultsAt + 64;
/** What a lane reads from padding. */
export const nothing: u32 = 0xffffffff;
/** Bytes of two rows of 16 results. */
const sumsBytes: usize = 128;
/** Channels that are summed in one go: about 240 products, as in conv/correlate.ts. */
const channelLimit: i32 = 26;

/** Where weights stand, in values: the steps of results and of channels, and each filter from its end if `turned`. */
// @inline
function tapAt(filter: usize, tap: i32, turned: bool): f32 {
  return load<f32>(filter + bytes(turned ? 8 - tap : tap));
}

export function lanesOf(list: usize): i32 {
  return load<i32>(list);
}

export function clearLanes(list: usize): void {
  store<i32>(list, 0);
}

/** What lane `lane` reads for tap `tap`. */
// @inline
export function offsetOf(list: usize, tap: i32, lane: i32): u32 {
  return load<u32>(list + offsetsAt + bytes(16 * tap + lane));
}

// @inline
export function resultOf(list: usize, lane: i32): usize {
  return <usize>load<u32>(list + resultsAt + bytes(lane));
}

/** Adds a result, whose 3 × 3 values begin at (row, column) of an image, to a list that has room. */
export function addLane(plan: usize, list: usize, image: i32, row: i32, column: i32, result: usize): void {
  const rows = word(plan, ROWS);
  const columns = word(plan, COLUMNS);
  const lane = lanesOf(list);
  const plane = bytes(image * word(plan, IMAGE_CHANNELS), rows * columns);
  for (let tap = 0; tap < 9; tap++) {
    const y = row + tap / 3;
    const x = column + (tap % 3);
    const isInside = y >= 0 && y < rows && x >= 0 && x < columns;
    const offset = isInside ? <u32>(plane + bytes(y * columns + x)) : nothing;
    store<u32>(list + offsetsAt + bytes(16 * tap + lane), offset);
  }
  store<u32>(list + resultsAt + bytes(lane), <u32>result);
  store<i32>(list, lane + 1);
}

/** Adds the results of a tile of 2 × 4, by its record, to a list that has room. */
export function addTile(plan: usize, tile: usize, list: usize): void {
  for (let row = 0; row < load<i32>(tile, TILE_ROW_COUNT); row++) {
    let to = <usize>load<u32>(tile, RESULT) + bytes(row, word(plan, RESULT_COLUMNS));
    for (let column = 0; column < load<i32>(tile, TILE_COLUMN_COUNT); column++) {
      addLane(plan, list, load<i32>(tile, IMAGE), load<i32>(tile, ROW) + row, load<i32>(tile, COLUMN) + column, to);
      to += 4;
    }
  }
}

/** Bytes of scratch of {@link sumDirectly}: two rows of sums, a pair of filters, and what the lanes read. */
export function sumDirectlyScratch(plan: usize): usize {
  return sumsBytes + bytes(word(plan, CHANNELS), 9 * (2 + mostLanes));
}

/**
 * The results of a list's lanes, of all filters or of those that are not finite, and an empty list. Filters stand as
 * winograd/correlate.ts has them, `safety` is one i32 for each.
 */
export function sumDirectly(
  plan: usize,
  list: usize,
  source: usize,
  weight: usize,
  resultStep: i32,
  channelStep: i32,
  turned: bool,
  safety: usize,
  ofAll: bool,
  bias: usize,
  result: usize,
  scratch: usize,
): void {
  const lanes = lanesOf(list);
  if (lanes == 0) return;
  clearLanes(list);
  const channels = word(plan, CHANNELS);
  const results = word(plan, RESULTS);
  const channelBytes = bytes(word(plan, ROWS), word(plan, COLUMNS));
  const resultBytes = bytes(word(plan, RESULT_ROWS), word(plan, RESULT_COLUMNS));
  const sums = scratch;
  const pair = sums + sumsBytes;
  const panel = pair + bytes(channels, 18);
  gather(list, lanes, source, channels, channelBytes, panel);
  for (let r = 0; r < results; r++) {
    if (!ofAll && word(safety, r) != NOT_FINITE) continue;
    const filter = weight + bytes(r, resultStep);
    const start: f32 = bias ? load<f32>(bias + bytes(r)) : 0;
    const to = result + <usize>r * resultBytes;
    if (word(safety, r) == NOT_FINITE) {
      for (let lane = 0; lane < lanes; lane++) {
        const sum = sumOf(list, lane, source, channelBytes, channels, filter, channelStep, turned);
        store<f32>(to + resultOf(list, lane), sum + start);
      }
      continue;
    }
    const isPair = r + 1 < results && word(safety, r + 1) == word(safety, r);
    packPair(filter, isPair ? filter + bytes(resultStep) : 0, channels, channelStep, turned, pair);
    for (let channel = 0; channel < channels; channel += channelLimit) {
      const depth = 9 * min(channelLimit, channels - channel);
      const from = channel ? sums : 0;
      const w = pair + bytes(channel, 18);
      tilePacked(w, panel + bytes(channel, 9 * 16), depth, from, channel ? sums + 64 : 0, sums, sums + 64);
    }
    if (channels == 0) clear(sums, sumsBytes);
    storeLanesOf(list, lanes, sums, start, to);
    if (!isPair) continue;
    r++;
    storeLanesOf(list, lanes, sums + 64, bias ? load<f32>(bias + bytes(r)) : 0, to + resultBytes);
  }
}

/** What the lanes read, (channel; tap; lane), 0 where a lane reads padding or does not exist. */
function gather(list: usize, lanes: i32, source: usize, channels: i32, channelBytes: usize, panel: usize): void {
  for (let channel = 0; channel < channels; channel++) {
    for (let tap = 0; tap < 9; tap++) {
      for (let lane = 0; lane < mostLanes; lane++) {
        const offset = lane < lanes ? offsetOf(list, tap, lane) : nothing;
        store<f32>(panel + bytes(lane), offset == nothing ? 0 : load<f32>(source + <usize>offset));
      }
      panel += 64;
    }
    source += channelBytes;
  }
}

/** The taps of two filters, side by side; 0 stands for a filter of zeros. */
function packPair(filter: usize, other: usize, channels: i32, channelStep: i32, turned: bool, packed: usize): void {
  for (let channel = 0; channel < channels; channel++) {
    const at = bytes(channel, channelStep);
    for (let tap = 0; tap < 9; tap++) {
      store<f32>(packed, tapAt(filter + at, tap, turned));
      store<f32>(packed, other ? tapAt(other + at, tap, turned) : 0, 4);
      packed += 8;
    }
  }
}

function storeLanesOf(list: usize, lanes: i32, sums: usize, start: f32, result: usize): void {
  for (let lane = 0; lane < lanes; lane++) {
    store<f32>(result + resultOf(list, lane), load<f32>(sums + bytes(lane)) + start);
  }
}

/** A result without the products of padding, which are NaN where weights are not finite. */
function sumOf(
  list: usize,
  lane: i32,
  source: usize,
  channelBytes: usize,
  channels: i32,
  filter: usize,
  channelStep: i32,
  turned: bool,
): f32 {
  let sum: f64 = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let tap = 0; tap < 9; tap++) {
      const offset = offsetOf(list, tap, lane);
      if (offset == nothing) continue;
      sum += <f64>load<f32>(source + <usize>offset) * <f64>tapAt(filter, tap, turned);
    }
    source += channelBytes;
    filter += bytes(channelStep);
  }
  return <f32>sum;
}
