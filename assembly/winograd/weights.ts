// The gradient of winograd/correlate.ts for the weight, the transpose of that map: each of the 36 values of transformed
// dy (36; panels of 16 result channels; tiles) times those of the transformed patches (36; channels; tiles), summed
// over tiles: in f32 within a unit, in f64 over units.
//
// Units are cut into pieces by the shape alone; each piece has sums of its own, and `winogradMergeWeights` adds them in
// order.

import { addWide, firstOfPiece } from "../conv/pieces";
import { bytes, clear, word } from "../conv/planes";
import { tileStrided } from "../gemm/tiles";
import { filterBytes, filterGradientLine, filterLineBytes, filterLinesBytes, writeFilterFactors } from "./filter";
import { factorBytes, writeFactors } from "./lines";
import {
  CHANNELS,
  fillPadded,
  patchLinesBytes,
  placeTiles,
  planesBytes,
  RESULTS,
  recordBytes,
  rowBytes,
  spreadCotangents,
  spreadPatches,
  unitTiles,
} from "./tiles";

/** Bytes between the 36 values of all patches or cotangents, so that they do not fight for the same cache lines. */
const stepPadding: usize = 64;
/** Bytes of two rows of 16 values. */
const tileBytes: usize = 128;

/** Bytes from one channel's tiles to the next channel's. */
// @inline
function tileStep(tiles: i32): usize {
  return bytes(tiles + 16);
}

/**
 * Bytes from one of the 36 values of all sums to the next, for the same reason as in winograd/correlate.ts not a power
 * of two.
 */
// @inline
function sumStep(channels: i32, rounded: i32): usize {
  return ((<usize>channels * <usize>rounded) << 3) + 64;
}

/**
 * partial (f64; piece, 36, channels, results rounded up to 4) = the sums of each piece. `plan` is the forward one,
 * `cotangentPlan` that of dy as a source without padding. Units: pieces. Scratch: the factors, the lines of a patch, a
 * tile, the records of the tiles, four planes, and the transformed patches and cotangents of the tiles.
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
  const tile = lines + patchLinesBytes;
  const records = tile + tileBytes;
  const planes = records + <usize>tiles * recordBytes;
  const planeStep = planesBytes(plan);
  const patches = planes + 4 * planeStep;
  const cotangents = patches + 36 * patchStep;
  writeFactors(factors);
  for (let piece = begin; piece < end; piece++) {
    const sums = partial + <usize>piece * 36 * sumBytes;
    clear(sums, 36 * sumBytes);
    const last = firstOfPiece(piece + 1, planUnits, pieces);
    for (let unit = firstOfPiece(piece, planUnits, pieces); unit < last; unit++) {
      const count = placeTiles(plan, unit, records);
      clear(planes, 4 * planeStep);
      for (let channel = 0; channel < channels; channel++) {
        fillPadded(plan, unit, x, channel, planes);
        for (let t = 0; t < count; t += 4) {
          const to = patches + <usize>channel * channelStep + bytes(t);
          spreadPatches(planes, rowBytes(plan), records + ((<usize>t) << 4), factors, to, patchStep, lines);
        }
      }
      clear(planes, 4 * planeStep);
      for (let r = 0; r < results; r += 4) {
        for (let k = 0; k < min(4, results - r); k++) {
          fillPadded(cotangentPlan, unit, dy, r + k, planes + <usize>k * planeStep);
        }
        const to = cotangents + <usize>(r >> 4) * panelBytes + bytes(r & 15);
        for (let t = 0; t < count; t++) {
          const patch = planes + load<u32>(records + ((<usize>t) << 4));
          spreadCotangents(patch, planeStep, rowBytes(plan), factors, to + ((<usize>t) << 6), cotangentStep, lines);
        }
      }
      for (let i: usize = 0; i < 36; i++) {
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

/** Bytes of scratch of {@link winogradWeightGradient}. */
export function winogradWeightGradientScratch(plan: usize): f64 {
  const tiles = unitTiles(plan);
  const panels = (word(plan, RESULTS) + 15) >> 4;
  const patchBytes = <f64>word(plan, CHANNELS) * <f64>tileStep(tiles) + <f64>stepPadding;
  const cotangentBytes = 64 * <f64>panels * <f64>tiles + <f64>stepPadding;
  const fixed = factorBytes + patchLinesBytes + tileBytes;
  return <f64>fixed + <f64>recordBytes * <f64>tiles + 4 * <f64>planesBytes(plan) + 36 * (patchBytes + cotangentBytes);
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
  const rowBytes = (<usize>rounded) << 3;
  for (let first = 0; first < rounded; first += 16) {
    const width = min(16, rounded - first);
    let to = sums + ((<usize>first) << 3);
    for (let channel = 0; channel < channels; channel += 2) {
      const a0 = patches + <usize>channel * channelStep;
      const isPair = channel + 1 < channels;
      const a1 = isPair ? a0 + channelStep : a0;
      tileStrided(a0, a1, panel, 64, count, 0, 0, tile, tile + 64);
      addWide(tile, to, width);
      if (isPair) addWide(tile + 64, to + rowBytes, width);
      to += rowBytes << 1;
    }
    panel += panelBytes;
  }
}

/** dweight (result, channel, 3, 3) = Gᵀ s G, s the sums of `partial` over the pieces in order. Units: channels. */
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
      for (let i: usize = 0; i < 6; i++) {
        for (let j: usize = 0; j < 96; j += 16) {
          let sum = v128.load(from);
          for (let piece = 1; piece < pieces; piece++)
            sum = f64x2.add(sum, v128.load(from + <usize>(36 * piece) * step));
          v128.store(line + j, sum);
          from += step;
        }
        filterGradientLine(scratch, line, 16, lines + i * 48, 16);
      }
      const first = dweight + bytes(r * channels + channel, 9);
      for (let column: usize = 0; column < 3; column++) {
        filterGradientLine(scratch, lines + (column << 4), 48, line, 16);
        for (let row: usize = 0; row < 3; row++) {
          const values = v128.load(line + (row << 4));
          const to = first + ((3 * row + column) << 2);
          store<f32>(to, <f32>f64x2.extract_lane(values, 0));
          if (r + 1 < results) store<f32>(to + bytes(channels, 9), <f32>f64x2.extract_lane(values, 1));
        }
      }
    }
  }
}

/** Bytes of scratch of {@link winogradMergeWeights}. */
export function winogradMergeWeightsScratch(): f64 {
  return <f64>(filterBytes + filterLineBytes + filterLinesBytes);
}
