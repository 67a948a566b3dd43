// Sums of four numbers over the lanes of a workgroup: see tree.wgsl.
var<workgroup> tree_fours: array<vec4f, SIZE>;
fn tree_four(v: vec4f, lane: u32) -> vec4f {
  if (LY == 1) { return v; }
  workgroupBarrier();
  tree_fours[lane] = v;
  workgroupBarrier();
  for (var n = u32(LY); n > 1u;) {
    let m = (n + 15u) / 16u;
    if (lane < m * LX) {
      var sum = tree_fours[lane];
      for (var j = lane + m * LX; j < n * LX; j += m * LX) { sum += tree_fours[j]; }
      tree_fours[lane] = sum;
    }
    workgroupBarrier();
    n = m;
  }
  return tree_fours[lane % LX];
}
// Moments of some values: how many, their mean as (high, low), and M2 = sum of (x - mean)^2. An M2 of NaN says that a
// value was not finite.
struct Moments { n: u32, high: f32, low: f32, m2: vec2f }
// Those of two sets together (Chan, Golub & LeVeque 1979); the high part of the mean stays the first set's.
fn joined(a: Moments, b: Moments) -> Moments {
  if (b.n == 0u) { return a; }
  if (a.n == 0u) { return b; }
  let n = a.n + b.n;
  let d = opaque(b.high - a.high) + (b.low - a.low);
  let w = f32(b.n) / f32(n);
  let s = two_sum(a.m2.x, b.m2.x);
  let between = d * d * (f32(a.n) * w);
  var m2 = add_to(vec2f(s.x, s.y + a.m2.y + b.m2.y), between);
  if (!is_finite(m2.y)) { m2.y = 0.0; }
  if (is_nan(a.m2.x) || is_nan(b.m2.x)) { m2 = vec2f(nan(), 0.0); }
  if (!CENTRED) { return Moments(n, 0.0, 0.0, m2); }
  return Moments(n, a.high, a.low + d * w, m2);
}
fn packed(m: Moments) -> vec4u {
  return vec4u(m.n, bitcast<u32>(m.high), bitcast<u32>(m.low), bitcast<u32>(m.m2.x + m.m2.y));
}
fn unpacked(v: vec4u) -> Moments {
  return Moments(v.x, bitcast<f32>(v.y), bitcast<f32>(v.z), vec2f(bitcast<f32>(v.w), 0.0));
}
// Count, mean and M2 as wide numbers.
fn put(k: u32, m: Moments) {
  let n = f32(m.n);
  moments[3u * k] = vec2f(n, f32(i32(m.n) - i32(n)));
  let is_broken = is_nan(m.m2.x);
  let s = two_sum(m.high, m.low);
  moments[3u * k + 1u] = vec2f(choose(s.x, nan(), is_broken), choose(s.y, 0.0, is_broken || !is_finite(s.y)));
  moments[3u * k + 2u] = vec2f(choose(m.m2.x, nan(), is_broken), choose(m.m2.y, 0.0, is_broken || !is_finite(m.m2.x)));
}

// A workgroup takes LX kept indices, and LY lanes with eight values each a piece of what shares a mean: K is the first
// of them, m = K + mean(x - K) rounded, then with the values still in registers r = sum(x - m) and q = sum((x - m)^2).

//# kernel moments
//# uses tree
//# reads x: f32
//# reads mask?: f32
//# writes parts?: vec4u
//# writes moments?: vec2f
//# ints outer kept inner values pieces pieceGroups each
//# constants LX LY CENTRED
fn address(v: u32, k: u32) -> u32 { return ((v / p.inner) * p.kept + k) * p.inner + v % p.inner; }
fn run(group: u32, lane: u32) {
  let k = (group / p.pieceGroups) * LX + lane % LX;
  let part = group % p.pieceGroups;
  let values = select(0u, p.values, k < p.kept);
  var all = Moments(0u, 0.0, 0.0, vec2f());
  for (var e = 0u; e < p.each; e++) {
    let piece = part * p.each + e;
    let begin = piece * LY * 8u;
    var v: array<f32, 8>;
    var is_real: array<bool, 8>;
    var first = 0u;
    for (var j = 0u; j < 8u; j++) {
      let i = begin + j * LY + lane / LX;
      is_real[j] = i < values;
      v[j] = 0.0;
      if (is_real[j]) {
        let at = address(i, k);
        if (HAS_mask) { is_real[j] = !is_zero(mask[at]); }
        if (is_real[j]) {
          v[j] = x[at];
          first = max(first, values - i);
        }
      }
    }
    var shift = 0.0;
    if (HAS_mask) {
      first = tree_max(first, lane);
      if (first > 0u) { shift = x[address(values - first, k)]; }
    } else if (begin < values) {
      shift = x[address(begin, k)];
    }
    if (!CENTRED) { shift = 0.0; }
    var sums = vec4f();
    for (var j = 0u; j < 8u; j++) {
      if (is_real[j]) { sums += vec4f(opaque(v[j] - shift), 1.0, select(1.0, 0.0, is_finite(v[j])), 0.0); }
    }
    sums = tree_four(sums, lane);
    let n = sums.y;
    var m = 0.0;
    if (CENTRED && n > 0.0) { m = opaque(shift + sums.x / n); }
    var rest = vec4f();
    for (var j = 0u; j < 8u; j++) {
      if (is_real[j]) {
        let d = opaque(v[j] - m);
        rest += vec4f(d, d * d, 0.0, 0.0);
      }
    }
    rest = tree_four(rest, lane);
    var own = Moments(u32(n), m, 0.0, vec2f(rest.y, 0.0));
    if (CENTRED && n > 0.0) {
      own.low = rest.x / n;
      own.m2 = vec2f(rest.y - rest.x * own.low, 0.0);
    }
    if (sums.z > 0.0) { own.m2 = vec2f(nan(), 0.0); }
    all = joined(all, own);
  }
  if (k < p.kept && lane < LX) {
    if (HAS_parts) { parts[k * p.pieceGroups + part] = packed(all); } else { put(k, all); }
  }
}

//# kernel mergeMoments
//# uses tree
//# reads parts: vec4u
//# writes moments: vec2f
//# ints kept pieces
//# constants LX LY CENTRED
var<workgroup> merged: array<Moments, SIZE>;
fn run(group: u32, lane: u32) {
  let k = group * LX + lane % LX;
  let each = (p.pieces + LY - 1u) / LY;
  let begin = (lane / LX) * each;
  let end = select(0u, min(p.pieces, begin + each), k < p.kept);
  var all = Moments(0u, 0.0, 0.0, vec2f());
  for (var i = begin; i < end; i++) { all = joined(all, unpacked(parts[k * p.pieces + i])); }
  if (LY > 1) {
    merged[lane] = all;
    workgroupBarrier();
    if (lane < LX) {
      for (var y = 1u; y < LY; y++) { all = joined(all, merged[y * LX + lane]); }
    }
  }
  if (k < p.kept && lane < LX) { put(k, all); }
}
