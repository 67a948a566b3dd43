// Convolutions plane by plane, by the plans of conv/planes.ts: for few channels to a group, where a product over
// channels would be short and mostly consist of laying out its factors. Depthwise ones are the extreme: one channel.

import { firstOfPiece } from "./pieces";
import {
  bytes,
  CHANNELS,
  clear,
  FIRST_JOB,
  fillPlanes,
  GROUPS,
  JOB_COLUMNS,
  JOB_OFFSETS,
  JOB_PLACES,
  JOB_ROWS,
  JOB_TAPS,
  OUT_CHANNELS,
  OUT_PLANE,
  PLANES_SIZE,
  planesScratch,
  ROW_STRIDE,
  SOURCE_PLANE,
  word,
} from "./planes";
import { addTaps, dotTaps } from "./taps";

/** Bytes of two rows of 16 values. */
const tileBytes: usize = 128;
/** Positions of a plane whose products are summed in f32, a fourth of them to a lane. */
const positionLimit: i32 = 1152;

/**
 * result = bias + source ∗ weight by a plan of one job, whose planes are those of one channel; the weight of (group,
 * result channel r, source channel s) and place t in the kernel stands at the three steps' sum plus t; `bias` is one
 * value per result channel or 0. Units are (image, group). Scratch: the planes, a tile, and the weights of a kernel
 * with an offset for each.
 */
export function convDirect(
  plan: usize,
  source: usize,
  weight: usize,
  groupStep: i32,
  rowStep: i32,
  channelStep: i32,
  bias: usize,
  result: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const groups = word(plan, GROUPS);
  const channels = word(plan, CHANNELS);
  const outChannels = word(plan, OUT_CHANNELS);
  const sourceBytes = bytes(word(plan, SOURCE_PLANE));
  const resultBytes = bytes(word(plan, OUT_PLANE));
  const xStep = bytes(word(plan, ROW_STRIDE));
  const job = plan + bytes(word(plan, FIRST_JOB));
  const taps = word(job, JOB_TAPS);
  const places = plan + bytes(word(job, JOB_PLACES));
  const table = plan + bytes(word(job, JOB_OFFSETS));
  const rows = word(job, JOB_ROWS);
  const columns = word(job, JOB_COLUMNS);
  const tile = scratch + bytes(word(plan, PLANES_SIZE));
  const offsets = tile + tileBytes;
  const w = offsets + bytes(taps);
  // In the order in which they lie in the plane, which for a gradient is that of the kernel turned round.
  const isTurned = taps > 0 && word(table, 0) > word(table, taps - 1);
  for (let t = 0; t < taps; t++) store<i32>(offsets + bytes(t), word(table, isTurned ? taps - 1 - t : t));
  clear(scratch, bytes(word(plan, PLANES_SIZE)));
  for (let unit = begin; unit < end; unit++) {
    const group = unit % groups;
    for (let channel = 0; channel < channels; channel++) {
      fillPlanes(plan, source + (<usize>unit * <usize>channels + <usize>channel) * sourceBytes, 1, scratch);
      for (let r = 0; r < outChannels; r++) {
        const from = weight + bytes(group, groupStep) + bytes(r, rowStep) + bytes(channel, channelStep);
        for (let t = 0; t < taps; t++) {
          store<f32>(w + bytes(t), load<f32>(from + bytes(word(places, isTurned ? taps - 1 - t : t))));
        }
        const start: f32 = bias ? load<f32>(bias + bytes(group * outChannels + r)) : 0;
        const to = result + (<usize>unit * <usize>outChannels + <usize>r) * resultBytes;
        addTaps(scratch, xStep, offsets, w, taps, rows, columns, channel == 0, start, to, bytes(columns), tile);
      }
    }
  }
}

/** Bytes of scratch of {@link convDirect}. */
export function convDirectScratch(plan: usize): f64 {
  const taps = word(plan + bytes(word(plan, FIRST_JOB)), JOB_TAPS);
  return planesScratch(plan) + <f64>tileBytes + <f64>bytes(taps, 2);
}

/**
 * partial (f64; piece, group, k = (input channel, tap), output channels rounded up to 4) = the sums of each piece of
 * the images, for `convMergeWeights`. The plan is the forward one, its planes those of one channel. Units are (piece,
 * group). Scratch: the planes.
 */
export function convDirectWeightGradient(
  plan: usize,
  dy: usize,
  x: usize,
  partial: usize,
  batch: i32,
  pieces: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const groups = word(plan, GROUPS);
  const channels = word(plan, CHANNELS);
  const outChannels = word(plan, OUT_CHANNELS);
  const job = plan + bytes(word(plan, FIRST_JOB));
  const taps = word(job, JOB_TAPS);
  const rows = word(job, JOB_ROWS);
  const columns = word(job, JOB_COLUMNS);
  const offsets = plan + bytes(word(job, JOB_OFFSETS));
  const xStep = bytes(word(plan, ROW_STRIDE));
  const dyStep = bytes(columns);
  const sourceBytes = bytes(word(plan, SOURCE_PLANE));
  const outBytes = bytes(word(plan, OUT_PLANE));
  const sumStep: usize = ((<usize>outChannels + 3) & ~3) << 3;
  const depthBytes = <usize>(channels * taps) * sumStep;
  const width = min(columns, positionLimit);
  const chunk = positionLimit / max(1, width);
  clear(scratch, bytes(word(plan, PLANES_SIZE)));
  for (let unit = begin; unit < end; unit++) {
    const piece = unit / groups;
    const group = unit % groups;
    const sums = partial + <usize>unit * depthBytes;
    clear(sums, depthBytes);
    const last = firstOfPiece(piece + 1, batch, pieces);
    for (let image = firstOfPiece(piece, batch, pieces); image < last; image++) {
      const index = <usize>image * <usize>groups + <usize>group;
      for (let channel = 0; channel < channels; channel++) {
        fillPlanes(plan, x + (index * <usize>channels + <usize>channel) * sourceBytes, 1, scratch);
        for (let r = 0; r < outChannels; r++) {
          const from = dy + (index * <usize>outChannels + <usize>r) * outBytes;
          const to = sums + <usize>(channel * taps) * sumStep + ((<usize>r) << 3);
          for (let row = 0; row < rows; row += chunk) {
            const count = min(chunk, rows - row);
            for (let column = 0; column < columns; column += width) {
              const at = scratch + <usize>row * xStep + bytes(column);
              const d = from + <usize>row * dyStep + bytes(column);
              dotTaps(at, xStep, offsets, d, dyStep, taps, count, min(width, columns - column), to, sumStep);
            }
          }
        }
      }
    }
  }
}

/** Bytes of scratch of {@link convDirectWeightGradient}. */
export function convDirectWeightGradientScratch(plan: usize): f64 {
  return planesScratch(plan);
}
