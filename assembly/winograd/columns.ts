// Convolutions of 3 × 3 taps, stride 1, of few channels, by Winograd's F(4, 3) along columns alone: six rows of a
// source give four rows of results. Each of the six values of a transformed column is a sum over (channel, tap of a
// row), half as many products as there are taps. Transforming rows too would halve them again, but the transforms of
// few channels cost more than that.
//
// Lanes run along rows. The transformed rows of a unit's images (6; channels; rows of tiles) lie one after the other,
// each with the zeros at its left as those at the right of the row before, and are worked on 16 positions at a time;
// those between rows are dropped.

import { bytes, clear, copyRow, word } from "../conv/planes";
import { tileOffsets } from "../gemm/tiles";
import { bothAt, filterBytes, filterLine, filterLineBytes, writeFilterFactors } from "./filter";
import { factorBytes, inputLines, writeFactors } from "./lines";
import {
  CHANNELS,
  fillPadded,
  firstImage,
  firstTileRow,
  IMAGE_RESULTS,
  IMAGES,
  imagesOf,
  planeLength,
  planesBytes,
  RESULT_COLUMNS,
  RESULT_ROWS,
  RESULTS,
  rowBytes,
  SLICE_ROWS,
  tileRowsOf,
} from "./tiles";

/** Channels that are summed in one go, so that the sources of 16 positions stay in the first-level cache. */
const channelLimit: i32 = 80;
/** Bytes of the table of offsets of as many channels' taps. */
const offsetsBytes: usize = 3 * 4 * <usize>channelLimit;
/** Bytes that are read beyond the planes. */
const overreach: usize = 64;

/** Bytes of four rows of results, each rounded up to 4 values. */
// @inline
function spareBytes(resultColumns: i32): usize {
  return 4 * bytes((resultColumns + 3) & ~3);
}

/**
 * Bytes from one channel's lines to the next one's: an odd number of 64, so that they do not fight for the same cache
 * lines.
 */
// @inline
function channelStep(plan: usize): usize {
  return (<usize>((sixteens(plan, word(plan, IMAGES) * word(plan, SLICE_ROWS)) + 2) | 1)) << 6;
}

/**
 * packed (6; pair of results; channel; 3; 2) = G g of each column of the weights g, nine values at `resultStep`·result
 * + `channelStep`·channel, in reverse order if `turned`. An odd last result is paired with zeros. Units: pairs.
 * Scratch: the factors and a line.
 */
export function winogradPackColumns(
  weight: usize,
  channels: i32,
  results: i32,
  resultStep: i32,
  channelStep: i32,
  turned: bool,
  packed: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  writeFilterFactors(scratch);
  const line = scratch + filterBytes;
  const pairBytes = bytes(channels, 6);
  const step = <usize>((results + 1) >> 1) * pairBytes;
  const first = turned ? bytes(8) : 0;
  const next: i32 = turned ? -4 : 4;
  for (let pair = begin; pair < end; pair++) {
    const isPair = 2 * pair + 1 < results;
    let g = weight + bytes(2 * pair, resultStep) + first;
    let to = packed + <usize>pair * pairBytes;
    for (let channel = 0; channel < channels; channel++) {
      const h = isPair ? g + bytes(resultStep) : 0;
      for (let column = 0; column < 3; column++) {
        const g0 = bothAt(g, h, column * next);
        filterLine(scratch, g0, bothAt(g, h, (column + 3) * next), bothAt(g, h, (column + 6) * next), line, 16);
        for (let i: usize = 0; i < 6; i++) {
          v128.store64_lane(to + i * step, f32x4.demote_f64x2_zero(v128.load(line + (i << 4))), 0);
        }
        to += 8;
      }
      g += bytes(channelStep);
    }
  }
}

/** Bytes of scratch of {@link winogradPackColumns}. */
export function winogradPackColumnsScratch(): f64 {
  return <f64>(filterBytes + filterLineBytes);
}

/** Positions of `rows` transformed rows, in sixteens. */
function sixteens(plan: usize, rows: i32): i32 {
  return (rows * <i32>(rowBytes(plan) >> 2) + 15) >> 4;
}

/**
 * result = bias + source ∗ weights by the plan, `weights` as {@link winogradPackColumns} leaves them, `bias` one value
 * per result channel or 0. Units are those of the plan. Scratch: the factors, a table of offsets, four rows of results,
 * the planes, and the transformed lines and their products.
 */
export function winogradCorrelateColumns(
  plan: usize,
  source: usize,
  weights: usize,
  bias: usize,
  result: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const channels = word(plan, CHANNELS);
  const results = word(plan, RESULTS);
  const resultRows = word(plan, RESULT_ROWS);
  const resultColumns = word(plan, RESULT_COLUMNS);
  const rowStep = rowBytes(plan);
  const resultRow = bytes(resultColumns);
  const pairBytes = bytes(channels, 6);
  const pointWeights = <usize>((results + 1) >> 1) * pairBytes;
  const lineStep = channelStep(plan);
  const sourceStep = <usize>channels * lineStep;
  const productStep = <usize>results * lineStep;
  const factors = scratch;
  const offsets = factors + factorBytes;
  const spare = offsets + offsetsBytes;
  const planes = spare + spareBytes(resultColumns);
  const transformed = planes + planesBytes(plan) + overreach;
  const products = transformed + 6 * sourceStep;
  writeFactors(factors);
  for (let channel = 0; channel < min(channels, channelLimit); channel++) {
    for (let tap = 0; tap < 3; tap++) {
      store<u32>(offsets + bytes(3 * channel + tap), <u32>(<usize>channel * lineStep + bytes(tap)));
    }
  }
  clear(planes, planesBytes(plan) + overreach);
  for (let unit = begin; unit < end; unit++) {
    const images = imagesOf(plan, unit);
    const tileRows = tileRowsOf(plan, unit);
    for (let channel = 0; channel < channels; channel++) {
      fillPadded(plan, unit, source, channel, planes);
      let to = transformed + <usize>channel * lineStep;
      for (let image = 0; image < images; image++) {
        let from = planes + bytes(image, planeLength(plan));
        for (let row = 0; row < tileRows; row++) {
          inputLines(factors, (resultColumns + 5) >> 2, from, 16, rowStep, to, 16, sourceStep);
          from += 4 * rowStep;
          to += rowStep;
        }
      }
    }
    const tiles = sixteens(plan, images * tileRows);
    for (let channel = 0; channel < channels; channel += channelLimit) {
      const depth = 3 * min(channelLimit, channels - channel);
      for (let i: usize = 0; i < 6; i++) {
        const w = weights + i * pointWeights + bytes(channel, 6);
        let x = transformed + i * sourceStep + <usize>channel * lineStep;
        let to = products + i * productStep;
        for (let tile = 0; tile < tiles; tile++) {
          tileOffsets(x, offsets, depth, w, pairBytes, results, to, lineStep, channel > 0);
          x += 64;
          to += 64;
        }
      }
    }
    const firstRow = firstTileRow(plan, unit);
    for (let r = 0; r < results; r++) {
      const start: f32 = bias ? load<f32>(bias + bytes(r)) : 0;
      let from = products + <usize>r * lineStep;
      for (let image = 0; image < images; image++) {
        const plane = bytes(
          (firstImage(plan, unit) + image) * word(plan, IMAGE_RESULTS) + r,
          resultRows * resultColumns,
        );
        for (let row = 4 * firstRow; row < 4 * (firstRow + tileRows); row += 4) {
          const to = result + plane + <usize>row * resultRow;
          storeRows(factors, start, from, productStep, min(4, resultRows - row), resultColumns, to, spare);
          from += rowStep;
        }
      }
    }
  }
}

/** Bytes of scratch of {@link winogradCorrelateColumns}. */
export function winogradCorrelateColumnsScratch(plan: usize): f64 {
  const channels = <f64>word(plan, CHANNELS) + <f64>word(plan, RESULTS);
  const fixed = factorBytes + offsetsBytes + spareBytes(word(plan, RESULT_COLUMNS)) + planesBytes(plan) + overreach;
  return <f64>fixed + 6 * channels * <f64>channelStep(plan);
}

/** The results Aᵀ m + bias of a row of tiles, of which `rows` rows exist. Scratch: four rows. */
function storeRows(
  factors: usize,
  bias: f32,
  m: usize,
  step: usize,
  rows: i32,
  columns: i32,
  to: usize,
  scratch: usize,
): void {
  const whole = rows == 4 ? columns & ~3 : 0;
  const rowStep = bytes(columns);
  outputRows(factors, bias, m, step, whole, to, rowStep);
  if (whole == columns) return;
  const rounded = (columns - whole + 3) & ~3;
  outputRows(factors, bias, m + bytes(whole), step, rounded, scratch, bytes(rounded));
  to += bytes(whole);
  for (let row = 0; row < rows; row++) {
    copyRow(scratch + bytes(row, rounded), to, columns - whole);
    to += rowStep;
  }
}

/** to = Aᵀ m + bias, six rows to four. */
function outputRows(factors: usize, bias: f32, m: usize, step: usize, columns: i32, to: usize, toStep: usize): void {
  const a1 = v128.load(factors);
  const b1 = v128.load(factors, 16);
  const a2 = v128.load(factors, 32);
  const b2 = v128.load(factors, 48);
  const a3 = v128.load(factors, 64);
  const b3 = v128.load(factors, 80);
  const starts = f32x4.splat(bias);
  const end = m + bytes(columns);
  for (; m < end; m += 16) {
    const m1 = v128.load(m + step);
    const m2 = v128.load(m + 2 * step);
    const m3 = v128.load(m + 3 * step);
    const m4 = v128.load(m + 4 * step);
    const evenA = f32x4.add(m1, m2);
    const evenB = f32x4.add(m3, m4);
    v128.store(to, f32x4.add(starts, f32x4.add(v128.load(m), f32x4.add(evenA, evenB))));
    v128.store(to + 2 * toStep, f32x4.add(starts, f32x4.add(f32x4.mul(a2, evenA), f32x4.mul(b2, evenB))));
    const oddA = f32x4.sub(m1, m2);
    const oddB = f32x4.sub(m3, m4);
    v128.store(to + toStep, f32x4.add(starts, f32x4.add(f32x4.mul(a1, oddA), f32x4.mul(b1, oddB))));
    const last = f32x4.add(f32x4.mul(a3, oddA), f32x4.mul(b3, oddB));
    v128.store(to + 3 * toStep, f32x4.add(starts, f32x4.add(last, v128.load(m + 5 * step))));
    to += 16;
  }
}
