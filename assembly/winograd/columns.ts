// Convolutions of 3 × 3 taps, stride 1, of few channels, by Winograd's F(3, 3) along columns alone: five rows of a
// source give three rows of results. Each of the five values of a transformed column is a sum over (channel, tap of a
// row), five products for nine. Transforming rows too would save more, but the transforms of few channels cost more
// than that.
//
// Lanes run along rows. The transformed rows of a unit's images (5; channels; rows of tiles) lie one after the other,
// each with the zeros at its left as those at the right of the row before, and are worked on 16 positions at a time;
// those between rows are dropped. A tile is three results one below the other; those that the method would spoil
// (winograd/safety.ts) are computed, and then overwritten by plain sums.

import { bytes, clear, copyRow, word } from "../conv/planes";
import { tileOffsets } from "../gemm/tiles";
import { addLane, clearLanes, lanesBytes, lanesOf, mostLanes, sumDirectly, sumDirectlyScratch } from "./direct";
import { bothAt, filterBytes, filterLineBytes, filterTriple, writeTripleFactors } from "./filter";
import { a3, b3, factorBytes, inputTriples, writeFactors } from "./lines";
import { sumFilters, sumFiltersScratch } from "./plain";
import { columnSafety, isAnyFilter, leastTapOfFew, NOT_FINITE, SAFE, safetyBytes, UNSAFE, writeSafety } from "./safety";
import {
  CHANNELS,
  fillPadded,
  firstImage,
  firstTileRow,
  IMAGE_RESULTS,
  IMAGES,
  imagesOf,
  PADDING_COLUMNS,
  PADDING_ROWS,
  planeLength,
  planesBytes,
  RESULT_COLUMNS,
  RESULT_ROWS,
  RESULTS,
  rowBytes,
  SLICE_ROWS,
  tileRowsOf,
} from "./tiles";

/** Channels that are summed in one go: few, since the errors of a sum grow with its length. */
const channelLimit: i32 = 16;
/** Bytes of the table of offsets of as many channels' taps. */
const offsetsBytes: usize = 3 * 4 * <usize>channelLimit;
/** Bytes that are read beyond the planes. */
const overreach: usize = 64;

/** Rows of a tile. */
const height: i32 = 3;

/** Bytes of three rows of results, each rounded up to 4 values. */
// @inline
function spareBytes(resultColumns: i32): usize {
  return 3 * bytes((resultColumns + 3) & ~3);
}

/**
 * Bytes from one channel's lines to the next one's: an odd number of 64, so that they do not fight for the same cache
 * lines.
 */
// @inline
function channelStepOf(plan: usize): usize {
  return (<usize>((sixteens(plan, word(plan, IMAGES) * word(plan, SLICE_ROWS)) + 2) | 1)) << 6;
}

/**
 * packed (5; pair of results; channel; 3; 2) = G g of each column of the weights g, nine values at `resultStep`·result
 * + `channelStep`·channel, in reverse order if `turned`; before them how safe the filters are. An odd last result is
 * paired with zeros. Units: pairs. Scratch: the factors and a line.
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
  writeTripleFactors(scratch);
  const line = scratch + filterBytes;
  const pairBytes = bytes(channels, 6);
  const step = <usize>((results + 1) >> 1) * pairBytes;
  const first = turned ? bytes(8) : 0;
  const next: i32 = turned ? -4 : 4;
  for (let pair = begin; pair < end; pair++) {
    writeSafety(weight, channels, results, resultStep, channelStep, pair, leastTapOfFew, packed);
    const isPair = 2 * pair + 1 < results;
    let g = weight + bytes(2 * pair, resultStep) + first;
    let to = packed + safetyBytes(results) + <usize>pair * pairBytes;
    for (let channel = 0; channel < channels; channel++) {
      const h = isPair ? g + bytes(resultStep) : 0;
      for (let column = 0; column < 3; column++) {
        const g0 = bothAt(g, h, column * next);
        filterTriple(scratch, g0, bothAt(g, h, (column + 3) * next), bothAt(g, h, (column + 6) * next), line, 16);
        for (let i: usize = 0; i < 5; i++) {
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
 * result = bias + source ∗ weights by the plan, `packed` as {@link winogradPackColumns} leaves `weight`, `bias` one
 * value per result channel or 0. Units are those of the plan. Scratch: the factors, a table of offsets, three rows of
 * results, the planes of magnitudes and of a channel, what plain sums take, and the transformed lines and their
 * products.
 */
export function winogradCorrelateColumns(
  plan: usize,
  source: usize,
  weight: usize,
  resultStep: i32,
  channelStep: i32,
  turned: bool,
  packed: usize,
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
  const weights = packed + safetyBytes(results);
  const rowStep = rowBytes(plan);
  const resultRow = bytes(resultColumns);
  const pairBytes = bytes(channels, 6);
  const pointWeights = <usize>((results + 1) >> 1) * pairBytes;
  const lineStep = channelStepOf(plan);
  const sourceStep = <usize>channels * lineStep;
  const productStep = <usize>results * lineStep;
  const factors = scratch;
  const offsets = factors + factorBytes;
  const spare = offsets + offsetsBytes;
  const magnitudes = spare + spareBytes(resultColumns);
  const planes = magnitudes + planesBytes(plan) + overreach;
  const ofFilters = planes + planesBytes(plan) + overreach;
  const list = ofFilters + sumFiltersScratch;
  const directly = list + lanesBytes;
  const safety = directly + sumDirectlyScratch(plan);
  const transformed = safety + judgementBytes(plan);
  const products = transformed + 5 * sourceStep;
  const isAnyUnsafe = isAnyFilter(packed, results, UNSAFE);
  const isAnyNotFinite = isAnyFilter(packed, results, NOT_FINITE);
  writeFactors(factors, a3, b3);
  for (let channel = 0; channel < min(channels, channelLimit); channel++) {
    for (let tap = 0; tap < 3; tap++) {
      store<u32>(offsets + bytes(3 * channel + tap), <u32>(<usize>channel * lineStep + bytes(tap)));
    }
  }
  clear(planes, planesBytes(plan) + overreach);
  clearLanes(list);
  for (let unit = begin; unit < end; unit++) {
    const images = imagesOf(plan, unit);
    const tileRows = tileRowsOf(plan, unit);
    clear(magnitudes, planesBytes(plan) + overreach);
    for (let channel = 0; channel < channels; channel++) {
      fillPadded(plan, unit, source, channel, planes, magnitudes);
      let to = transformed + <usize>channel * lineStep;
      for (let image = 0; image < images; image++) {
        let from = planes + bytes(image, planeLength(plan));
        for (let row = 0; row < tileRows; row++) {
          inputTriples(factors, (resultColumns + 5) >> 2, from, 16, rowStep, to, 16, sourceStep);
          from += <usize>height * rowStep;
          to += rowStep;
        }
      }
    }
    const tiles = sixteens(plan, images * tileRows);
    for (let channel = 0; channel < channels; channel += channelLimit) {
      const depth = 3 * min(channelLimit, channels - channel);
      for (let i: usize = 0; i < 5; i++) {
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
    const firstRow = height * firstTileRow(plan, unit);
    for (let r = 0; r < results; r++) {
      const start: f32 = bias ? load<f32>(bias + bytes(r)) : 0;
      let from = products + <usize>r * lineStep;
      for (let image = 0; image < images; image++) {
        const plane = planeOf(plan, firstImage(plan, unit) + image) + bytes(r, resultRows * resultColumns);
        for (let row = firstRow; row < firstRow + height * tileRows; row += height) {
          const to = result + plane + <usize>row * resultRow;
          storeRows(factors, start, from, productStep, min(height, resultRows - row), resultColumns, to, spare);
          from += rowStep;
        }
      }
    }
    const isAnyTileUnsafe = judgeColumns(plan, images, tileRows, firstRow, magnitudes, safety);
    for (let kind = isAnyTileUnsafe ? UNSAFE : SAFE; kind == UNSAFE || (kind == SAFE && isAnyNotFinite); kind--) {
      const ofAll = kind == UNSAFE;
      for (let tile = 0; tile < images * tileRows; tile++) {
        const image = firstImage(plan, unit) + tile / tileRows;
        const row = firstRow + height * (tile % tileRows);
        const ofTile = safety + bytes(tile * judgedColumns(resultColumns));
        for (let column = 0; column < resultColumns; column++) {
          if (word(ofTile, column) != kind) continue;
          for (let r = row; r < min(row + height, resultRows); r++) {
            const to = planeOf(plan, image) + <usize>r * resultRow + bytes(column);
            addLane(plan, list, image, r - word(plan, PADDING_ROWS), column - word(plan, PADDING_COLUMNS), to);
          }
          if (lanesOf(list) <= mostLanes - height) continue;
          sumDirectly(
            plan,
            list,
            source,
            weight,
            resultStep,
            channelStep,
            turned,
            packed,
            ofAll,
            bias,
            result,
            directly,
          );
        }
      }
      sumDirectly(plan, list, source, weight, resultStep, channelStep, turned, packed, ofAll, bias, result, directly);
    }
    if (isAnyUnsafe) {
      sumFilters(
        plan,
        unit,
        source,
        weight,
        resultStep,
        channelStep,
        turned,
        packed,
        bias,
        result,
        planes,
        magnitudes,
        ofFilters,
      );
    }
  }
}

/** Where an image's results begin, in bytes. */
function planeOf(plan: usize, image: i32): usize {
  return bytes(image * word(plan, IMAGE_RESULTS), word(plan, RESULT_ROWS) * word(plan, RESULT_COLUMNS));
}

/** Tiles of a row that are judged: as many as its columns, rounded up to 4. */
// @inline
function judgedColumns(resultColumns: i32): i32 {
  return (resultColumns + 3) & ~3;
}

/** Writes whether a unit's tiles are unsafe, an i32 each, and returns whether any is. */
function judgeColumns(plan: usize, images: i32, tileRows: i32, firstRow: i32, magnitudes: usize, safety: usize): bool {
  const rowStep = rowBytes(plan);
  let isAny = i32x4.splat(SAFE);
  for (let image = 0; image < images; image++) {
    let at = magnitudes + bytes(image, planeLength(plan));
    for (let tile = 0; tile < tileRows; tile++) {
      const rows = min(height, word(plan, RESULT_ROWS) - firstRow - height * tile);
      for (let column = 0; column < word(plan, RESULT_COLUMNS); column += 4) {
        const four = columnSafety(at + bytes(column), rowStep, rows);
        isAny = v128.or(isAny, four);
        v128.store(safety, four);
        safety += 16;
      }
      at += <usize>height * rowStep;
    }
  }
  return v128.any_true(isAny);
}

/** Bytes of scratch of {@link winogradCorrelateColumns}. */
export function winogradCorrelateColumnsScratch(plan: usize): f64 {
  const channels = <f64>word(plan, CHANNELS) + <f64>word(plan, RESULTS);
  const tables = factorBytes + offsetsBytes + spareBytes(word(plan, RESULT_COLUMNS)) + judgementBytes(plan);
  const planes = 2 * (planesBytes(plan) + overreach);
  const fixed = tables + planes + sumFiltersScratch + lanesBytes + sumDirectlyScratch(plan);
  return <f64>fixed + 5 * channels * <f64>channelStepOf(plan);
}

// @inline
function judgementBytes(plan: usize): usize {
  return bytes(word(plan, IMAGES) * word(plan, SLICE_ROWS), judgedColumns(word(plan, RESULT_COLUMNS)));
}

/** The results Aᵀ m + bias of a row of tiles, of which `rows` rows exist. Scratch: three rows. */
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
  const whole = rows == height ? columns & ~3 : 0;
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

/** to = Aᵀ m + bias, five rows to three. */
function outputRows(factors: usize, bias: f32, m: usize, step: usize, columns: i32, to: usize, toStep: usize): void {
  const a1 = v128.load(factors);
  const b1 = v128.load(factors, 16);
  const a2 = v128.load(factors, 32);
  const b2 = v128.load(factors, 48);
  const starts = f32x4.splat(bias);
  const end = m + bytes(columns);
  for (; m < end; m += 16) {
    const m0 = v128.load(m);
    const m1 = v128.load(m + step);
    const m2 = v128.load(m + 2 * step);
    const m3 = v128.load(m + 3 * step);
    const evenA = f32x4.add(m0, m1);
    const evenB = f32x4.add(m2, m3);
    v128.store(to, f32x4.add(starts, f32x4.add(evenA, evenB)));
    const odd = f32x4.add(f32x4.mul(a1, f32x4.sub(m0, m1)), f32x4.mul(b1, f32x4.sub(m2, m3)));
    v128.store(to + toStep, f32x4.add(starts, odd));
    const last = f32x4.add(f32x4.mul(a2, evenA), f32x4.mul(b2, evenB));
    v128.store(to + 2 * toStep, f32x4.add(starts, f32x4.add(last, v128.load(m + 4 * step))));
    to += 16;
  }
}
