// What values are like: extremes and zeros of channels, and a histogram. Twin: src/backend/cpu/summary.ts.
//
// Minima, maxima and counts are the same however values are cut, so nothing here depends on who does which part.
import { loadLanes } from "../math/lanes";

/** Of how many deviations the range of a histogram reaches to either side of the mean, if values do. */
const reach: f64 = 4;

/** Bytes of an array of 4-byte values padded to 16 of them. */
// @inline
function paddedBytes(length: i32): usize {
  return (<usize>((length + 15) & ~15)) << 2;
}

/**
 * least (f32), largest (f32) and zeros (i32) of each channel of (outer, kept, inner), in `extremes`: three padded
 * arrays of `kept`. NaN is passed over: pmin and pmax keep their first operand then, in one instruction where min and
 * max take several. Units: channels.
 */
export function channelExtremes(
  x: usize,
  extremes: usize,
  outer: i32,
  kept: i32,
  inner: i32,
  begin: i32,
  end: i32,
): void {
  const step = paddedBytes(kept);
  for (let k = begin; k < end; k++) {
    const at = extremes + ((<usize>k) << 2);
    store<f32>(at, Infinity);
    store<f32>(at + step, -Infinity);
    store<i32>(at + 2 * step, 0);
  }
  for (let o = 0; o < outer; o++) {
    const from = x + ((<usize>(o * kept + begin) * <usize>inner) << 2);
    const to = extremes + ((<usize>begin) << 2);
    if (inner == 1) rowExtremes(from, to, step, end - begin);
    else
      for (let k = 0; k < end - begin; k++)
        planeExtremes(from + ((<usize>(k * inner)) << 2), to + ((<usize>k) << 2), step, inner);
  }
}

/** A value of each of `channels` channels. */
function rowExtremes(x: usize, to: usize, step: usize, channels: i32): void {
  const zero = f32x4.splat(0);
  const whole = channels & ~3;
  for (let i = 0; i < whole; i += 4) {
    const v = v128.load(x);
    v128.store(to, f32x4.pmin(v128.load(to), v));
    v128.store(to + step, f32x4.pmax(v128.load(to + step), v));
    v128.store(to + 2 * step, i32x4.sub(v128.load(to + 2 * step), f32x4.eq(v, zero)));
    x += 16;
    to += 16;
  }
  for (let i = whole; i < channels; i++) {
    const v = load<f32>(x);
    include(to, step, v, v, i32(v == 0));
    x += 4;
    to += 4;
  }
}

/** `length` values of one channel. */
function planeExtremes(x: usize, to: usize, step: usize, length: i32): void {
  const zero = f32x4.splat(0);
  let least = f32x4.splat(Infinity);
  let largest = f32x4.splat(-Infinity);
  let zeros = i32x4.splat(0);
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const v = v128.load(x);
    least = f32x4.pmin(least, v);
    largest = f32x4.pmax(largest, v);
    zeros = i32x4.sub(zeros, f32x4.eq(v, zero));
    x += 16;
  }
  let count =
    i32x4.extract_lane(zeros, 0) +
    i32x4.extract_lane(zeros, 1) +
    i32x4.extract_lane(zeros, 2) +
    i32x4.extract_lane(zeros, 3);
  if (length > whole) {
    // Lanes beyond the last value repeat the first, which is no zero to be counted.
    const first = v128.load32_splat(x);
    const v = loadLanes(x, length - whole, first);
    least = f32x4.pmin(least, v);
    largest = f32x4.pmax(largest, v);
    for (let i = whole; i < length; i++) {
      count += i32(load<f32>(x) == 0);
      x += 4;
    }
  }
  const low = f32x4.min(least, v128.shuffle<i32>(least, least, 2, 3, 0, 1));
  const high = f32x4.max(largest, v128.shuffle<i32>(largest, largest, 2, 3, 0, 1));
  include(
    to,
    step,
    min<f32>(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)),
    max<f32>(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
    count,
  );
}

// @inline
function include(to: usize, step: usize, least: f32, largest: f32, zeros: i32): void {
  if (least < load<f32>(to)) store<f32>(to, least);
  if (largest > load<f32>(to + step)) store<f32>(to + step, largest);
  store<i32>(to + 2 * step, load<i32>(to + 2 * step) + zeros);
}

/**
 * The head of a summary: its range, (0, 0) where that is to be found, from the moments and extremes of channels, and
 * its channels. One unit.
 */
export function summarizeChannels(
  moments: usize,
  extremes: usize,
  kept: i32,
  bins: i32,
  low: f64,
  high: f64,
  summary: usize,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  const step = paddedBytes(kept);
  let count: f64 = 0;
  let mean: f64 = 0;
  let m2: f64 = 0;
  let least: f64 = Infinity;
  let largest: f64 = -Infinity;
  let to = summary + ((<usize>(bins + 4)) << 3);
  for (let k = 0; k < kept; k++) {
    const from = moments + <usize>k * 24;
    const at = extremes + ((<usize>k) << 2);
    const n = load<f64>(from);
    store<f64>(to, n);
    store<f64>(to, load<f64>(from, 8), 8);
    store<f64>(to, load<f64>(from, 16), 16);
    store<f64>(to, <f64>load<f32>(at), 24);
    store<f64>(to, <f64>load<f32>(at + step), 32);
    store<f64>(to, <f64>load<i32>(at + 2 * step), 40);
    to += 48;
    if (n == 0) continue;
    const delta = load<f64>(from, 8) - mean;
    const total = count + n;
    mean += (delta * n) / total;
    m2 += load<f64>(from, 16) + (delta * delta * count * n) / total;
    count = total;
    least = min<f64>(least, <f64>load<f32>(at));
    largest = max<f64>(largest, <f64>load<f32>(at + step));
  }
  if (low == 0 && high == 0) {
    const width = reach * sqrt<f64>(m2 / max<f64>(count, 1));
    low = max<f64>(least, mean - width);
    high = min<f64>(largest, mean + width);
  }
  store<f64>(summary, low);
  store<f64>(summary, high, 8);
}

/**
 * counts[p] (i32, bins + 2: below, the bins, above) of piece p of `length` values, over the range in which `summary`
 * begins. Units: ⌈length / piece⌉. Scratch: counts for three lanes, since equal values beside each other would wait for
 * one counter.
 */
export function countPieces(
  x: usize,
  summary: usize,
  counts: usize,
  length: i32,
  piece: i32,
  bins: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const low = load<f64>(summary);
  const width = load<f64>(summary, 8) - low;
  const from = f32x4.splat(<f32>low);
  const upTo = f32x4.splat(<f32>load<f64>(summary, 8));
  const scale = f32x4.splat(width > 0 ? <f32>(<f64>bins / width) : 0);
  const last = i32x4.splat(bins - 1);
  const bytes = (<usize>(bins + 2)) << 2;
  for (let unit = begin; unit < end; unit++) {
    const to = counts + <usize>unit * bytes;
    memory.fill(to, 0, bytes);
    memory.fill(scratch, 0, 3 * bytes);
    const n = min(length - unit * piece, piece);
    let at = x + ((<usize>(unit * piece)) << 2);
    let nans = i32x4.splat(0);
    let i = 0;
    for (; i <= n - 4; i += 4) {
      const v = v128.load(at);
      nans = i32x4.sub(nans, f32x4.ne(v, v));
      const bin = binsOf(v, from, upTo, scale, last);
      increase(to, i32x4.extract_lane(bin, 0));
      increase(scratch, i32x4.extract_lane(bin, 1));
      increase(scratch + bytes, i32x4.extract_lane(bin, 2));
      increase(scratch + 2 * bytes, i32x4.extract_lane(bin, 3));
      at += 16;
    }
    let lost =
      i32x4.extract_lane(nans, 0) +
      i32x4.extract_lane(nans, 1) +
      i32x4.extract_lane(nans, 2) +
      i32x4.extract_lane(nans, 3);
    for (; i < n; i++) {
      const v = v128.load32_splat(at);
      lost += i32(load<f32>(at) != load<f32>(at));
      increase(to, i32x4.extract_lane(binsOf(v, from, upTo, scale, last), 0));
      at += 4;
    }
    for (let bin: usize = 0; bin < bytes; bin += 4) {
      const lanes = load<i32>(scratch + bin) + load<i32>(scratch + bytes + bin) + load<i32>(scratch + 2 * bytes + bin);
      store<i32>(to + bin, load<i32>(to + bin) + lanes);
    }
    // What is not a number was counted in the first bin.
    store<i32>(to, load<i32>(to, 4) - lost, 4);
  }
}

/** Bytes of scratch of {@link countPieces}. */
export function countPiecesScratch(bins: i32): f64 {
  return 3 * 4 * (<f64>bins + 2);
}

/**
 * Where values are counted: 0 for what lies below, then the bins from 0 to `last`, which has its right edge too, then
 * what lies above.
 */
// @inline
function binsOf(v: v128, low: v128, high: v128, scale: v128, last: v128): v128 {
  const place = i32x4.trunc_sat_f32x4_s(f32x4.floor(f32x4.mul(f32x4.sub(v, low), scale)));
  const bin = i32x4.max_s(i32x4.splat(-1), i32x4.min_s(last, place));
  return i32x4.sub(i32x4.add(bin, i32x4.splat(1)), f32x4.gt(v, high));
}

// @inline
function increase(counts: usize, bin: i32): void {
  const at = counts + ((<usize>bin) << 2);
  store<i32>(at, load<i32>(at) + 1);
}

/** below, above and counts of a summary from those of `pieces` pieces. One unit. */
export function mergeCounts(counts: usize, pieces: i32, bins: i32, summary: usize, begin: i32, end: i32): void {
  if (begin >= end) return;
  for (let bin = 0; bin < bins + 2; bin++) {
    let total: f64 = 0;
    for (let p = 0; p < pieces; p++) total += <f64>load<i32>(counts + ((<usize>(p * (bins + 2) + bin)) << 2));
    const place = bin == 0 ? 2 : bin == bins + 1 ? 3 : bin + 3;
    store<f64>(summary + ((<usize>place) << 3), total);
  }
}
