// Maxima of windows over planes. Twin: src/backend/cpu/pooling.ts. Units: planes.
import { storeLanes } from "../math/lanes";

/** Where v is larger than the best so far, or NaN: of several NaN the last one counts, as in PyTorch. */
// @inline
function exceeds(v: v128, best: v128): v128 {
  return v128.or(f32x4.gt(v, best), f32x4.ne(v, v));
}

/** Four values, `stride` bytes apart. */
// @inline
function gather(at: usize, stride: usize): v128 {
  let v = v128.load32_splat(at);
  v = v128.load_lane<f32>(at + stride, v, 1);
  v = v128.load_lane<f32>(at + 2 * stride, v, 2);
  return v128.load_lane<f32>(at + 3 * stride, v, 3);
}

/**
 * y = the largest of each 2×2 window, `indices` = its place in the plane; strides 2, no padding. The last four of a row
 * overlap others.
 */
export function maxPool2x2(
  x: usize,
  y: usize,
  indices: usize,
  height: i32,
  width: i32,
  outHeight: i32,
  outWidth: i32,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>width) << 2;
  const down = i32x4.splat(width);
  const one = i32x4.splat(1);
  for (let plane = begin; plane < end; plane++) {
    const start = x + ((<usize>(plane * height * width)) << 2);
    for (let oy = 0; oy < outHeight; oy++) {
      const place = 2 * oy * width;
      const row = (<usize>((plane * outHeight + oy) * outWidth)) << 2;
      if (outWidth < 4) {
        for (let ox = 0; ox < outWidth; ox++) {
          const at = row + ((<usize>ox) << 2);
          maxOfWindow(start, width, 2 * oy, 2 * oy + 2, 2 * ox, 2 * ox + 2, y + at, indices + at);
        }
        continue;
      }
      for (let next = 0; next < outWidth; next += 4) {
        const ox = min(next, outWidth - 4);
        const from = start + ((<usize>(place + 2 * ox)) << 2);
        const at = row + ((<usize>ox) << 2);
        const corner = i32x4.add(i32x4.splat(place + 2 * ox), i32x4(0, 2, 4, 6));
        const a = v128.load(from);
        const b = v128.load(from, 16);
        const c = v128.load(from + rowBytes);
        const d = v128.load(from + rowBytes, 16);
        let best = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
        let index = corner;
        let v = v128.shuffle<i32>(a, b, 1, 3, 5, 7);
        let better = exceeds(v, best);
        best = v128.bitselect(v, best, better);
        index = v128.bitselect(i32x4.add(corner, one), index, better);
        v = v128.shuffle<i32>(c, d, 0, 2, 4, 6);
        better = exceeds(v, best);
        best = v128.bitselect(v, best, better);
        index = v128.bitselect(i32x4.add(corner, down), index, better);
        v = v128.shuffle<i32>(c, d, 1, 3, 5, 7);
        better = exceeds(v, best);
        v128.store(y + at, v128.bitselect(v, best, better));
        v128.store(indices + at, v128.bitselect(i32x4.add(i32x4.add(corner, down), one), index, better));
      }
    }
  }
}

/**
 * The largest value of rows top … bottom − 1, columns left … right − 1 of a plane, and its place; without branches that
 * depend on values.
 */
function maxOfWindow(
  plane: usize,
  width: i32,
  top: i32,
  bottom: i32,
  left: i32,
  right: i32,
  y: usize,
  index: usize,
): void {
  let at = i32x4.splat(top * width + left);
  let best = v128.load32_splat(plane + ((<usize>(top * width + left)) << 2));
  for (let row = top; row < bottom; row++) {
    for (let place = row * width + left; place < row * width + right; place++) {
      const v = v128.load32_splat(plane + ((<usize>place) << 2));
      const better = exceeds(v, best);
      best = v128.bitselect(v, best, better);
      at = v128.bitselect(i32x4.splat(place), at, better);
    }
  }
  v128.store_lane<f32>(y, best, 0);
  v128.store_lane<i32>(index, at, 0);
}

/** Four values, `step` values apart. */
// @inline
function everyStep(at: usize, step: i32): v128 {
  if (step == 1) return v128.load(at);
  if (step == 2) return v128.shuffle<i32>(v128.load(at), v128.load(at, 16), 0, 2, 4, 6);
  return gather(at, (<usize>step) << 2);
}

/**
 * best[ox] = the largest of `taps` values from row[ox·step] on, places[ox] = where it stands, the first if several,
 * row[0] standing at `start`; none before `first`. In steps of four.
 */
// @inline
function stretchMaxima(
  row: usize,
  start: i32,
  first: i32,
  taps: i32,
  step: i32,
  count: i32,
  best: usize,
  places: usize,
): void {
  const leftmost = i32x4.splat(first);
  const one = i32x4.splat(1);
  const four = i32x4.splat(4 * step);
  let corner = i32x4.add(i32x4.splat(start), i32x4.mul(i32x4.splat(step), i32x4(0, 1, 2, 3)));
  for (const end = best + ((<usize>count) << 2); best < end; best += 16) {
    let largest = everyStep(row, step);
    let place = corner;
    let here = corner;
    for (let tap: usize = 4; tap < (<usize>taps) << 2; tap += 4) {
      const v = everyStep(row + tap, step);
      const better = exceeds(v, largest);
      here = i32x4.add(here, one);
      largest = v128.bitselect(v, largest, better);
      place = v128.bitselect(here, place, better);
    }
    v128.store(best, largest);
    v128.store(places, i32x4.max_s(place, leftmost));
    corner = i32x4.add(corner, four);
    row += (<usize>step) << 4;
    places += 16;
  }
}

/**
 * y = the largest value of each window, `indices` = its place in the plane, the first if several: of each row the
 * largest of stretches as wide as a window, then of each window the largest of its rows, so that of equal values the
 * first row wins and in it the first column. Scratch: a row with −∞ around it that is read in fours, and the maxima of
 * `kernelHeight` rows and their places, in fours.
 */
export function maxPool(
  x: usize,
  y: usize,
  indices: usize,
  height: i32,
  width: i32,
  outHeight: i32,
  outWidth: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideY: i32,
  strideX: i32,
  padY: i32,
  padX: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const step = (<usize>((outWidth + 3) & ~3)) << 2;
  const ring = <usize>kernelHeight * step;
  const padded = scratch + 2 * ring;
  const values = padded + ((<usize>padX) << 2);
  // The last window may reach beyond the padding.
  const reach = max(width + 2 * padX, (outWidth - 1) * strideX + kernelWidth);
  const paddedEnd = padded + ((<usize>reach) << 2);
  for (let at = padded; at < paddedEnd; at += 4) store<f32>(at, -Infinity);
  for (let plane = begin; plane < end; plane++) {
    const from = x + ((<usize>(plane * height * width)) << 2);
    let to = (<usize>(plane * outHeight * outWidth)) << 2;
    let done = 0;
    for (let oy = 0; oy < outHeight; oy++) {
      const top = max(oy * strideY - padY, 0);
      const bottom = min(oy * strideY - padY + kernelHeight, height);
      for (done = max(done, top); done < bottom; done++) {
        const first = done * width;
        copyValues(from + ((<usize>first) << 2), values, width);
        const best = scratch + <usize>(done % kernelHeight) * step;
        const start = first - padX;
        if (strideX == 1) stretchMaxima(padded, start, first, kernelWidth, 1, outWidth, best, best + ring);
        else if (strideX == 2) stretchMaxima(padded, start, first, kernelWidth, 2, outWidth, best, best + ring);
        else stretchMaxima(padded, start, first, kernelWidth, strideX, outWidth, best, best + ring);
      }
      const topRow = scratch + <usize>(top % kernelHeight) * step;
      for (let ox = 0; ox < outWidth; ox += 4) {
        const at = (<usize>ox) << 2;
        let row = topRow + at;
        let largest = v128.load(row);
        let place = v128.load(row + ring);
        for (let i = top + 1; i < bottom; i++) {
          row += step;
          if (row >= scratch + ring) row -= ring;
          const v = v128.load(row);
          const better = exceeds(v, largest);
          largest = v128.bitselect(v, largest, better);
          place = v128.bitselect(v128.load(row + ring), place, better);
        }
        const lanes = min(4, outWidth - ox);
        storeLanes(y + to + at, lanes, largest);
        storeLanes(indices + to + at, lanes, place);
      }
      to += (<usize>outWidth) << 2;
    }
  }
}

/** Bytes of scratch of {@link maxPool}. */
export function maxPoolScratch(
  width: i32,
  outWidth: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideX: i32,
  padX: i32,
): f64 {
  const fours = <f64>((outWidth + 3) & ~3);
  const row = max(<f64>width + 2 * <f64>padX, <f64>strideX * fours + <f64>kernelWidth) + 8;
  return 4 * (2 * <f64>kernelHeight * fours + row);
}

/** Copies values, and touches no others. */
function copyValues(from: usize, to: usize, length: i32): void {
  const end = from + ((<usize>length) << 2);
  const body = from + ((<usize>(length & ~3)) << 2);
  const toward = to - from;
  for (; from < body; from += 16) v128.store(from + toward, v128.load(from));
  for (; from < end; from += 4) store<f32>(from + toward, load<f32>(from));
}

/** dx = 0, plus each dy at the place its index names, in the order of the windows. */
export function maxPoolGradient(
  dy: usize,
  indices: usize,
  dx: usize,
  inputs: i32,
  outputs: i32,
  begin: i32,
  end: i32,
): void {
  for (let plane = begin; plane < end; plane++) {
    const to = dx + ((<usize>(plane * inputs)) << 2);
    memory.fill(to, 0, (<usize>inputs) << 2);
    const last = (<usize>((plane + 1) * outputs)) << 2;
    for (let at = (<usize>(plane * outputs)) << 2; at < last; at += 4) {
      const place = to + ((<usize>load<i32>(indices + at)) << 2);
      store<f32>(place, load<f32>(place) + load<f32>(dy + at));
    }
  }
}
