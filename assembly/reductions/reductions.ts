// Sums and maxima over the middle of (outer, count, inner). Twin: src/backend/cpu/reductions.ts.
//
// Sums run in f64 from the first value on.
import { loadLanes, maxLanes, promoteHigh, promoteLow, storeLanes, sumLanes } from "../math/lanes";

/** Columns that are summed together: their f64 sums stay in the first-level cache. */
export const columnBlock: i32 = 2048;
/** Columns that are walked together by kernels that go down them. */
export const columnStrip: i32 = 4;

/** Σ x over n contiguous values. */
export function sumValues(x: usize, n: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let i: i32 = 0;
  for (; i <= n - 8; i += 8) {
    const v = v128.load(x);
    const w = v128.load(x, 16);
    low = f64x2.add(low, f64x2.add(promoteLow(v), promoteLow(w)));
    high = f64x2.add(high, f64x2.add(promoteHigh(v), promoteHigh(w)));
    x += 32;
  }
  for (; i < n; i += 4) {
    const v = loadLanes(x, n - i, f32x4.splat(0));
    low = f64x2.add(low, promoteLow(v));
    high = f64x2.add(high, promoteHigh(v));
    x += 16;
  }
  return sumLanes(f64x2.add(low, high));
}

/** partial[row, p] = the f64 sum of piece p of a row of `count` values; units: rows times ⌈count / piece⌉. */
export function sumPieces(x: usize, partial: usize, count: i32, piece: i32, begin: i32, end: i32): void {
  const pieces = (count + piece - 1) / piece;
  for (let unit = begin; unit < end; unit++) {
    const row = unit / pieces;
    const start = (unit % pieces) * piece;
    const from = x + ((<usize>(row * count + start)) << 2);
    store<f64>(partial + ((<usize>unit) << 3), sumValues(from, min(count - start, piece)));
  }
}

/** y[row] = Σ over a row of `count` values; units: rows. */
export function sumRows(x: usize, y: usize, count: i32, begin: i32, end: i32): void {
  const stride = (<usize>count) << 2;
  x += <usize>begin * stride;
  for (let row = begin; row < end; row++) {
    store<f32>(y + ((<usize>row) << 2), <f32>sumValues(x, count));
    x += stride;
  }
}

/** sums[i] += x[i], f32 lanes to f64. */
// @inline
function addTo(sums: usize, v: v128): void {
  v128.store(sums, f64x2.add(v128.load(sums), promoteLow(v)));
  v128.store(sums, f64x2.add(v128.load(sums, 16), promoteHigh(v)), 16);
}

/** sums (f64) += Σ over rows of `width` columns, `stride` bytes apart. */
function addRows(x: usize, stride: usize, rows: i32, width: i32, sums: usize): void {
  const whole = width & ~3;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < whole; i += 4) addTo(sums + ((<usize>i) << 3), v128.load(x + ((<usize>i) << 2)));
    for (let i = whole; i < width; i++) {
      const at = sums + ((<usize>i) << 3);
      store<f64>(at, load<f64>(at) + <f64>load<f32>(x + ((<usize>i) << 2)));
    }
    x += stride;
  }
}

/**
 * Sums over the rows of (outer, rows, width), the last row of each only `lastWidth` long, in pieces of `piece` rows:
 * partial[o, p, i] (f64), or y[o, i] (f32) where `partial` is 0, when there may be one piece only.
 * Units: outer times pieces times ⌈width / columnBlock⌉. Scratch: so many f64.
 */
export function sumColumns(
  x: usize,
  partial: usize,
  y: usize,
  rows: i32,
  width: i32,
  lastWidth: i32,
  piece: i32,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const blocks = (width + columnBlock - 1) / columnBlock;
  const pieces = (rows + piece - 1) / piece;
  const stride = (<usize>width) << 2;
  const outerStride = <usize>(rows - 1) * stride + ((<usize>lastWidth) << 2);
  for (let unit = begin; unit < end; unit++) {
    const column = (unit % blocks) * columnBlock;
    const line = unit / blocks;
    const first = (line % pieces) * piece;
    const columns = min(width - column, columnBlock);
    const to = line * width + column;
    const sums = partial ? partial + ((<usize>to) << 3) : scratch;
    memory.fill(sums, 0, (<usize>columns) << 3);
    const from = x + <usize>(line / pieces) * outerStride + <usize>first * stride + ((<usize>column) << 2);
    const whole = min(piece, rows - 1 - first);
    addRows(from, stride, whole, columns, sums);
    if (whole < piece) addRows(from + <usize>whole * stride, stride, 1, min(columns, lastWidth - column), sums);
    if (partial) continue;
    for (let i = 0; i < columns; i++)
      store<f32>(y + ((<usize>(to + i)) << 2), <f32>load<f64>(scratch + ((<usize>i) << 3)));
  }
}

/** Bytes of scratch of {@link sumColumns}. */
export function sumColumnsScratch(): f64 {
  return 8 * <f64>columnBlock;
}

/** y[o, i] = Σ partial[o, p, i] in the order of p; units: outer times inner. */
export function mergeSums(partial: usize, y: usize, pieces: i32, inner: i32, begin: i32, end: i32): void {
  for (let unit = begin; unit < end; unit++) {
    let sum: f64 = 0;
    let at = partial + ((<usize>(unit + (unit / inner) * (pieces - 1) * inner)) << 3);
    for (let p = 0; p < pieces; p++) {
      sum += load<f64>(at);
      at += (<usize>inner) << 3;
    }
    store<f32>(y + ((<usize>unit) << 2), <f32>sum);
  }
}

/** The largest of n ≥ 1 contiguous values; NaN if one is. */
export function maxValues(x: usize, n: i32): f32 {
  const first = v128.load32_splat(x);
  let a = first;
  let b = first;
  let i: i32 = 0;
  for (; i <= n - 8; i += 8) {
    a = f32x4.max(a, v128.load(x));
    b = f32x4.max(b, v128.load(x, 16));
    x += 32;
  }
  for (; i < n; i += 4) {
    a = f32x4.max(a, loadLanes(x, n - i, first));
    x += 16;
  }
  return maxLanes(f32x4.max(a, b));
}

/** y[row, p] = the largest of piece p of a row of `count` values; units: rows times ⌈count / piece⌉. */
export function maxPieces(x: usize, y: usize, count: i32, piece: i32, begin: i32, end: i32): void {
  const pieces = (count + piece - 1) / piece;
  for (let unit = begin; unit < end; unit++) {
    const start = (unit % pieces) * piece;
    const from = x + ((<usize>((unit / pieces) * count + start)) << 2);
    store<f32>(y + ((<usize>unit) << 2), maxValues(from, min(count - start, piece)));
  }
}

/** y[o, i] = maxₖ x[o, k, i]; units: outer times ⌈inner / columnBlock⌉. */
export function maxColumns(x: usize, y: usize, count: i32, inner: i32, begin: i32, end: i32): void {
  const blocks = (inner + columnBlock - 1) / columnBlock;
  for (let unit = begin; unit < end; unit++) {
    const o = unit / blocks;
    const column = (unit % blocks) * columnBlock;
    const columns = min(inner - column, columnBlock);
    const to = y + ((<usize>(o * inner + column)) << 2);
    let from = x + ((<usize>(o * count * inner + column)) << 2);
    memory.copy(to, from, (<usize>columns) << 2);
    for (let k = 1; k < count; k++) {
      from += (<usize>inner) << 2;
      for (let i = 0; i < columns; i += 4) {
        const at = (<usize>i) << 2;
        const n = columns - i;
        const zero = f32x4.splat(0);
        storeLanes(to + at, n, f32x4.max(loadLanes(to + at, n, zero), loadLanes(from + at, n, zero)));
      }
    }
  }
}

/** dx[row, k] = dy[row] at the first k where x is largest (or NaN), else 0; units: rows of `count` values. */
export function maxRowsGradient(dy: usize, x: usize, dx: usize, count: i32, begin: i32, end: i32): void {
  const bytes = (<usize>count) << 2;
  for (let row = begin; row < end; row++) {
    const from = x + <usize>row * bytes;
    const to = dx + <usize>row * bytes;
    const largest = maxValues(from, count);
    let at: usize = 0;
    if (largest != largest) while (load<f32>(from + at) == load<f32>(from + at)) at += 4;
    else while (load<f32>(from + at) != largest) at += 4;
    memory.fill(to, 0, bytes);
    store<f32>(to + at, load<f32>(dy + ((<usize>row) << 2)));
  }
}

/** As {@link maxRowsGradient} down the columns of (outer, count, inner); units: outer times ⌈inner / columnStrip⌉. */
export function maxColumnsGradient(dy: usize, x: usize, dx: usize, count: i32, inner: i32, begin: i32, end: i32): void {
  const strips = (inner + columnStrip - 1) / columnStrip;
  const stride = (<usize>inner) << 2;
  const zero = f32x4.splat(0);
  for (let unit = begin; unit < end; unit++) {
    const o = unit / strips;
    const column = (unit % strips) * columnStrip;
    const n = inner - column;
    const start = (<usize>(o * count * inner + column)) << 2;
    let from = x + start;
    let best = loadLanes(from, n, zero);
    let where = zero;
    for (let k = 1; k < count; k++) {
      from += stride;
      const v = loadLanes(from, n, zero);
      // Not (v ≤ best) is true of the first NaN as well.
      const better = v128.andnot(f32x4.eq(best, best), f32x4.le(v, best));
      best = v128.bitselect(v, best, better);
      where = v128.bitselect(i32x4.splat(k), where, better);
    }
    const gradient = loadLanes(dy + ((<usize>(o * inner + column)) << 2), n, zero);
    let to = dx + start;
    for (let k = 0; k < count; k++) {
      storeLanes(to, n, v128.and(gradient, i32x4.eq(where, i32x4.splat(k))));
      to += stride;
    }
  }
}
