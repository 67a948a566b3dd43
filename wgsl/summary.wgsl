// What values are like. `summary` holds wide numbers: low and high, how many lie below and above, the bins, then six
// for each kept index.

//# kernel summarizeShares
//# uses tree
//# reads x: f32
//# reads moments: vec2f
//# writes summary: vec2f
//# ints outer kept inner first
//# constants LX LY
fn run(group: u32, lane: u32) {
  var largest = 0u;
  // The least is the largest of the keys turned round.
  var least = 0u;
  var zeros = 0u;
  for (var v = lane; v < p.outer * p.inner; v += SIZE) {
    let value = x[((v / p.inner) * p.kept + group) * p.inner + v % p.inner];
    if (!is_nan(value)) {
      largest = max(largest, strict_key(value));
      least = max(least, ~strict_key(value));
    }
    zeros += select(0u, 1u, is_zero(value));
  }
  largest = tree_max(largest, lane);
  least = tree_max(least, lane);
  let zero_count = tree_sum(vec2f(f32(zeros), 0.0), lane);
  if (lane != 0u) { return; }
  let at = p.first + 6u * group;
  for (var j = 0u; j < 3u; j++) { summary[at + j] = moments[3u * group + j]; }
  summary[at + 3u] = vec2f(choose(of_key(~least), infinity(), least == 0u), 0.0);
  summary[at + 4u] = vec2f(choose(of_key(largest), -infinity(), largest == 0u), 0.0);
  summary[at + 5u] = zero_count;
}

// The range of the histogram: as much of mean +- 4 deviations as lies between the least and the largest.
//# kernel summarizeRange
//# uses tree
//# writes summary: vec2f
//# ints kept first
//# constants LX LY
fn value_at(i: u32) -> f32 { return summary[i].x + summary[i].y; }
fn run(group: u32, lane: u32) {
  if (lane != 0u) { return; }
  var n = 0.0;
  var m = 0.0;
  var m2 = 0.0;
  var least = infinity();
  var largest = -infinity();
  for (var k = 0u; k < p.kept; k++) {
    let at = p.first + 6u * k;
    let count = value_at(at);
    if (count == 0.0) { continue; }
    let d = opaque(value_at(at + 1u) - m);
    let w = count / (n + count);
    m2 += value_at(at + 2u) + d * d * n * w;
    m += d * w;
    n += count;
    if (strict_key(value_at(at + 3u)) < strict_key(least)) { least = value_at(at + 3u); }
    if (strict_key(value_at(at + 4u)) > strict_key(largest)) { largest = value_at(at + 4u); }
  }
  let width = 4.0 * sqrt(m2 / choose(1.0, n, n > 1.0));
  let low = m - width;
  let high = m + width;
  summary[0] = vec2f(choose(choose(low, least, strict_key(least) > strict_key(low)), nan(), is_nan(low)), 0.0);
  summary[1] = vec2f(choose(choose(high, largest, strict_key(largest) < strict_key(high)), nan(), is_nan(high)), 0.0);
}

//# kernel summarizeBins
//# reads x: f32
//# reads summary: vec2f
//# writes counts: atomic<u32>
//# ints counted bins
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.counted) { return; }
  let low = summary[0].x;
  let high = summary[1].x;
  let v = x[i];
  if (is_nan(v)) { return; }
  var place = 0u;
  if (key(v) > key(high)) {
    place = p.bins + 1u;
  } else if (key(v) >= key(low)) {
    var scale = 0.0;
    if (high > low) { scale = f32(p.bins) / ((high - low) + (summary[1].y - summary[0].y)); }
    place = min(p.bins, u32(floor(opaque(opaque(v - low) * scale))) + 1u);
  }
  atomicAdd(&counts[place], 1u);
}

//# kernel summarizeCounts
//# reads counts: u32
//# writes summary: vec2f
//# ints bins
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.bins + 2u) { return; }
  // Below, then the bins, then above; the summary has above second.
  var to = i + 3u;
  if (i == 0u) { to = 2u; } else if (i == p.bins + 1u) { to = 3u; }
  let high = f32(counts[i]);
  summary[to] = vec2f(high, f32(i32(counts[i]) - i32(high)));
}
