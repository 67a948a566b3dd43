// What the maps over columns (batch norm) need of each channel, and the merging of partial results: see norm/layout.ts.
import { coefficientStep, exactCoefficients, rootOf } from "./layout";
import { fitsFloat } from "./maps";
import { pair } from "./sums";

/** Those of channel k of `kept`, in every one of `fold` rows that are walked as one. */
function writeCoefficients(
  block: usize,
  kept: i32,
  fold: i32,
  k: i32,
  mean: f64,
  root: f64,
  a: f64,
  b: f64,
  c: f64,
  slope: f64,
): void {
  const width = fold * kept;
  const step = coefficientStep(width);
  // The rounding of the mean to f32 is made good in the constant term.
  const rounded = <f32>mean;
  const constant = c + (<f64>rounded - mean) * slope;
  const needsExact = i32(!fitsFloat(mean, root, a, constant) || !fitsFloat(mean, root, b, constant));
  const exact = exactCoefficients(block, width, k);
  store<f64>(exact, mean);
  store<f64>(exact, a, 8);
  store<f64>(exact, b, 16);
  store<f64>(exact, c, 24);
  for (; k < width; k += kept) {
    const at = block + ((<usize>k) << 2);
    store<f32>(at, rounded);
    store<f32>(at + step, <f32>a);
    store<f32>(at + 2 * step, <f32>b);
    // Not −0, so that no sum with it is.
    store<f32>(at + 3 * step, <f32>constant + 0);
    store<i32>(at + 4 * step, needsExact);
  }
}

/** Coefficients of y = weight·(x − mean)/√(M2/count + eps) + bias. Units: channels. */
export function standardizeCoefficients(
  moments: usize,
  weight: usize,
  bias: usize,
  eps: f64,
  kept: i32,
  fold: i32,
  coefficients: usize,
  begin: i32,
  end: i32,
): void {
  for (let k = begin; k < end; k++) {
    const at = moments + <usize>k * 24;
    const root = rootOf(at, eps);
    const a = weight ? <f64>load<f32>(weight + ((<usize>k) << 2)) * root : root;
    const c = bias ? <f64>load<f32>(bias + ((<usize>k) << 2)) : 0;
    writeCoefficients(coefficients, kept, fold, k, load<f64>(at, 8), root, a, 0, c, a);
  }
}

/** Bytes of a block of coefficients of `kept` channels. */
export function coefficientBytes(kept: i32): f64 {
  return 5 * <f64>coefficientStep(kept) + 32 * <f64>kept;
}

/**
 * From `pieces` partial sums (f64 Σ dy, Σ dy·(x − mean as f32) per channel, piece by piece): dweight = Σ dy·x̂, dbias =
 * Σ dy, and, where `coefficients` is not 0, those of dx = weight·s·(dy − Σdy/count − x̂·Σ(dy·x̂)/count) with s =
 * 1/√(M2/count + eps), x̂ = (x − mean)·s, and the count of the moments. Units: channels.
 */
export function gradientCoefficients(
  moments: usize,
  sums: usize,
  pieces: i32,
  weight: usize,
  eps: f64,
  kept: i32,
  fold: i32,
  coefficients: usize,
  dweight: usize,
  dbias: usize,
  begin: i32,
  end: i32,
): void {
  for (let k = begin; k < end; k++) {
    const total = totalOf(sums, pieces, kept, k);
    const at = moments + <usize>k * 24;
    const count = load<f64>(at);
    const mean = load<f64>(at, 8);
    const root = rootOf(at, eps);
    const sum = f64x2.extract_lane(total, 0);
    const product = f64x2.extract_lane(total, 1) + (<f64>(<f32>mean) - mean) * sum;
    if (dweight) store<f32>(dweight + ((<usize>k) << 2), <f32>(product * root));
    if (dbias) store<f32>(dbias + ((<usize>k) << 2), <f32>sum);
    if (!coefficients) continue;
    const a = weight ? <f64>load<f32>(weight + ((<usize>k) << 2)) * root : root;
    const b = (-a * root * (product * root)) / count;
    writeCoefficients(coefficients, kept, fold, k, mean, root, a, b, (-a * sum) / count, b);
  }
}

/** sums[k] = f64 (Σ dy, Σ dy·(x − mean as f32)) of channel k over all pieces. Units: channels. */
export function mergeGradientSums(partials: usize, pieces: i32, kept: i32, sums: usize, begin: i32, end: i32): void {
  for (let k = begin; k < end; k++) v128.store(sums + ((<usize>k) << 4), totalOf(partials, pieces, kept, k));
}

// @inline
function totalOf(sums: usize, pieces: i32, kept: i32, k: i32): v128 {
  let total = f64x2.splat(0);
  for (let p = 0; p < pieces; p++) {
    total = f64x2.add(total, v128.load(sums + ((<usize>p * <usize>kept + <usize>k) << 4)));
  }
  return total;
}

/**
 * Merges (mean, M2) of `pieces` pieces of `pieceRows` rows (the last with what is left of `rows`) in order, by the
 * formula of Chan, Golub and LeVeque (1979); partials are f64 (mean, M2) per channel, piece by piece. Units: channels.
 */
export function mergeMoments(
  partials: usize,
  rows: i32,
  pieceRows: i32,
  kept: i32,
  moments: usize,
  begin: i32,
  end: i32,
): void {
  for (let k = begin; k < end; k++) {
    let from = partials + ((<usize>k) << 4);
    let count: f64 = 0;
    let merged = pair(0, 0);
    for (let row = 0; row < rows; row += pieceRows) {
      const added = <f64>min(pieceRows, rows - row);
      const next = v128.load(from);
      if (row == 0) {
        merged = next;
      } else {
        const both = count + added;
        const apart = f64x2.extract_lane(next, 0) - f64x2.extract_lane(merged, 0);
        const m2 =
          f64x2.extract_lane(merged, 1) + f64x2.extract_lane(next, 1) + apart * apart * ((count * added) / both);
        merged = pair(f64x2.extract_lane(merged, 0) + apart * (added / both), m2);
      }
      count += added;
      from += (<usize>kept) << 4;
    }
    const at = moments + <usize>k * 24;
    store<f64>(at, count);
    v128.store(at, merged, 8);
  }
}
