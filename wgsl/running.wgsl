//# kernel averageMoments
//# reads moments: vec2f
//# writes averaged: vec2f
//# ints samples kept
fn wide(v: vec2f) -> vec2f {
  let s = two_sum(v.x, v.y);
  return vec2f(s.x, choose(0.0, s.y, is_finite(s.y)));
}
fn run(group: u32, lane: u32) {
  let k = group * SIZE + lane;
  if (k >= p.kept) { return; }
  var filled = 0.0;
  var count = vec2f();
  var m2 = vec2f();
  // Means are averaged as they differ from one of them.
  var first = vec2f();
  var shifted = vec2f();
  for (var i = 0u; i < p.samples; i++) {
    let at = 3u * (i * p.kept + k);
    let n = moments[at].x + moments[at].y;
    if (n > 0.0) {
      if (filled == 0.0) { first = moments[at + 1u]; }
      filled += 1.0;
      count = add_to(count, n);
      let d = opaque(moments[at + 1u].x - first.x) + (moments[at + 1u].y - first.y);
      shifted = add_to(shifted, n * d);
    }
    m2 = add_to(m2, moments[at + 2u].x + moments[at + 2u].y);
  }
  let values = choose(1.0, total(count), total(count) > 1.0);
  let samples = select(1.0, filled, filled > 1.0);
  averaged[3u * k] = wide(vec2f(total(count) / samples, 0.0));
  averaged[3u * k + 1u] = wide(vec2f(first.x, first.y + total(shifted) / values));
  averaged[3u * k + 2u] = wide(vec2f(total(m2) / samples, 0.0));
}

//# kernel variances
//# reads moments: vec2f
//# writes variance: f32
//# ints kept
fn run(group: u32, lane: u32) {
  let k = group * SIZE + lane;
  if (k >= p.kept) { return; }
  let count = moments[3u * k].x + moments[3u * k].y;
  let m2 = moments[3u * k + 2u].x + moments[3u * k + 2u].y;
  variance[k] = choose(m2 / count, nan(), count == 0.0);
}

// One workgroup, since all move or none does.
//# kernel updateRunning
//# uses tree
//# reads moments: vec2f
//# writes mean: f32
//# writes variance: f32
//# writes counters: f32
//# ints kept
//# floats momentum rest
//# constants UNBIASED WARMS_UP LX LY
fn count_of(k: u32) -> f32 { return moments[3u * k].x + moments[3u * k].y; }
fn mean_of(k: u32) -> f32 { return moments[3u * k + 1u].x + moments[3u * k + 1u].y; }
fn variance_of(k: u32) -> f32 {
  let count = count_of(k);
  var divisor = count;
  if (UNBIASED) { divisor = choose(count, count - 1.0, count > 1.0); }
  return (moments[3u * k + 2u].x + moments[3u * k + 2u].y) / divisor;
}
fn run(group: u32, lane: u32) {
  // 1: some index has values; 2: one of these is not finite.
  var state = 0u;
  for (var k = lane; k < p.kept; k += SIZE) {
    if (count_of(k) > 0.0) { state = max(state, select(2u, 1u, is_finite(mean_of(k)) && is_finite(variance_of(k)))); }
  }
  state = tree_max(state, lane);
  let seen = counters[0] + counters[2];
  workgroupBarrier();
  if (state == 2u) {
    if (lane == 0u) { counters[1] += 1.0; }
    return;
  }
  var old = p.momentum;
  var new_part = p.rest;
  if (p.momentum < 0.0) {
    old = seen / (seen + 1.0);
    new_part = 1.0 / (seen + 1.0);
  } else if (WARMS_UP) {
    if (seen / (seen + 10.0) < old) {
      old = seen / (seen + 10.0);
      new_part = 10.0 / (seen + 10.0);
    }
  }
  for (var k = lane; k < p.kept; k += SIZE) {
    if (count_of(k) > 0.0) {
      mean[k] = choose(old * mean[k] + new_part * mean_of(k), mean_of(k), old == 0.0);
      variance[k] = choose(old * variance[k] + new_part * variance_of(k), variance_of(k), old == 0.0);
    }
  }
  if (lane == 0u && state == 1u) {
    let next = two_sum(counters[0], 1.0);
    let whole = two_sum(next.x, next.y + counters[2]);
    counters[0] = whole.x;
    counters[2] = whole.y;
  }
}

//# kernel renormFactors
//# reads moments: vec2f
//# reads mean: f32
//# reads variance: f32
//# reads counters: f32
//# writes r: f32
//# writes d: f32
//# ints kept
//# floats eps rmax dmax start rmaxAt dmaxAt
fn along(seen: f32, end: f32) -> f32 {
  if (seen >= end) { return 1.0; }
  return choose(0.0, (seen - p.start) / (end - p.start), seen > p.start);
}
fn clip(v: f32, least: f32, most: f32) -> f32 { return choose(choose(v, most, v > most), least, v < least); }
fn run(group: u32, lane: u32) {
  let k = group * SIZE + lane;
  if (k >= p.kept) { return; }
  let seen = counters[0];
  let largest = 1.0 + (p.rmax - 1.0) * along(seen, p.rmaxAt);
  let furthest = p.dmax * along(seen, p.dmaxAt);
  let count = moments[3u * k].x + moments[3u * k].y;
  let m = moments[3u * k + 1u];
  let m2 = moments[3u * k + 2u].x + moments[3u * k + 2u].y;
  let deviation = sqrt(variance[k] + p.eps);
  let ratio = clip(sqrt(m2 / count + p.eps) / deviation, 1.0 / largest, largest);
  let shift = clip((opaque(m.x - mean[k]) + m.y) / deviation, -furthest, furthest);
  r[k] = choose(ratio, 1.0, count == 0.0);
  d[k] = choose(shift, 0.0, count == 0.0);
}
