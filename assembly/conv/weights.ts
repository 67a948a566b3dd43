// The gradient of a convolution for its weight: dweight[o][k] = Σ over images and positions p of
// dy[o][p]·planes[offset[k] + p], k = (input channel, tap). dy is laid out with the planes' row stride, zeros at the
// columns beyond the last: a product over positions, in f32 within about 288 of them, summed in f64 over these
// stretches and over images. (A value of x that is not finite may so reach taps that never read it.)
//
// Images are cut into pieces by the shape alone; each piece has sums of its own, and `convMergeWeights` adds them in
// order.

import { tileStrided, transposeFour } from "../gemm/tiles";
import { addWide, firstOfPiece } from "./pieces";
import {
  bytes,
  CHANNELS,
  clear,
  FIRST_JOB,
  fillPlanes,
  GROUPS,
  JOB_CHUNK,
  JOB_COLUMNS,
  JOB_OFFSETS,
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

/** Bytes of two rows of 16 values. */
const tileBytes: usize = 128;

/**
 * partial (f64; piece, group, k, output channels rounded up to 4) = the sums of each piece. `slice` is how many input
 * channels a unit does; units are (piece, group, slice). Scratch: the planes, and the rows of dy that are summed in one
 * go, (channels rounded up to 16) × chunk × rowStride values, and 64 bytes for each of two tile rows.
 */
export function convWeightGradient(
  plan: usize,
  dy: usize,
  x: usize,
  partial: usize,
  batch: i32,
  pieces: i32,
  slice: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const groups = word(plan, GROUPS);
  const channels = word(plan, CHANNELS);
  const outChannels = word(plan, OUT_CHANNELS);
  const outRounded = (outChannels + 3) & ~3;
  const job = plan + bytes(word(plan, FIRST_JOB));
  const taps = word(job, JOB_TAPS);
  const rows = word(job, JOB_ROWS);
  const chunk = word(job, JOB_CHUNK);
  const rowStride = word(plan, ROW_STRIDE);
  const columns = word(job, JOB_COLUMNS);
  const sourceBytes = bytes(word(plan, SOURCE_PLANE));
  const outPlane = word(plan, OUT_PLANE);
  const slices = (channels + slice - 1) / slice;

  const tile = scratch;
  const planes = scratch + tileBytes;
  const packed = planes + bytes(word(plan, PLANES_SIZE));
  const packedRows = (outChannels + 15) & ~15;
  const panelLength = chunk * rowStride;
  // Margins, and columns of dy beyond the last, are cleared once: copying writes only in between.
  clear(planes, bytes(word(plan, PLANES_SIZE)));
  clear(packed, bytes(packedRows, panelLength));

  for (let unit = begin; unit < end; unit++) {
    const piece = unit / (groups * slices);
    const group = (unit / slices) % groups;
    const firstChannel = (unit % slices) * slice;
    const count = min(slice, channels - firstChannel);
    const depth = count * taps;
    const sums =
      partial +
      (((<usize>(piece * groups + group) * <usize>(channels * taps) + <usize>(firstChannel * taps)) *
        <usize>outRounded) <<
        3);
    clear(sums, (<usize>depth * <usize>outRounded) << 3);
    const lastImage = firstOfPiece(piece + 1, batch, pieces);
    for (let image = firstOfPiece(piece, batch, pieces); image < lastImage; image++) {
      const index = <usize>image * <usize>groups + <usize>group;
      const source = x + (index * <usize>channels + <usize>firstChannel) * sourceBytes;
      fillPlanes(plan, source, count, planes);
      for (let row = 0; row < rows; row += chunk) {
        const chunkRows = min(chunk, rows - row);
        const length = (chunkRows - 1) * rowStride + columns;
        const from = dy + index * bytes(outChannels, outPlane) + bytes(row, columns);
        const at = planes + bytes(row, rowStride);
        const offsets = plan + bytes(word(job, JOB_OFFSETS));
        layOutPanels(from, outPlane, outChannels, chunkRows, columns, rowStride, packed, panelLength);
        addPanels(at, offsets, depth, packed, panelLength, length, outRounded, sums, tile);
      }
    }
  }
}

/** Bytes of scratch of {@link convWeightGradient}. */
export function convWeightGradientScratch(plan: usize): f64 {
  const job = plan + bytes(word(plan, FIRST_JOB));
  const packedRows = (word(plan, OUT_CHANNELS) + 15) & ~15;
  const positions = word(job, JOB_CHUNK) * word(plan, ROW_STRIDE);
  return <f64>tileBytes + planesScratch(plan) + 4 * <f64>packedRows * <f64>positions;
}

/** Panels of 16 channels of dy, a row of 16 per position; lanes beyond the last channel stay as they are. */
function layOutPanels(
  dy: usize,
  outPlane: i32,
  channels: i32,
  rows: i32,
  columns: i32,
  rowStride: i32,
  packed: usize,
  panelLength: i32,
): void {
  const planeBytes = bytes(outPlane);
  for (let channel = 0; channel < channels; channel += 4) {
    const panel = packed + bytes(channel >> 4, panelLength << 4) + bytes(channel & 15);
    const count = min(4, channels - channel);
    for (let row = 0; row < rows; row++) {
      let from = dy + <usize>channel * planeBytes + bytes(row, columns);
      let to = panel + (bytes(row, rowStride) << 4);
      let i = 0;
      if (count == 4) {
        for (; i + 4 <= columns; i += 4) {
          transposeFour(from, planeBytes, to, 64);
          from += 16;
          to += 256;
        }
      }
      for (; i < columns; i++) {
        for (let c = 0; c < count; c++) store<f32>(to + bytes(c), load<f32>(from + <usize>c * planeBytes));
        from += 4;
        to += 64;
      }
    }
  }
}

/** sums[k][o] += Σₚ x[offset[k] + p]·dy[p][o], sixteen channels o and two k at a time. */
function addPanels(
  x: usize,
  offsets: usize,
  depth: i32,
  panel: usize,
  panelLength: i32,
  length: i32,
  outRounded: i32,
  sums: usize,
  tile: usize,
): void {
  const rowBytes = (<usize>outRounded) << 3;
  for (let first = 0; first < outRounded; first += 16) {
    const width = min(16, outRounded - first);
    let to = sums + ((<usize>first) << 3);
    let k = 0;
    for (; k + 1 < depth; k += 2) {
      tileStrided(x + word(offsets, k), x + word(offsets, k + 1), panel, 64, length, 0, 0, tile, tile + 64);
      addWide(tile, to, width);
      addWide(tile + 64, to + rowBytes, width);
      to += rowBytes << 1;
    }
    if (k < depth) {
      const last = x + word(offsets, k);
      tileStrided(last, last, panel, 64, length, 0, 0, tile, tile + 64);
      addWide(tile, to, width);
    }
    panel += bytes(panelLength) << 4;
  }
}

/**
 * dweight = Σ of `partial` over the pieces; `depth` is how many k there are. Of a group, the weight of (output channel
 * o, k) stands at o·outStep + k·step. Units are (group, four output channels).
 */
export function convMergeWeights(
  partial: usize,
  dweight: usize,
  pieces: i32,
  groups: i32,
  depth: i32,
  outChannels: i32,
  outStep: i32,
  step: i32,
  begin: i32,
  end: i32,
): void {
  const quads = (outChannels + 3) >> 2;
  const rowBytes = (<usize>quads) << 5;
  const pieceBytes = <usize>groups * <usize>depth * rowBytes;
  for (let unit = begin; unit < end; unit++) {
    const group = unit / quads;
    const first = (unit % quads) << 2;
    const count = min(4, outChannels - first);
    let from = partial + <usize>group * <usize>depth * rowBytes + ((<usize>first) << 3);
    let to = dweight + bytes(group * outChannels, depth) + bytes(first, outStep);
    for (let k = 0; k < depth; k++) {
      for (let c = 0; c < count; c++) {
        let sum: f64 = 0;
        let at = from + ((<usize>c) << 3);
        for (let piece = 0; piece < pieces; piece++) {
          sum += load<f64>(at);
          at += pieceBytes;
        }
        store<f32>(to + bytes(c, outStep), <f32>sum);
      }
      from += rowBytes;
      to += bytes(step);
    }
  }
}
