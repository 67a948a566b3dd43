// Batch norm of (rows, channels): one stream of rows, four at a time, with f32 sums per channel that are flushed to f64
// every `flushTerms`. Each piece of rows has partial results of its own; they are merged in the order of the pieces.
//
// Rows too narrow to fill vectors are walked `fold` at a time, as one row of so many times the channels; those left
// over one by one.
import { coefficientStep, exactCoefficients, flush, flushTerms, repeat } from "./layout";
import { exactAffine, rectified, rectifiedValue } from "./maps";
import { finishMoments } from "./sums";

/** The shift is the mean of the first few rows. */
const sampledRows: i32 = 8;

/**
 * partials[piece, k] = f64 (mean, M2) of channel k over the rows of a piece of `pieceRows`. Units: pieces. Scratch:
 * three arrays of fold · channels f32, each padded to 16.
 */
export function channelMoments(
  x: usize,
  rows: i32,
  channels: i32,
  fold: i32,
  pieceRows: i32,
  partials: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const rowBytes = (<usize>channels) << 2;
  const step = coefficientStep(fold * channels);
  for (let piece = begin; piece < end; piece++) {
    const first = piece * pieceRows;
    const count = min(pieceRows, rows - first);
    const from = x + <usize>first * rowBytes;
    const totals = partials + <usize>piece * ((<usize>channels) << 4);
    writeShift(from, min(count, sampledRows), channels, scratch);
    repeat(scratch, channels, fold * channels);
    memory.fill(scratch + step, 0, 2 * step);
    memory.fill(totals, 0, (<usize>channels) << 4);
    const folded = count / fold;
    addStretch(from, folded, channels, fold, scratch, step, totals);
    addStretch(from + <usize>(folded * fold) * rowBytes, count - folded * fold, channels, 1, scratch, step, totals);
    for (let k = 0; k < channels; k++) {
      const at = (<usize>k) << 2;
      const to = totals + (at << 2);
      v128.store(to, finishMoments(from + at, count, rowBytes, 1, load<f32>(scratch + at), v128.load(to)));
    }
  }
}

/** Bytes of scratch of {@link channelMoments}. */
export function channelMomentsScratch(channels: i32, fold: i32): f64 {
  return 3 * <f64>coefficientStep(fold * channels);
}

/** Adds the deviations of `rows` rows of fold · channels values to the f64 pairs of their channels. */
function addStretch(x: usize, rows: i32, channels: i32, fold: i32, shift: usize, step: usize, totals: usize): void {
  const width = fold * channels;
  const rowBytes = (<usize>width) << 2;
  let row = 0;
  while (row < rows) {
    const stop = min(row + flushTerms, rows);
    for (; row + 4 <= stop; row += 4) addDeviations(x + <usize>row * rowBytes, width, shift, step, true);
    for (; row < stop; row++) addDeviations(x + <usize>row * rowBytes, width, shift, step, false);
    flush(shift + step, step, totals, channels, fold);
  }
}

/** shift[k] = the mean of channel k over `rows` ≥ 1 rows. */
function writeShift(x: usize, rows: i32, channels: i32, shift: usize): void {
  const rowBytes = (<usize>channels) << 2;
  const share: f32 = 1 / <f32>rows;
  const shares = f32x4.splat(share);
  const body = (<usize>(channels & ~3)) << 2;
  let at: usize = 0;
  for (; at < body; at += 16) {
    let sum = v128.load(x + at);
    for (let row = 1; row < rows; row++) sum = f32x4.add(sum, v128.load(x + at + <usize>row * rowBytes));
    v128.store(shift + at, f32x4.mul(sum, shares));
  }
  for (; at < rowBytes; at += 4) {
    let sum = load<f32>(x + at);
    for (let row = 1; row < rows; row++) sum += load<f32>(x + at + <usize>row * rowBytes);
    store<f32>(shift + at, sum * share);
  }
}

/** Adds x − shift and its square, of one row or four, to the two arrays that follow `shift`. */
// @inline
function addDeviations(x: usize, channels: i32, shift: usize, step: usize, four: bool): void {
  const rowBytes = (<usize>channels) << 2;
  const span: usize = four ? 4 * rowBytes : rowBytes;
  const end = x + rowBytes;
  const body = x + ((<usize>(channels & ~3)) << 2);
  let to = shift;
  for (; x < body; x += 16) {
    const k = v128.load(to);
    const d0 = f32x4.sub(v128.load(x), k);
    let sum = d0;
    let squares = f32x4.mul(d0, d0);
    if (four) {
      const d1 = f32x4.sub(v128.load(x + rowBytes), k);
      const d2 = f32x4.sub(v128.load(x + 2 * rowBytes), k);
      const d3 = f32x4.sub(v128.load(x + 3 * rowBytes), k);
      sum = f32x4.add(f32x4.add(d0, d1), f32x4.add(d2, d3));
      squares = f32x4.add(f32x4.add(squares, f32x4.mul(d1, d1)), f32x4.add(f32x4.mul(d2, d2), f32x4.mul(d3, d3)));
    }
    v128.store(to + step, f32x4.add(v128.load(to + step), sum));
    v128.store(to + 2 * step, f32x4.add(v128.load(to + 2 * step), squares));
    to += 16;
  }
  for (; x < end; x += 4) {
    let sum: f32 = 0;
    let squares: f32 = 0;
    for (let r: usize = 0; r < span; r += rowBytes) {
      const d = load<f32>(x + r) - load<f32>(to);
      sum += d;
      squares += d * d;
    }
    store<f32>(to + step, load<f32>(to + step) + sum);
    store<f32>(to + 2 * step, load<f32>(to + 2 * step) + squares);
    to += 4;
  }
}

/** y = (x − mean)·a + c with the coefficients of each channel, and max(y, 0) if it `rectifies`. Units: rows. */
export function channelStandardize(
  x: usize,
  coefficients: usize,
  channels: i32,
  fold: i32,
  rectifies: bool,
  y: usize,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>channels) << 2;
  const width = fold * channels;
  const folded = (end - begin) / fold;
  const from = x + <usize>begin * rowBytes;
  const rest = from + <usize>(folded * fold) * rowBytes;
  const step = coefficientStep(width);
  standardizeStretch(from, folded, width, coefficients, step, rectifies, y - x);
  standardizeStretch(rest, end - begin - folded * fold, channels, coefficients, step, rectifies, y - x);
  for (let k = 0; k < channels; k++) {
    const channel = (<usize>k) << 2;
    if (!load<i32>(coefficients + 4 * step + channel)) continue;
    const exact = exactCoefficients(coefficients, width, k);
    const at = <usize>begin * rowBytes + channel;
    const mean = load<f64>(exact);
    exactAffine(x + at, y + at, end - begin, rowBytes, mean, load<f64>(exact, 8), load<f64>(exact, 24), rectifies);
  }
}

function standardizeStretch(
  x: usize,
  rows: i32,
  width: i32,
  coefficients: usize,
  step: usize,
  rectifies: bool,
  toY: usize,
): void {
  const rowBytes = (<usize>width) << 2;
  const last = x + <usize>rows * rowBytes;
  if (rectifies) {
    for (; x + 4 * rowBytes <= last; x += 4 * rowBytes) standardizeRows(x, coefficients, step, width, true, toY, true);
    for (; x < last; x += rowBytes) standardizeRows(x, coefficients, step, width, true, toY, false);
  } else {
    for (; x + 4 * rowBytes <= last; x += 4 * rowBytes) standardizeRows(x, coefficients, step, width, false, toY, true);
    for (; x < last; x += rowBytes) standardizeRows(x, coefficients, step, width, false, toY, false);
  }
}

// @inline
function standardizeRows(
  x: usize,
  mean: usize,
  step: usize,
  channels: i32,
  rectifies: bool,
  toY: usize,
  four: bool,
): void {
  const rowBytes = (<usize>channels) << 2;
  const span: usize = four ? 4 * rowBytes : rowBytes;
  const end = x + rowBytes;
  const body = x + ((<usize>(channels & ~3)) << 2);
  for (; x < body; x += 16) {
    const m = v128.load(mean);
    const a = v128.load(mean + step);
    const c = v128.load(mean + 3 * step);
    standardizeVector(x, x + toY, m, a, c, rectifies);
    if (four) {
      standardizeVector(x + rowBytes, x + toY + rowBytes, m, a, c, rectifies);
      standardizeVector(x + 2 * rowBytes, x + toY + 2 * rowBytes, m, a, c, rectifies);
      standardizeVector(x + 3 * rowBytes, x + toY + 3 * rowBytes, m, a, c, rectifies);
    }
    mean += 16;
  }
  for (; x < end; x += 4) {
    const m = load<f32>(mean);
    const a = load<f32>(mean + step);
    const c = load<f32>(mean + 3 * step);
    for (let r: usize = 0; r < span; r += rowBytes) {
      store<f32>(x + r + toY, rectifiedValue((load<f32>(x + r) - m) * a + c, rectifies));
    }
    mean += 4;
  }
}

// @inline
function standardizeVector(x: usize, y: usize, m: v128, a: v128, c: v128, rectifies: bool): void {
  v128.store(y, rectified(f32x4.add(f32x4.mul(f32x4.sub(v128.load(x), m), a), c), rectifies));
}
