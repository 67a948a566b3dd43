// Convolutions of 3 × 3 taps, stride 1, by Winograd's F(2 × 4, 3 × 3): each of the 24 values of a transformed tile is a
// product over channels of its own, of transformed weights (24; pairs of results; channels) and transformed patches
// (panels of 16 tiles; 24; channels). Tiles and filters that it would spoil are summed plainly (winograd/safety.ts).

import { bytes, clear, word } from "../conv/planes";
import { tilePackedStretches } from "../gemm/tiles";
import { addTile, clearLanes, lanesBytes, lanesOf, mostLanes, sumDirectly, sumDirectlyScratch } from "./direct";
import {
  bothAt,
  filterBytes,
  filterLine,
  filterLineBytes,
  filterLinesBytes,
  filterPair,
  writeFilterFactors,
} from "./filter";
import { a, b, factorBytes, writeFactors } from "./lines";
import { fillLines, linesBytes, spreadPatches } from "./patches";
import { sumFilters, sumFiltersScratch } from "./plain";
import { storeTiles, tileLinesBytes } from "./results";
import { areAllFilters, isAnyFilter, leastTap, NOT_FINITE, SAFE, safetyBytes, UNSAFE, writeSafety } from "./safety";
import {
  CHANNELS,
  judgeTiles,
  placeTiles,
  planesBytes,
  RESULT_COLUMNS,
  RESULT_ROWS,
  RESULTS,
  recordBytes,
  rowBytes,
  SAFETY,
  tileResults,
  unitTiles,
} from "./tiles";

/** Bytes of the row to which the partner of an odd last result goes. */
const spareBytes: usize = 64;
/**
 * Lines of 64 bytes from one result's 24 products of a panel to the next one's: an odd number, so that they do not
 * fight for the same cache lines.
 */
const productLines: i32 = 25;
/** Channels whose panel stays in the first-level cache, and those that are summed in one go. */
const depthLimit: i32 = 256;
const summedAtOnce: i32 = 32;
/** Results whose products of a panel are made before they are transformed: as many as stay in the first-level cache. */
const resultLimit: i32 = 8;
/** Bytes of the products of as many results. */
const productsBytes: usize = (<usize>(productLines * resultLimit)) << 6;

/**
 * Bytes from one of the 24 values of the weights of a block of results to the next: not a power of two, so that they do
 * not fight for the same cache lines.
 */
// @inline
function weightStep(channels: i32): usize {
  return bytes(resultLimit, channels) + 64;
}

/**
 * packed (block of 8 results; 24; pair of results; channel; 2) = G g Gᵀ of the weights g, nine values at
 * `resultStep`·result + `channelStep`·channel, in reverse order if `turned`; before them how safe the filters are. An
 * odd last result is paired with zeros. Units: pairs. Scratch: the factors, and the lines of a filter.
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
  const step = weightStep(channels);
  const first = turned ? bytes(8) : 0;
  const next: usize = turned ? -4 : 4;
  for (let pair = begin; pair < end; pair++) {
    writeSafety(weight, channels, results, resultStep, channelStep, pair, leastTap, packed);
    const isPair = 2 * pair + 1 < results;
    let from = weight + bytes(2 * pair, resultStep) + first;
    const block = (2 * pair) / resultLimit;
    let to = packed + safetyBytes(results) + <usize>(24 * block) * step;
    to += bytes(2 * pair - resultLimit * block, channels);
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

/** 24 pairs of values, `step` bytes apart, of the filters at `g` and `h`; 0 stands for a filter of zeros. */
function packPair(table: usize, g: usize, h: usize, next: usize, lines: usize, to: usize, step: usize): void {
  for (let column: usize = 0; column < 3; column++) {
    const g0 = bothAt(g, h, column * next);
    const g1 = bothAt(g, h, (column + 3) * next);
    filterPair(g0, g1, bothAt(g, h, (column + 6) * next), lines + (column << 4), 48);
  }
  const line = lines + filterLinesBytes;
  for (let i: usize = 0; i < 4; i++) {
    const from = lines + i * 48;
    filterLine(table, v128.load(from), v128.load(from, 16), v128.load(from, 32), line, 16);
    for (let j: usize = 0; j < 96; j += 16) {
      v128.store64_lane(to, f32x4.demote_f64x2_zero(v128.load(line + j)), 0);
      to += step;
    }
  }
}

/**
 * Bytes from one of the 24 values of a panel to the next: an odd number of lines, so that they do not fight for the
 * same ones.
 */
// @inline
function panelStep(channels: i32): usize {
  return (<usize>(channels | 1)) << 6;
}

/**
 * result = bias + source ∗ weights by the plan, `packed` as {@link winogradPackWeights} leaves `weight`, `bias` one
 * value per result channel or 0. Units are those of the plan. Scratch: the factors, a spare row, the products of a
 * panel, the lines of a tile, the records of the tiles, the planes of magnitudes, the lines and the planes of a
 * channel, what plain sums take, and the patches of the tiles.
 */
export function winogradCorrelate(
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
  const resultBytes = bytes(word(plan, RESULT_ROWS), word(plan, RESULT_COLUMNS));
  const weights = packed + safetyBytes(results);
  const tiles = unitTiles(plan);
  const step = panelStep(channels);
  const factors = scratch;
  const spare = factors + factorBytes;
  const products = spare + spareBytes;
  const tileLines = products + productsBytes;
  const records = tileLines + tileLinesBytes;
  const magnitudes = records + <usize>tiles * recordBytes;
  const lines = magnitudes + planesBytes(plan);
  const planes = lines + linesBytes(plan);
  const ofFilters = planes + planesBytes(plan);
  const list = ofFilters + sumFiltersScratch;
  const directly = list + lanesBytes;
  const patches = directly + sumDirectlyScratch(plan);
  const isAnyUnsafe = isAnyFilter(packed, results, UNSAFE);
  const isAnyNotFinite = isAnyFilter(packed, results, NOT_FINITE);
  writeFactors(factors, a, b);
  clearLanes(list);
  clear(lines, linesBytes(plan));
  if (isAnyUnsafe) clear(planes, planesBytes(plan));
  for (let unit = begin; unit < end; unit++) {
    const count = placeTiles(plan, unit, records);
    const panels = (count + 15) >> 4;
    clear(magnitudes, planesBytes(plan));
    for (let channel = 0; channel < channels; channel++) {
      fillLines(plan, unit, source, channel, lines, magnitudes);
      for (let quad = 0; quad < 4 * panels; quad++) {
        const to = patches + <usize>(quad >> 2) * 24 * step + ((<usize>channel) << 6) + ((<usize>(quad & 3)) << 4);
        spreadPatches(lines, rowBytes(plan), records + <usize>(4 * quad) * recordBytes, factors, to, step);
      }
    }
    for (let first = 0; first < results; first += resultLimit) {
      const width = min(resultLimit, results - first);
      if (areAllFilters(packed + bytes(first), width, UNSAFE)) continue;
      const w = weights + <usize>(24 * (first / resultLimit)) * weightStep(channels);
      for (let panel = 0; panel < panels; panel++) {
        const from = patches + <usize>(24 * panel) * step;
        for (let i = 0; i < 24; i++) {
          const to = products + ((<usize>i) << 6);
          multiplyPanel(w + <usize>i * weightStep(channels), from + <usize>i * step, channels, width, to, spare);
        }
        const tile = records + <usize>(16 * panel) * recordBytes;
        for (let r = 0; r < width; r++) {
          const start: f32 = bias ? load<f32>(bias + bytes(first + r)) : 0;
          const m = products + ((<usize>(productLines * r)) << 6);
          storeTiles(plan, m, factors, start, tile, result + <usize>(first + r) * resultBytes, tileLines);
        }
      }
    }
    const last = records + <usize>count * recordBytes;
    // First unsafe tiles, whose results are all summed plainly; then safe ones, for filters that are not finite.
    const isAnyTileUnsafe = judgeTiles(plan, records, last, magnitudes);
    for (let kind = isAnyTileUnsafe ? UNSAFE : SAFE; kind == UNSAFE || (kind == SAFE && isAnyNotFinite); kind--) {
      for (let tile = records; tile < last; tile += recordBytes) {
        if (load<i32>(tile, SAFETY) == kind) addTile(plan, tile, list);
        const isLast = tile + recordBytes == last;
        if (lanesOf(list) == 0 || (lanesOf(list) <= mostLanes - tileResults && !isLast)) continue;
        sumDirectly(
          plan,
          list,
          source,
          weight,
          resultStep,
          channelStep,
          turned,
          packed,
          kind == UNSAFE,
          bias,
          result,
          directly,
        );
      }
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

/** Bytes of scratch of {@link winogradCorrelate}. */
export function winogradCorrelateScratch(plan: usize): f64 {
  const tiles = unitTiles(plan);
  const patchBytes = 24 * 4 * <f64>(word(plan, CHANNELS) | 1);
  const fixed = factorBytes + spareBytes + productsBytes + tileLinesBytes + <usize>tiles * recordBytes + lanesBytes;
  const planes = 2 * planesBytes(plan) + linesBytes(plan) + sumFiltersScratch;
  return <f64>(fixed + planes + sumDirectlyScratch(plan)) + <f64>tiles * patchBytes;
}

/**
 * One of the 24 values of all results of a panel; an odd last result has a partner that goes to `spare`.
 */
function multiplyPanel(weights: usize, from: usize, channels: i32, results: i32, to: usize, spare: usize): void {
  const resultStep = (<usize>productLines) << 6;
  for (let channel = 0; channel < channels; channel += depthLimit) {
    const depth = min(depthLimit, channels - channel);
    let w = weights + (bytes(channel) << 1);
    const panel = from + ((<usize>channel) << 6);
    let c0 = to;
    for (let r = 0; r < results; r += 2) {
      const c1 = r + 1 < results ? c0 + resultStep : spare;
      tilePackedStretches(w, panel, depth, summedAtOnce, channel > 0, c0, c1);
      w += bytes(channels) << 1;
      c0 += 2 * resultStep;
    }
  }
}
