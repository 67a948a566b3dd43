// Steps of optimisers, in place, and the gradient norm. Twin: src/backend/cpu/optimization.ts.
//
// Steps run over lines of 16 values (64 bytes), the last one to its end.
import { loadLanes, promoteHigh, promoteLow, sumLanes } from "../math/lanes";

/** g = scale·gradient; p −= lr·(g + weightDecay·p); units: lines. */
export function sgdPlain(p: usize, gradient: usize, scale: f32, lr: f32, weightDecay: f32, begin: i32, end: i32): void {
  const factor = f32x4.splat(scale);
  const rate = f32x4.splat(lr);
  const decay = f32x4.splat(weightDecay);
  const last = p + ((<usize>end) << 6);
  gradient += (<usize>begin) << 6;
  for (p += (<usize>begin) << 6; p < last; p += 16) {
    const x = v128.load(p);
    const g = f32x4.add(f32x4.mul(v128.load(gradient), factor), f32x4.mul(decay, x));
    v128.store(p, f32x4.sub(x, f32x4.mul(rate, g)));
    gradient += 16;
  }
}

/**
 * g = scale·gradient + weightDecay·p; v = momentum·v + g (g if `first`); p −= lr·(nesterov ? g + momentum·v : v);
 * units: lines.
 */
export function sgdMomentum(
  p: usize,
  gradient: usize,
  velocity: usize,
  scale: f32,
  lr: f32,
  weightDecay: f32,
  momentum: f32,
  nesterov: bool,
  first: bool,
  begin: i32,
  end: i32,
): void {
  const factor = f32x4.splat(scale);
  const rate = f32x4.splat(lr);
  const decay = f32x4.splat(weightDecay);
  const kept = f32x4.splat(momentum);
  const last = p + ((<usize>end) << 6);
  gradient += (<usize>begin) << 6;
  velocity += (<usize>begin) << 6;
  for (p += (<usize>begin) << 6; p < last; p += 16) {
    const x = v128.load(p);
    const g = f32x4.add(f32x4.mul(v128.load(gradient), factor), f32x4.mul(decay, x));
    const v = first ? g : f32x4.add(f32x4.mul(kept, v128.load(velocity)), g);
    v128.store(velocity, v);
    v128.store(p, f32x4.sub(x, f32x4.mul(rate, nesterov ? f32x4.add(g, f32x4.mul(kept, v)) : v)));
    gradient += 16;
    velocity += 16;
  }
}

/**
 * g = scale·gradient + decay·p; m = beta1·m + rest1·g; v = beta2·v + rest2·g²; p = p·shrink − stepSize·m/(√(v·inverse2)
 * + eps), with rest = 1 − beta, stepSize = lr/correction1, inverse2 = 1/correction2; units: lines.
 */
export function adam(
  p: usize,
  gradient: usize,
  first: usize,
  second: usize,
  scale: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  stepSize: f32,
  inverse2: f32,
  eps: f32,
  decay: f32,
  shrink: f32,
  begin: i32,
  end: i32,
): void {
  const factor = f32x4.splat(scale);
  const b1 = f32x4.splat(beta1);
  const r1 = f32x4.splat(rest1);
  const b2 = f32x4.splat(beta2);
  const r2 = f32x4.splat(rest2);
  const step = f32x4.splat(stepSize);
  const inverse = f32x4.splat(inverse2);
  const e = f32x4.splat(eps);
  const d = f32x4.splat(decay);
  const s = f32x4.splat(shrink);
  const last = p + ((<usize>end) << 6);
  gradient += (<usize>begin) << 6;
  first += (<usize>begin) << 6;
  second += (<usize>begin) << 6;
  for (p += (<usize>begin) << 6; p < last; p += 16) {
    const x = v128.load(p);
    const g = f32x4.add(f32x4.mul(v128.load(gradient), factor), f32x4.mul(d, x));
    const m = f32x4.add(f32x4.mul(b1, v128.load(first)), f32x4.mul(r1, g));
    const v = f32x4.add(f32x4.mul(b2, v128.load(second)), f32x4.mul(f32x4.mul(r2, g), g));
    v128.store(first, m);
    v128.store(second, v);
    const size = f32x4.add(f32x4.sqrt(f32x4.mul(v, inverse)), e);
    v128.store(p, f32x4.sub(f32x4.mul(x, s), f32x4.div(f32x4.mul(step, m), size)));
    gradient += 16;
    first += 16;
    second += 16;
  }
}

/** Σ x² over n contiguous values. */
// @inline
function squares(x: usize, n: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i = 0; i < n; i += 4) {
    const v = loadLanes(x, n - i, f32x4.splat(0));
    const a = promoteLow(v);
    const b = promoteHigh(v);
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
    x += 16;
  }
  return sumLanes(f64x2.add(low, high));
}

/**
 * partial[u] (f64) = Σ x² over piece u, where `pieces` holds for each the address of its values and how many they are
 * (i32 each); units: pieces.
 */
export function squarePieces(pieces: usize, partial: usize, begin: i32, end: i32): void {
  for (let unit = begin; unit < end; unit++) {
    const at = pieces + ((<usize>unit) << 3);
    store<f64>(partial + ((<usize>unit) << 3), squares(<usize>load<u32>(at), load<i32>(at, 4)));
  }
}

/** total[0] (f64) = Σ partial, in order; one unit. */
export function mergeSquares(partial: usize, pieces: i32, total: usize, begin: i32, end: i32): void {
  if (begin >= end) return;
  let sum: f64 = 0;
  for (let p = 0; p < pieces; p++) sum += load<f64>(partial + ((<usize>p) << 3));
  store<f64>(total, sum);
}

/** x *= min(1, maxNorm/√total[0]); nothing where that norm is 0 or not finite; units: lines. */
export function clip(x: usize, total: usize, maxNorm: f64, begin: i32, end: i32): void {
  const norm = sqrt<f64>(load<f64>(total));
  if (!(norm > maxNorm) || norm == 0 || !(norm < Infinity)) return;
  const factor = f32x4.splat(<f32>(maxNorm / norm));
  const last = x + ((<usize>end) << 6);
  for (x += (<usize>begin) << 6; x < last; x += 16) v128.store(x, f32x4.mul(v128.load(x), factor));
}
