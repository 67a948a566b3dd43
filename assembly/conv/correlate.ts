// Convolutions as products over a table of offsets: see conv/planes.ts. One kernel does the forward direction and the
// input's gradient, which is a convolution of dy with the kernel turned round, one grid of results (job) per pair of
// remainders modulo the strides.
//
// A sum runs over (channel, tap) in order in f32, in stretches of whole channels of about 240 products.

import { tileOffsets } from "../gemm/tiles";
import {
  bytes,
  CHANNELS,
  clear,
  FIRST_JOB,
  fillPlanes,
  GROUPS,
  JOB_BLOCK,
  JOB_CHUNK,
  JOB_COLUMN_STEP,
  JOB_COLUMNS,
  JOB_FIRST,
  JOB_OFFSETS,
  JOB_PLACES,
  JOB_ROW_STEP,
  JOB_ROWS,
  JOB_TAPS,
  JOB_WEIGHTS,
  JOBS,
  jobSize,
  OUT_CHANNELS,
  OUT_PLANE,
  PHASES,
  PLANE_STRIDE,
  PLANES_SIZE,
  planesScratch,
  ROW_STRIDE,
  SOURCE_PLANE,
  word,
} from "./planes";

/**
 * Packs the weights of all jobs for {@link convCorrelate}: (pair of result channels, source channel, tap), two values
 * each. The weight of (group, result channel r, source channel s) and place t in the kernel stands at the three steps'
 * sum plus t. Units are (group, pair).
 */
export function convPackWeights(
  plan: usize,
  weight: usize,
  groupStep: i32,
  rowStep: i32,
  channelStep: i32,
  packed: usize,
  begin: i32,
  end: i32,
): void {
  const channels = word(plan, CHANNELS);
  const rows = word(plan, OUT_CHANNELS);
  const pairs = (rows + 1) >> 1;
  const jobs = word(plan, JOBS);
  for (let unit = begin; unit < end; unit++) {
    const pair = unit % pairs;
    const isPair = 2 * pair + 1 < rows;
    const first = weight + bytes(unit / pairs, groupStep) + bytes(2 * pair, rowStep);
    let job = plan + bytes(word(plan, FIRST_JOB));
    for (let k = 0; k < jobs; k++) {
      const taps = word(job, JOB_TAPS);
      const places = plan + bytes(word(job, JOB_PLACES));
      let to = packed + bytes(word(job, JOB_WEIGHTS)) + (bytes(unit, channels * taps) << 1);
      let from = first;
      for (let channel = 0; channel < channels; channel++) {
        for (let t = 0; t < taps; t++) {
          const at = from + bytes(word(places, t));
          store<f32>(to, load<f32>(at));
          store<f32>(to, isPair ? load<f32>(at + bytes(rowStep)) : 0, 4);
          to += 8;
        }
        from += bytes(channelStep);
      }
      job += jobSize << 2;
    }
  }
}

/**
 * result = bias + source ∗ weights by the plan, `weights` as {@link convPackWeights} leaves them, `bias` one value per
 * channel of the result or 0. Units are images. Scratch: the plan's planes, and the results of the largest chunk of
 * rows.
 */
export function convCorrelate(
  plan: usize,
  source: usize,
  weights: usize,
  bias: usize,
  result: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const groups = word(plan, GROUPS);
  const channels = word(plan, CHANNELS);
  const outChannels = word(plan, OUT_CHANNELS);
  const sourceBytes = bytes(channels, word(plan, SOURCE_PLANE));
  const resultBytes = bytes(outChannels, word(plan, OUT_PLANE));
  const jobs = word(plan, JOBS);
  const planesBytes = bytes(word(plan, PLANES_SIZE));
  clear(scratch, planesBytes);
  for (let image = begin; image < end; image++) {
    for (let group = 0; group < groups; group++) {
      const index = <usize>image * <usize>groups + <usize>group;
      fillPlanes(plan, source + index * sourceBytes, channels, scratch);
      let job = plan + bytes(word(plan, FIRST_JOB));
      for (let k = 0; k < jobs; k++) {
        correlate(
          plan,
          job,
          scratch,
          weights +
            bytes(word(job, JOB_WEIGHTS)) +
            (bytes(group * ((outChannels + 1) >> 1), channels * word(job, JOB_TAPS)) << 1),
          bias ? bias + bytes(group, outChannels) : 0,
          result + index * resultBytes,
          scratch + planesBytes,
        );
        job += jobSize << 2;
      }
    }
  }
}

/** Bytes of scratch of {@link convCorrelate}. */
export function convCorrelateScratch(plan: usize): f64 {
  let largest: usize = 0;
  let job = plan + bytes(word(plan, FIRST_JOB));
  for (let k = 0; k < word(plan, JOBS); k++) {
    const rows = min(word(job, JOB_CHUNK), word(job, JOB_ROWS));
    const tiles = ((rows - 1) * word(plan, ROW_STRIDE) + word(job, JOB_COLUMNS) + 15) >> 4;
    largest = max(largest, channelStep(tiles));
    job += jobSize << 2;
  }
  return planesScratch(plan) + <f64>word(plan, OUT_CHANNELS) * <f64>largest;
}

/**
 * Bytes from the results of a chunk in one channel to those in the next: at a multiple of 4 KiB they would fight for
 * the same cache lines.
 */
// @inline
function channelStep(tiles: i32): usize {
  return (<usize>((tiles & 63) == 0 ? tiles + 1 : tiles)) << 6;
}

/** One job of one image and group. */
function correlate(
  plan: usize,
  job: usize,
  planes: usize,
  weights: usize,
  bias: usize,
  result: usize,
  flat: usize,
): void {
  const channels = word(plan, CHANNELS);
  const channelBytes = bytes(word(plan, PHASES), word(plan, PLANE_STRIDE));
  const outChannels = word(plan, OUT_CHANNELS);
  const rowStride = word(plan, ROW_STRIDE);
  const taps = word(job, JOB_TAPS);
  const offsets = plan + bytes(word(job, JOB_OFFSETS));
  const block = word(job, JOB_BLOCK);
  const weightStep = bytes(channels, taps) << 1;
  const rows = word(job, JOB_ROWS);
  const columns = word(job, JOB_COLUMNS);
  const chunk = word(job, JOB_CHUNK);
  for (let row = 0; row < rows; row += chunk) {
    const chunkRows = min(chunk, rows - row);
    const tiles = ((chunkRows - 1) * rowStride + columns + 15) >> 4;
    const flatStep = channelStep(tiles);
    let channel = 0;
    do {
      const depth = min(block, channels - channel) * taps;
      let x = planes + <usize>channel * channelBytes + bytes(row, rowStride);
      const w = weights + (bytes(channel, taps) << 1);
      for (let tile = 0; tile < tiles; tile++) {
        tileOffsets(x, offsets, depth, w, weightStep, outChannels, flat + ((<usize>tile) << 6), flatStep, channel > 0);
        x += 64;
      }
      channel += block;
    } while (channel < channels);
    storeChunk(job, row, chunkRows, flat, flatStep, rowStride, bias, result, outChannels, word(plan, OUT_PLANE));
  }
}

/** Adds the bias, drops the columns beyond the last and puts the rest where it belongs. */
function storeChunk(
  job: usize,
  row: i32,
  rows: i32,
  flat: usize,
  flatStep: usize,
  rowStride: i32,
  bias: usize,
  result: usize,
  outChannels: i32,
  outPlane: i32,
): void {
  let columns = word(job, JOB_COLUMNS);
  const rowStep = bytes(word(job, JOB_ROW_STEP));
  const columnStep = bytes(word(job, JOB_COLUMN_STEP));
  let to = result + bytes(word(job, JOB_FIRST)) + <usize>row * rowStep;
  if (rowStride == columns && columnStep == 4 && rowStep == bytes(columns)) {
    columns *= rows;
    rows = 1;
  }
  for (let channel = 0; channel < outChannels; channel++) {
    const start: f32 = bias ? load<f32>(bias + bytes(channel)) : 0;
    for (let r = 0; r < rows; r++) {
      const from = flat + bytes(r, rowStride);
      if (columnStep == 4) addToRow(from, start, to + <usize>r * rowStep, columns);
      else scatterRow(from, start, to + <usize>r * rowStep, columnStep, columns);
    }
    flat += flatStep;
    to += bytes(outPlane);
  }
}

/** to[i] = from[i] + start; the last vector overlaps the one before it. */
// @inline
function addToRow(from: usize, start: f32, to: usize, length: i32): void {
  if (length < 4) {
    scatterRow(from, start, to, 4, length);
    return;
  }
  const starts = f32x4.splat(start);
  const last = from + bytes(length - 4);
  const distance = to - from;
  for (; from < last; from += 16) v128.store(from + distance, f32x4.add(v128.load(from), starts));
  v128.store(last + distance, f32x4.add(v128.load(last), starts));
}

/** to[i·step] = from[i] + start, the step in bytes. */
function scatterRow(from: usize, start: f32, to: usize, step: usize, length: i32): void {
  for (let i = 0; i < length; i++) {
    store<f32>(to, load<f32>(from) + start);
    from += 4;
    to += step;
  }
}
