// Cross-entropy with label smoothing and class weights. Twin: src/backend/cpu/losses.ts.
//
// q_c = (1 − smoothing)·[c = label] + smoothing/classes; w_c = 1 where `weights` is 0.
import { exp } from "../math/functions";
import { exp64 } from "../math/functions64";
import { loadLanes, promoteHigh, promoteLow, storeLanes, sumLanes } from "../math/lanes";
import { sumValues } from "../reductions/reductions";
import { logSoftmaxRow } from "../reductions/softmax";

// @inline
function weightOf(weights: usize, label: i32): f64 {
  return weights ? <f64>load<f32>(weights + ((<usize>label) << 2)) : 1;
}

/** Σ w_c·ln p_c over a row; classes of weight 0 do not count, even at probability 0. */
function weightedSum(logP: usize, weights: usize, classes: i32): f64 {
  const zero = f32x4.splat(0);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let c = 0; c < classes; c += 4) {
    const at = (<usize>c) << 2;
    const v = loadLanes(logP + at, classes - c, zero);
    if (weights) {
      const w = loadLanes(weights + at, classes - c, zero);
      const counted = v128.and(v, f32x4.ne(w, zero));
      low = f64x2.add(low, f64x2.mul(promoteLow(counted), promoteLow(w)));
      high = f64x2.add(high, f64x2.mul(promoteHigh(counted), promoteHigh(w)));
    } else {
      low = f64x2.add(low, promoteLow(v));
      high = f64x2.add(high, promoteHigh(v));
    }
  }
  return sumLanes(f64x2.add(low, high));
}

/** logP = ln softmax(logits), and terms[n] (f64) = −Σ_c q_c·w_c·logP_c; units: rows. */
export function crossEntropyRows(
  logits: usize,
  labels: usize,
  weights: usize,
  smoothing: f64,
  classes: i32,
  logP: usize,
  terms: usize,
  begin: i32,
  end: i32,
): void {
  const bytes = (<usize>classes) << 2;
  for (let n = begin; n < end; n++) {
    const row = logP + <usize>n * bytes;
    logSoftmaxRow(logits + <usize>n * bytes, row, classes);
    const label = load<i32>(labels + ((<usize>n) << 2));
    const weight = (1 - smoothing) * weightOf(weights, label);
    let term: f64 = weight == 0 ? 0 : weight * <f64>load<f32>(row + ((<usize>label) << 2));
    if (smoothing != 0) term += (smoothing / <f64>classes) * weightedSum(row, weights, classes);
    store<f64>(terms + ((<usize>n) << 3), -term);
  }
}

/** Σₙ w[labelₙ] in the order of the rows. */
function totalWeight(labels: usize, weights: usize, rows: i32): f64 {
  if (!weights) return <f64>rows;
  let total: f64 = 0;
  for (let n = 0; n < rows; n++) total += weightOf(weights, load<i32>(labels + ((<usize>n) << 2)));
  return total;
}

/** loss[0] = Σ terms / Σ w[label], in the order of the rows; one unit. */
export function crossEntropyMean(
  terms: usize,
  labels: usize,
  weights: usize,
  rows: i32,
  loss: usize,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  let sum: f64 = 0;
  for (let n = 0; n < rows; n++) sum += load<f64>(terms + ((<usize>n) << 3));
  store<f32>(loss, <f32>(sum / totalWeight(labels, weights, rows)));
}

/** factors (two f64) = dloss[0] / Σ w[label], Σ_c w_c; one unit. */
export function crossEntropyFactors(
  dloss: usize,
  labels: usize,
  weights: usize,
  rows: i32,
  classes: i32,
  factors: usize,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  store<f64>(factors, <f64>load<f32>(dloss) / totalWeight(labels, weights, rows));
  store<f64>(factors, weights ? sumValues(weights, classes) : <f64>classes, 8);
}

/** dlogits_j = factor·(p_j·Σ_c q_c·w_c − q_j·w_j); units: rows. */
export function crossEntropyRowsGradient(
  logP: usize,
  labels: usize,
  weights: usize,
  smoothing: f64,
  classes: i32,
  factors: usize,
  dlogits: usize,
  begin: i32,
  end: i32,
): void {
  const factor = load<f64>(factors);
  const share = smoothing / <f64>classes;
  const spread = f32x4.splat(<f32>(factor * share));
  const one = f32x4.splat(1);
  for (let n = begin; n < end; n++) {
    const start = <usize>n * ((<usize>classes) << 2);
    const label = load<i32>(labels + ((<usize>n) << 2));
    const weight = weightOf(weights, label);
    const total = (1 - smoothing) * weight + share * load<f64>(factors, 8);
    const scale = f32x4.splat(<f32>(factor * total));
    for (let c = 0; c < classes; c += 4) {
      const at = (<usize>c) << 2;
      const p = exp(loadLanes(logP + start + at, classes - c, one));
      const w = weights ? loadLanes(weights + at, classes - c, one) : one;
      storeLanes(dlogits + start + at, classes - c, f32x4.sub(f32x4.mul(p, scale), f32x4.mul(w, spread)));
    }
    // p − 1 would cancel in f32 where the label is nearly certain.
    const at = start + ((<usize>label) << 2);
    const q = 1 - smoothing + share;
    store<f32>(dlogits + at, <f32>(factor * (exp64(<f64>load<f32>(logP + at)) * total - q * weight)));
  }
}
