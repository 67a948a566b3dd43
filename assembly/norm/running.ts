// Running statistics of batch and instance norm: how they move, how they stand in for moments, and how far a batch is
// from them.

/**
 * moments[k] = f64 (1, mean, variance): those under which x̂ = (x − mean)/√(variance + eps). A mean of 0 (the pointer)
 * stands for zeros. Units: kept indices.
 */
export function runningMoments(mean: usize, variance: usize, moments: usize, begin: i32, end: i32): void {
  for (let k = begin; k < end; k++) {
    const from = (<usize>k) << 2;
    const to = moments + <usize>k * 24;
    store<f64>(to, 1);
    store<f64>(to, mean ? <f64>load<f32>(mean + from) : 0, 8);
    store<f64>(to, <f64>load<f32>(variance + from), 16);
  }
}

/**
 * averaged[k] = f64 (Σ count/samples, Σ count·mean/Σ count, Σ M2/samples) over those of moments[sample, k] that have
 * values; zeros if none has. Units: kept indices.
 */
export function averageMoments(moments: usize, samples: i32, kept: i32, averaged: usize, begin: i32, end: i32): void {
  for (let k = begin; k < end; k++) {
    let filled: f64 = 0;
    let count: f64 = 0;
    let sum: f64 = 0;
    let m2: f64 = 0;
    let from = moments + <usize>k * 24;
    for (let sample = 0; sample < samples; sample++) {
      filled += f64(load<f64>(from) > 0);
      count += load<f64>(from);
      sum += load<f64>(from) * load<f64>(from, 8);
      m2 += load<f64>(from, 16);
      from += <usize>kept * 24;
    }
    const to = averaged + <usize>k * 24;
    store<f64>(to, count / max(filled, 1));
    store<f64>(to, sum / max(count, 1), 8);
    store<f64>(to, m2 / max(filled, 1), 16);
  }
}

/** variance[k] = f32 M2/count, NaN where count is 0. Units: kept indices. */
export function variances(moments: usize, variance: usize, begin: i32, end: i32): void {
  for (let k = begin; k < end; k++) {
    store<f32>(variance + ((<usize>k) << 2), <f32>varianceOf(moments + <usize>k * 24, false));
  }
}

/** M2/(count − 1) if `unbiased` and count is above 1, else M2/count. */
// @inline
function varianceOf(moments: usize, unbiased: bool): f64 {
  const count = load<f64>(moments);
  return load<f64>(moments, 16) / (unbiased && count > 1 ? count - 1 : count);
}

/**
 * r ← old·r + (1 − old)·batch for the f32 mean and variance of each kept index that has values. old = momentum, at most
 * n/(n + 10) after n batches if `warmsUp`; momentum < 0 stands for n/(n + 1). counters = f32 (n, skipped, what n lacks
 * as an f32). If any batch value is not finite as f32, only `skipped` grows; else only n, if any r moved. One unit: the
 * guard is for all or none.
 */
export function updateRunning(
  moments: usize,
  kept: i32,
  mean: usize,
  variance: usize,
  counters: usize,
  momentum: f64,
  unbiased: bool,
  warmsUp: bool,
  begin: i32,
  end: i32,
): void {
  if (begin >= end) return;
  for (let k = 0; k < kept; k++) {
    const from = moments + <usize>k * 24;
    if (load<f64>(from) == 0) continue;
    if (isFinite(<f32>load<f64>(from, 8)) && isFinite(<f32>varianceOf(from, unbiased))) continue;
    store<f32>(counters, load<f32>(counters, 4) + 1, 4);
    return;
  }
  const seen = <f64>load<f32>(counters) + <f64>load<f32>(counters, 8);
  const old = momentum < 0 ? seen / (seen + 1) : warmsUp ? min(momentum, seen / (seen + 10)) : momentum;
  let moved: f32 = 0;
  for (let k = 0; k < kept; k++) {
    const from = moments + <usize>k * 24;
    if (load<f64>(from) == 0) continue;
    moved = 1;
    const at = (<usize>k) << 2;
    move(mean + at, load<f64>(from, 8), old);
    move(variance + at, varianceOf(from, unbiased), old);
  }
  const counted = seen + <f64>moved;
  store<f32>(counters, <f32>counted);
  store<f32>(counters, <f32>(counted - <f64>(<f32>counted)), 8);
}

/** r ← old·r + (1 − old)·batch; what is not finite is forgotten at once where `old` is 0. */
// @inline
function move(r: usize, batch: f64, old: f64): void {
  store<f32>(r, <f32>(old == 0 ? batch : old * <f64>load<f32>(r) + (1 - old) * batch));
}

/** How much of a limit is in force after `seen` batches: 0 up to `start`, 1 from `end` on, a line between. */
// @inline
function along(seen: f64, start: f64, end: f64): f64 {
  return seen >= end ? 1 : max(0, (seen - start) / (end - start));
}

/**
 * r[k] = clip(√(M2/count + eps)/σ, 1/rmax, rmax) and d[k] = clip((batch mean − mean)/σ, −dmax, dmax) as f32, σ =
 * √(variance + eps), with limits {@link along} their ways at counters[0] batches; 1 and 0 where count is 0. Units: kept
 * indices.
 */
export function renormFactors(
  moments: usize,
  mean: usize,
  variance: usize,
  counters: usize,
  eps: f64,
  rmax: f64,
  dmax: f64,
  start: f64,
  rmaxAt: f64,
  dmaxAt: f64,
  r: usize,
  d: usize,
  begin: i32,
  end: i32,
): void {
  const seen = <f64>load<f32>(counters);
  const largest = 1 + (rmax - 1) * along(seen, start, rmaxAt);
  const furthest = dmax * along(seen, start, dmaxAt);
  for (let k = begin; k < end; k++) {
    const from = moments + <usize>k * 24;
    const at = (<usize>k) << 2;
    const count = load<f64>(from);
    const deviation = sqrt(<f64>load<f32>(variance + at) + eps);
    const ratio = sqrt(load<f64>(from, 16) / count + eps) / deviation;
    const shift = (load<f64>(from, 8) - <f64>load<f32>(mean + at)) / deviation;
    store<f32>(r + at, <f32>(count == 0 ? 1 : min(max(ratio, 1 / largest), largest)));
    store<f32>(d + at, <f32>(count == 0 ? 0 : min(max(shift, -furthest), furthest)));
  }
}
