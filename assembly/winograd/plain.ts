// Results of filters that Winograd's method would spoil (winograd/safety.ts), as plain sums, a plane at a time.

import { bytes, word } from "../conv/planes";
import { addTaps } from "../conv/taps";
import { UNSAFE } from "./safety";
import {
  CHANNELS,
  fillPadded,
  firstImage,
  firstTileRow,
  IMAGE_RESULTS,
  imagesOf,
  planeLength,
  RESULT_COLUMNS,
  RESULT_ROWS,
  RESULTS,
  rowBytes,
  TILE_HEIGHT,
  tileRowsOf,
} from "./tiles";

/** Bytes of scratch of {@link sumFilters}: nine offsets, nine weights, and a tile of addTaps. */
export const sumFiltersScratch: usize = 64 + 64 + 128;

/**
 * A unit's results of all filters that are unsafe, by `safety`, an i32 each. Filters stand as winograd/correlate.ts has
 * them; `planes` are those of {@link fillPadded}, whose margins are zero, and `magnitudes` the unit's.
 */
export function sumFilters(
  plan: usize,
  unit: i32,
  source: usize,
  weight: usize,
  resultStep: i32,
  channelStep: i32,
  turned: bool,
  safety: usize,
  bias: usize,
  result: usize,
  planes: usize,
  magnitudes: usize,
  scratch: usize,
): void {
  const offsets = scratch;
  const taps = scratch + 64;
  const rowStep = rowBytes(plan);
  for (let tap = 0; tap < 9; tap++) {
    store<u32>(offsets + bytes(tap), <u32>(<usize>(tap / 3) * rowStep + bytes(tap % 3)));
  }
  const columns = word(plan, RESULT_COLUMNS);
  const planeBytes = bytes(word(plan, RESULT_ROWS), columns);
  const firstRow = word(plan, TILE_HEIGHT) * firstTileRow(plan, unit);
  const rows = min(word(plan, TILE_HEIGHT) * tileRowsOf(plan, unit), word(plan, RESULT_ROWS) - firstRow);
  const channels = word(plan, CHANNELS);
  for (let channel = 0; channel < channels; channel++) {
    fillPadded(plan, unit, source, channel, planes, magnitudes);
    for (let r = 0; r < word(plan, RESULTS); r++) {
      if (word(safety, r) != UNSAFE) continue;
      const filter = weight + bytes(r, resultStep) + bytes(channel, channelStep);
      for (let tap = 0; tap < 9; tap++)
        store<f32>(taps + bytes(tap), load<f32>(filter + bytes(turned ? 8 - tap : tap)));
      for (let image = 0; image < imagesOf(plan, unit); image++) {
        const x = planes + bytes(image, planeLength(plan));
        const index = (firstImage(plan, unit) + image) * word(plan, IMAGE_RESULTS) + r;
        const to = result + <usize>index * planeBytes + bytes(firstRow, columns);
        addTaps(x, rowStep, offsets, taps, 9, rows, columns, channel == 0, 0, to, bytes(columns), scratch + 128);
        if (bias && channel + 1 == channels) addToAll(load<f32>(bias + bytes(r)), to, rows * columns);
      }
    }
  }
}

/** values[i] += value: last, so that a large bias does not cost the sums their last bits. */
function addToAll(value: f32, values: usize, count: i32): void {
  const vector = f32x4.splat(value);
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    v128.store(values, f32x4.add(v128.load(values), vector));
    values += 16;
  }
  for (; i < count; i++) {
    store<f32>(values, load<f32>(values) + value);
    values += 4;
  }
}
