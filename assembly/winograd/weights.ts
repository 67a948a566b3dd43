// The gradient of winograd/correlate.ts for the weight, the transpose of that map: each of the 24 values of transformed
// dy (24; panels of 16 result channels; tiles) times those of the transformed patches (24; channels; tiles), summed
// over tiles: in f32 within a unit, in f64 over units. What tiles that the method would spoil add to each of the nine
// taps (winograd/safety.ts) is summed plainly, in sums of its own.
//
// Units are cut into pieces by the shape alone; each piece has sums of its own, and `winogradMergeWeights` adds them in
// order.

import { addWide, firstOfPiece } from "../conv/pieces";
import { bytes, clear, word } from "../conv/planes";
import { tileStridedStretches } from "../gemm/tiles";
import { addTile, clearLanes, lanesBytes, lanesOf, mostLanes, nothing, offsetOf, resultOf } from "./direct";
import {
  filterBytes,
  filterGradientLine,
  filterGradientPair,
  filterLineBytes,
  filterLinesBytes,
  writeFilterFactors,
} from "./filter";
import { a, b, factorBytes, writeFactors } from "./lines";
import { fillLines, linesBytes, spreadPatches } from "./patches";
import { spreadCotangents, tileLinesBytes } from "./results";
import { UNSAFE } from "./safety";
import {
  CHANNELS,
  COLUMNS,
  fillPadded,
  judgeTilesForWeight,
  placeTiles,
  planesBytes,
  RESULT_COLUMNS,
  RESULT_ROWS,
  RESULTS,
  ROWS,
  recordBytes,
  rowBytes,
  SAFETY,
  tileResults,
  unitTiles,
} from "./tiles";

/** Bytes between the 24 values of all patches or cotangents, so that they do not fight for the same cache lines. */
const stepPadding: usize = 64;
/** Bytes of two rows of 16 values. */
const tileBytes: usize = 128;
/** Tiles that are summed in one go: few, since the errors of a sum grow with its length. */
const summedAtOnce: i32 = 16;
/** Sums for each pair of channels: those of transformed values, and plain ones of the nine taps. */
const sumCount: i32 = 24 + 9;

/** Bytes from one channel's tiles to the next channel's. */
// @inline
function tileStep(tiles: i32): usize {
  return bytes(tiles + 16);
}

/**
 * Bytes from one of the sums of all pairs to the next, for the same reason as in winograd/correlate.ts not a power of
 * two.
 */
// @inline
function sumStep(channels: i32, rounded: i32): usize {
  return ((<usize>channels * <usize>rounded) << 3) + 64;
}

/**
 * partial (f64; piece, 33, channels, results rounded up to 4) = the sums of each piece. `plan` is the forward one,
 * `cotangentPlan` that of dy as a source without padding. Units: pieces. Scratch: the factors, the lines of a tile, a
 * tile, the records of the tiles, planes of both magnitudes and four more, the lines of a channel, what plain sums
 * take, and the transformed patches and cotangents of the tiles.
 */
export function winogradWeightGradient(
  plan: usize,
  cotangentPlan: usize,
  dy: usize,
  x: usize,
  partial: usize,
  planUnits: i32,
  pieces: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const channels = word(plan, CHANNELS);
  const results = word(plan, RESULTS);
  const rounded = (results + 3) & ~3;
  const panels = (results + 15) >> 4;
  const tiles = unitTiles(plan);
  const channelStep = tileStep(tiles);
  const patchStep = <usize>channels * channelStep + stepPadding;
  const panelBytes = (<usize>tiles) << 6;
  const cotangentStep = <usize>panels * panelBytes + stepPadding;
  const sumBytes = sumStep(channels, rounded);
  const factors = scratch;
  const lines = factors + factorBytes;
  const tile = lines + tileLinesBytes;
  const records = tile + tileBytes;
  const planeStep = planesBytes(plan);
  const magnitudes = records + <usize>tiles * recordBytes;
  const ofCotangents = magnitudes + planeStep;
  const planes = ofCotangents + planeStep;
  const sourceLines = planes + 4 * planeStep;
  const list = sourceLines + linesBytes(plan);
  const directly = list + lanesBytes;
  const patches = directly + laneSumsScratch(channels, panels);
  const cotangents = patches + 24 * patchStep;
  writeFactors(factors, a, b);
  clearLanes(list);
  clear(sourceLines, linesBytes(plan));
  for (let piece = begin; piece < end; piece++) {
    const sums = partial + <usize>(piece * sumCount) * sumBytes;
    clear(sums, <usize>sumCount * sumBytes);
    const last = firstOfPiece(piece + 1, planUnits, pieces);
    for (let unit = firstOfPiece(piece, planUnits, pieces); unit < last; unit++) {
      const count = placeTiles(plan, unit, records);
      clear(magnitudes, 6 * planeStep);
      for (let channel = 0; channel < channels; channel++) {
        fillLines(plan, unit, x, channel, sourceLines, magnitudes);
        for (let t = 0; t < count; t += 4) {
          const to = patches + <usize>channel * channelStep + bytes(t);
          spreadPatches(sourceLines, rowBytes(plan), records + <usize>t * recordBytes, factors, to, patchStep);
        }
      }
      clear(planes, 4 * planeStep);
      for (let r = 0; r < results; r += 4) {
        for (let k = 0; k < min(4, results - r); k++) {
          fillPadded(cotangentPlan, unit, dy, r + k, planes + <usize>k * planeStep, ofCotangents);
        }
        const to = cotangents + <usize>(r >> 4) * panelBytes + bytes(r & 15);
        for (let t = 0; t < count; t++) {
          const patch = planes + load<u32>(records + <usize>t * recordBytes);
          spreadCotangents(patch, planeStep, rowBytes(plan), factors, to + ((<usize>t) << 6), cotangentStep, lines);
        }
      }
      const lastRecord = records + <usize>count * recordBytes;
      if (judgeTilesForWeight(plan, records, lastRecord, magnitudes, ofCotangents)) {
        const plainSums = sums + 24 * sumBytes;
        for (let t = 0; t < count; t++) {
          const record = records + <usize>t * recordBytes;
          if (load<i32>(record, SAFETY) == UNSAFE) {
            forget(patches + bytes(t), patchStep, channels, channelStep);
            for (let panel = 0; panel < panels; panel++) {
              forget(cotangents + <usize>panel * panelBytes + ((<usize>t) << 6), cotangentStep, 16, 4);
            }
            addTile(plan, record, list);
          }
          if (lanesOf(list) <= mostLanes - tileResults && t + 1 < count) continue;
          addLanes(plan, list, dy, x, plainSums, sumBytes, tile, directly);
        }
      }
      for (let i: usize = 0; i < 24; i++) {
        addProducts(
          patches + i * patchStep,
          channelStep,
          channels,
          cotangents + i * cotangentStep,
          panelBytes,
          count,
          rounded,
          sums + i * sumBytes,
          tile,
        );
      }
    }
  }
}

/** Clears `count` transformed values of a tile, `next` bytes apart, in each of the 24 places, `step` bytes apart. */
function forget(values: usize, step: usize, count: i32, next: usize): void {
  for (let i = 0; i < 24; i++) {
    for (let k = 0; k < count; k++) store<f32>(values + <usize>k * next, 0);
    values += step;
  }
}

/** Bytes of scratch of {@link winogradWeightGradient}. */
export function winogradWeightGradientScratch(plan: usize): f64 {
  const tiles = unitTiles(plan);
  const channels = word(plan, CHANNELS);
  const panels = (word(plan, RESULTS) + 15) >> 4;
  const patchBytes = <f64>channels * <f64>tileStep(tiles) + <f64>stepPadding;
  const cotangentBytes = 64 * <f64>panels * <f64>tiles + <f64>stepPadding;
  const planes = 6 * <f64>planesBytes(plan) + <f64>linesBytes(plan);
  const fixed = factorBytes + tileLinesBytes + tileBytes + <usize>tiles * recordBytes + lanesBytes;
  return <f64>(fixed + laneSumsScratch(channels, panels)) + planes + 24 * (patchBytes + cotangentBytes);
}

/** Bytes of scratch of {@link addLanes}: what up to 16 lanes read of x and of dy. */
// @inline
function laneSumsScratch(channels: i32, panels: i32): usize {
  return bytes(channels + 16 * panels, mostLanes);
}

/**
 * Adds a list's lanes to the plain sums of each tap, and empties it. Lanes that read padding are left out, since it
 * times NaN or ∞ is NaN.
 */
function addLanes(
  plan: usize,
  list: usize,
  dy: usize,
  x: usize,
  sums: usize,
  sumBytes: usize,
  tile: usize,
  scratch: usize,
): void {
  const lanes = lanesOf(list);
  if (lanes == 0) return;
  clearLanes(list);
  const channels = word(plan, CHANNELS);
  const results = word(plan, RESULTS);
  const channelBytes = bytes(word(plan, ROWS), word(plan, COLUMNS));
  const resultBytes = bytes(word(plan, RESULT_ROWS), word(plan, RESULT_COLUMNS));
  const values = scratch;
  const panel = values + bytes(channels, mostLanes);
  for (let tap = 0; tap < 9; tap++) {
    let count = 0;
    for (let lane = 0; lane < lanes; lane++) {
      const offset = offsetOf(list, tap, lane);
      if (offset == nothing) continue;
      for (let channel = 0; channel < channels; channel++) {
        const value = load<f32>(x + <usize>channel * channelBytes + <usize>offset);
        store<f32>(values + ((<usize>channel) << 6) + bytes(count), value);
      }
      for (let r = 0; r < results; r++) {
        const value = load<f32>(dy + <usize>r * resultBytes + resultOf(list, lane));
        store<f32>(panel + ((<usize>((r >> 4) * mostLanes + count)) << 6) + bytes(r & 15), value);
      }
      count++;
    }
    const rounded = (results + 3) & ~3;
    addProducts(values, 64, channels, panel, 64 * <usize>mostLanes, count, rounded, sums + <usize>tap * sumBytes, tile);
  }
}

/** sums[channel][result] += Σ over `count` tiles, sixteen results and two channels at a time. */
function addProducts(
  patches: usize,
  channelStep: usize,
  channels: i32,
  panel: usize,
  panelBytes: usize,
  count: i32,
  rounded: i32,
  sums: usize,
  tile: usize,
): void {
  if (count == 0) return;
  const rowBytes = (<usize>rounded) << 3;
  for (let first = 0; first < rounded; first += 16) {
    const width = min(16, rounded - first);
    let to = sums + ((<usize>first) << 3);
    for (let channel = 0; channel < channels; channel += 2) {
      const a0 = patches + <usize>channel * channelStep;
      const isPair = channel + 1 < channels;
      const a1 = isPair ? a0 + channelStep : a0;
      tileStridedStretches(a0, a1, panel, count, summedAtOnce, false, tile, tile + 64);
      addWide(tile, to, width);
      if (isPair) addWide(tile + 64, to + rowBytes, width);
      to += rowBytes << 1;
    }
    panel += panelBytes;
  }
}

/**
 * dweight (result, channel, 3, 3) = Gᵀ s G and the plain sums, s and these being those of `partial` over the pieces in
 * order. Units: channels.
 */
export function winogradMergeWeights(
  partial: usize,
  dweight: usize,
  pieces: i32,
  channels: i32,
  results: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  writeFilterFactors(scratch);
  const line = scratch + filterBytes;
  const lines = line + filterLineBytes;
  const rounded = (results + 3) & ~3;
  const step = sumStep(channels, rounded);
  for (let channel = begin; channel < end; channel++) {
    for (let r = 0; r < results; r += 2) {
      let from = partial + ((<usize>(channel * rounded + r)) << 3);
      for (let i: usize = 0; i < 4; i++) {
        for (let j: usize = 0; j < 96; j += 16) {
          v128.store(line + j, sumOfPieces(from, pieces, step));
          from += step;
        }
        filterGradientLine(scratch, line, 16, lines + i * 48, 16);
      }
      const first = dweight + bytes(r * channels + channel, 9);
      for (let column: usize = 0; column < 3; column++) {
        filterGradientPair(lines + (column << 4), 48, line, 16);
        for (let row: usize = 0; row < 3; row++) {
          const tap = 3 * row + column;
          const values = f64x2.add(v128.load(line + (row << 4)), sumOfPieces(from + tap * step, pieces, step));
          const to = first + (tap << 2);
          store<f32>(to, <f32>f64x2.extract_lane(values, 0));
          if (r + 1 < results) store<f32>(to + bytes(channels, 9), <f32>f64x2.extract_lane(values, 1));
        }
      }
    }
  }
}

/** Two of the sums of all pieces, in order. */
// @inline
function sumOfPieces(first: usize, pieces: i32, step: usize): v128 {
  let sum = v128.load(first);
  for (let piece = 1; piece < pieces; piece++) {
    sum = f64x2.add(sum, v128.load(first + <usize>(sumCount * piece) * step));
  }
  return sum;
}

/** Bytes of scratch of {@link winogradMergeWeights}. */
export function winogradMergeWeightsScratch(): f64 {
  return <f64>(filterBytes + filterLineBytes + filterLinesBytes);
}
