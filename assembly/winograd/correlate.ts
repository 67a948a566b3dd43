// Convolutions of 3 × 3 taps, stride 1, by Winograd's F(4 × 4, 3 × 3): each of the 36 values of a transformed tile is a
// product over channels of its own, of transformed weights (36; pairs of results; channels) and transformed patches
// (panels of 16 tiles; 36; channels).

import { bytes, clear, word } from "../conv/planes";
import { tilePacked } from "../gemm/tiles";
import { bothAt, filterBytes, filterLine, filterLineBytes, filterLinesBytes, writeFilterFactors } from "./filter";
import { factorBytes, writeFactors } from "./lines";
import {
  CHANNELS,
  fillPadded,
  patchLinesBytes,
  placeTiles,
  planesBytes,
  RESULT_COLUMNS,
  RESULT_ROWS,
  RESULTS,
  recordBytes,
  rowBytes,
  spreadPatches,
  storeTiles,
  unitTiles,
} from "./tiles";

/** Bytes of the row to which the partner of an odd last result goes. */
const spareBytes: usize = 64;
/** Channels that are summed in one go, so that their panel stays in the first-level cache. */
const depthLimit: i32 = 256;

/**
 * Bytes from one of the 36 values of all weights to the next: not a power of two, so that they do not fight for the
 * same cache lines.
 */
// @inline
function weightStep(channels: i32, results: i32): usize {
  return (bytes((results + 1) >> 1, channels) << 1) + 64;
}

/**
 * packed (36; pair of results; channel; 2) = G g Gᵀ of the weights g, nine values at `resultStep`·result +
 * `channelStep`·channel, in reverse order if `turned`. An odd last result is paired with zeros. Units: pairs. Scratch:
 * the factors, and the lines of a filter.
 */
export function winogradPackWeights(
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
  const lines = scratch + filterBytes;
  const step = weightStep(channels, results);
  const first = turned ? bytes(8) : 0;
  const next: usize = turned ? -4 : 4;
  for (let pair = begin; pair < end; pair++) {
    const isPair = 2 * pair + 1 < results;
    let from = weight + bytes(2 * pair, resultStep) + first;
    let to = packed + (bytes(pair, channels) << 1);
    for (let channel = 0; channel < channels; channel++) {
      packPair(scratch, from, isPair ? from + bytes(resultStep) : 0, next, lines, to, step);
      from += bytes(channelStep);
      to += 8;
    }
  }
}

/** Bytes of scratch of {@link winogradPackWeights}. */
export function winogradPackWeightsScratch(): f64 {
  return <f64>(filterBytes + filterLinesBytes + filterLineBytes);
}

/** 36 pairs of values, `step` bytes apart, of the filters at `g` and `h`; 0 stands for a filter of zeros. */
function packPair(table: usize, g: usize, h: usize, next: usize, lines: usize, to: usize, step: usize): void {
  for (let column: usize = 0; column < 3; column++) {
    const g0 = bothAt(g, h, column * next);
    const g1 = bothAt(g, h, (column + 3) * next);
    filterLine(table, g0, g1, bothAt(g, h, (column + 6) * next), lines + (column << 4), 48);
  }
  const line = lines + filterLinesBytes;
  for (let i: usize = 0; i < 6; i++) {
    const from = lines + i * 48;
    filterLine(table, v128.load(from), v128.load(from, 16), v128.load(from, 32), line, 16);
    for (let j: usize = 0; j < 96; j += 16) {
      v128.store64_lane(to, f32x4.demote_f64x2_zero(v128.load(line + j)), 0);
      to += step;
    }
  }
}

/**
 * Bytes from one of the 36 values of a panel to the next: an odd number of lines, so that they do not fight for the
 * same ones.
 */
// @inline
function panelStep(channels: i32): usize {
  return (<usize>(channels | 1)) << 6;
}

/**
 * result = bias + source ∗ weights by the plan, `weights` as {@link winogradPackWeights} leaves them, `bias` one value
 * per result channel or 0. Units are those of the plan. Scratch: the factors, a spare row, the lines of a patch, the
 * records of the tiles, the planes, and the patches and products of the tiles.
 */
export function winogradCorrelate(
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
  const resultBytes = bytes(word(plan, RESULT_ROWS), word(plan, RESULT_COLUMNS));
  const tiles = unitTiles(plan);
  const step = panelStep(channels);
  const factors = scratch;
  const spare = factors + factorBytes;
  const lines = spare + spareBytes;
  const records = lines + patchLinesBytes;
  const planes = records + <usize>tiles * recordBytes;
  const patches = planes + planesBytes(plan);
  const products = patches + <usize>(tiles >> 4) * 36 * step;
  writeFactors(factors);
  clear(planes, planesBytes(plan));
  for (let unit = begin; unit < end; unit++) {
    const panels = (placeTiles(plan, unit, records) + 15) >> 4;
    for (let channel = 0; channel < channels; channel++) {
      fillPadded(plan, unit, source, channel, planes);
      for (let quad = 0; quad < 4 * panels; quad++) {
        const to = patches + <usize>(quad >> 2) * 36 * step + ((<usize>channel) << 6) + ((<usize>(quad & 3)) << 4);
        spreadPatches(planes, rowBytes(plan), records + ((<usize>quad) << 6), factors, to, step, lines);
      }
    }
    for (let i = 0; i < 36; i++) {
      const w = weights + <usize>i * weightStep(channels, results);
      for (let panel = 0; panel < panels; panel++) {
        const from = patches + <usize>(36 * panel + i) * step;
        const to = products + ((<usize>(36 * panel * results + i)) << 6);
        multiplyPanel(w, from, channels, results, to, spare);
      }
    }
    // Result by result, so that a plane is written from one end to the other.
    for (let r = 0; r < results; r++) {
      const start: f32 = bias ? load<f32>(bias + bytes(r)) : 0;
      for (let panel = 0; panel < panels; panel++) {
        const from = products + ((<usize>(36 * (panel * results + r))) << 6);
        for (let quad: usize = 0; quad < 4; quad++) {
          const tile = records + ((<usize>(4 * panel) + quad) << 6);
          storeTiles(plan, from + (quad << 4), factors, start, tile, result + <usize>r * resultBytes, lines);
        }
      }
    }
  }
}

/** Bytes of scratch of {@link winogradCorrelate}. */
export function winogradCorrelateScratch(plan: usize): f64 {
  const tiles = <f64>unitTiles(plan);
  const patchBytes = 36 * 4 * <f64>(word(plan, CHANNELS) | 1);
  const productBytes = 36 * 4 * <f64>word(plan, RESULTS);
  const fixed = factorBytes + spareBytes + patchLinesBytes + planesBytes(plan);
  return <f64>fixed + tiles * (<f64>recordBytes + patchBytes + productBytes);
}

/**
 * One of the 36 values of all results of a panel, 36 lines of 64 bytes apart; an odd last result has a partner that
 * goes to `spare`.
 */
function multiplyPanel(weights: usize, from: usize, channels: i32, results: i32, to: usize, spare: usize): void {
  const resultStep: usize = 36 << 6;
  for (let channel = 0; channel < channels; channel += depthLimit) {
    const depth = min(depthLimit, channels - channel);
    let w = weights + (bytes(channel) << 1);
    const b = from + ((<usize>channel) << 6);
    let c0 = to;
    for (let r = 0; r < results; r += 2) {
      const c1 = r + 1 < results ? c0 + resultStep : spare;
      tilePacked(w, b, depth, channel ? c0 : 0, channel ? c1 : 0, c0, c1);
      w += bytes(channels) << 1;
      c0 += 2 * resultStep;
    }
  }
}
