// The backward passes of batch norm over (rows, channels): see norm/channels.ts.
import { coefficientStep, exactCoefficients, flush, flushTerms, repeat } from "./layout";
import { exactGradient } from "./maps";
import { finishGradientSums } from "./sums";

/**
 * partials[piece, k] = f64 (Σ dy, Σ dy·(x − mean)) of channel k over the rows of a piece of `pieceRows`, the mean as
 * f32. Units: pieces. Scratch: three arrays of fold · channels f32, each padded to 16.
 */
export function channelGradientSums(
  dy: usize,
  x: usize,
  moments: usize,
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
  const toDy = dy - x;
  for (let k = 0; k < channels; k++) {
    store<f32>(scratch + ((<usize>k) << 2), <f32>load<f64>(moments + <usize>k * 24, 8));
  }
  repeat(scratch, channels, fold * channels);
  for (let piece = begin; piece < end; piece++) {
    const first = piece * pieceRows;
    const count = min(pieceRows, rows - first);
    const from = x + <usize>first * rowBytes;
    const totals = partials + <usize>piece * ((<usize>channels) << 4);
    memory.fill(scratch + step, 0, 2 * step);
    memory.fill(totals, 0, (<usize>channels) << 4);
    const folded = count / fold;
    addStretch(from, toDy, folded, channels, fold, scratch, step, totals);
    addStretch(
      from + <usize>(folded * fold) * rowBytes,
      toDy,
      count - folded * fold,
      channels,
      1,
      scratch,
      step,
      totals,
    );
    for (let k = 0; k < channels; k++) {
      const at = from + ((<usize>k) << 2);
      const to = totals + ((<usize>k) << 4);
      const mean = load<f32>(scratch + ((<usize>k) << 2));
      v128.store(to, finishGradientSums(at + toDy, 0, at, count, rowBytes, mean, v128.load(to)));
    }
  }
}

/** Bytes of scratch of {@link channelGradientSums}. */
export function channelGradientSumsScratch(channels: i32, fold: i32): f64 {
  return 3 * <f64>coefficientStep(fold * channels);
}

/** Adds dy and dy·(x − mean) of `rows` rows of fold · channels values to the f64 pairs of their channels. */
function addStretch(
  x: usize,
  toDy: usize,
  rows: i32,
  channels: i32,
  fold: i32,
  mean: usize,
  step: usize,
  totals: usize,
): void {
  const width = fold * channels;
  const rowBytes = (<usize>width) << 2;
  let row = 0;
  while (row < rows) {
    const stop = min(row + flushTerms, rows);
    for (; row + 4 <= stop; row += 4) addRows(x + <usize>row * rowBytes, toDy, width, mean, step, true);
    for (; row < stop; row++) addRows(x + <usize>row * rowBytes, toDy, width, mean, step, false);
    flush(mean + step, step, totals, channels, fold);
  }
}

/** Adds dy and dy·(x − mean), of one row or four, to the two arrays that follow `mean`. */
// @inline
function addRows(x: usize, toDy: usize, channels: i32, mean: usize, step: usize, four: bool): void {
  const rowBytes = (<usize>channels) << 2;
  const span: usize = four ? 4 * rowBytes : rowBytes;
  const end = x + rowBytes;
  const body = x + ((<usize>(channels & ~3)) << 2);
  for (; x < body; x += 16) {
    const m = v128.load(mean);
    let sum = v128.load(x + toDy);
    let products = f32x4.mul(sum, f32x4.sub(v128.load(x), m));
    if (four) {
      const second = x + rowBytes;
      const third = second + rowBytes;
      const fourth = third + rowBytes;
      const g1 = v128.load(second + toDy);
      products = f32x4.add(products, f32x4.mul(g1, f32x4.sub(v128.load(second), m)));
      const g2 = v128.load(third + toDy);
      const g3 = v128.load(fourth + toDy);
      sum = f32x4.add(f32x4.add(sum, g1), f32x4.add(g2, g3));
      const p2 = f32x4.mul(g2, f32x4.sub(v128.load(third), m));
      products = f32x4.add(products, f32x4.add(p2, f32x4.mul(g3, f32x4.sub(v128.load(fourth), m))));
    }
    v128.store(mean + step, f32x4.add(v128.load(mean + step), sum));
    v128.store(mean + 2 * step, f32x4.add(v128.load(mean + 2 * step), products));
    mean += 16;
  }
  for (; x < end; x += 4) {
    const m = load<f32>(mean);
    let sum: f32 = 0;
    let products: f32 = 0;
    for (let r: usize = 0; r < span; r += rowBytes) {
      const g = load<f32>(x + toDy + r);
      sum += g;
      products += g * (load<f32>(x + r) - m);
    }
    store<f32>(mean + step, load<f32>(mean + step) + sum);
    store<f32>(mean + 2 * step, load<f32>(mean + 2 * step) + products);
    mean += 4;
  }
}

/** dx = dy·a + (x − mean)·b + c with the coefficients of each channel. Units: rows. */
export function channelGradient(
  dy: usize,
  x: usize,
  coefficients: usize,
  channels: i32,
  fold: i32,
  dx: usize,
  begin: i32,
  end: i32,
): void {
  const rowBytes = (<usize>channels) << 2;
  const width = fold * channels;
  const step = coefficientStep(width);
  const toDy = dy - x;
  const toDx = dx - x;
  const folded = (end - begin) / fold;
  const from = x + <usize>begin * rowBytes;
  const rest = from + <usize>(folded * fold) * rowBytes;
  gradientStretch(from, toDy, toDx, folded, width, coefficients, step);
  gradientStretch(rest, toDy, toDx, end - begin - folded * fold, channels, coefficients, step);
  for (let k = 0; k < channels; k++) {
    if (!load<i32>(coefficients + 4 * step + ((<usize>k) << 2))) continue;
    const exact = exactCoefficients(coefficients, width, k);
    const at = from + ((<usize>k) << 2);
    const mean = load<f64>(exact);
    const a = load<f64>(exact, 8);
    const b = load<f64>(exact, 16);
    exactGradient(at + toDy, at, at + toDx, end - begin, rowBytes, mean, a, b, load<f64>(exact, 24));
  }
}

function gradientStretch(
  x: usize,
  toDy: usize,
  toDx: usize,
  rows: i32,
  width: i32,
  coefficients: usize,
  step: usize,
): void {
  const rowBytes = (<usize>width) << 2;
  let row = 0;
  for (; row + 4 <= rows; row += 4)
    gradientRows(x + <usize>row * rowBytes, toDy, toDx, coefficients, step, width, true);
  for (; row < rows; row++) gradientRows(x + <usize>row * rowBytes, toDy, toDx, coefficients, step, width, false);
}

// @inline
function gradientRows(x: usize, toDy: usize, toDx: usize, mean: usize, step: usize, channels: i32, four: bool): void {
  const rowBytes = (<usize>channels) << 2;
  const span: usize = four ? 4 * rowBytes : rowBytes;
  const end = x + rowBytes;
  const body = x + ((<usize>(channels & ~3)) << 2);
  for (; x < body; x += 16) {
    const m = v128.load(mean);
    const a = v128.load(mean + step);
    const b = v128.load(mean + 2 * step);
    const c = v128.load(mean + 3 * step);
    gradientVector(x, toDy, toDx, m, a, b, c);
    if (four) {
      const second = x + rowBytes;
      const third = second + rowBytes;
      gradientVector(second, toDy, toDx, m, a, b, c);
      gradientVector(third, toDy, toDx, m, a, b, c);
      gradientVector(third + rowBytes, toDy, toDx, m, a, b, c);
    }
    mean += 16;
  }
  for (; x < end; x += 4) {
    const m = load<f32>(mean);
    const a = load<f32>(mean + step);
    const b = load<f32>(mean + 2 * step);
    const c = load<f32>(mean + 3 * step);
    for (let r: usize = 0; r < span; r += rowBytes) {
      store<f32>(x + toDx + r, load<f32>(x + toDy + r) * a + (load<f32>(x + r) - m) * b + c);
    }
    mean += 4;
  }
}

// @inline
function gradientVector(x: usize, toDy: usize, toDx: usize, m: v128, a: v128, b: v128, c: v128): void {
  const deviation = f32x4.mul(f32x4.sub(v128.load(x), m), b);
  v128.store(x + toDx, f32x4.add(f32x4.add(f32x4.mul(v128.load(x + toDy), a), deviation), c));
}
