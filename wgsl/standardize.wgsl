//# kernel standardize
//# uses statistics
//# reads x: vec4f
//# reads moments?: vec2f
//# reads mean?: f32
//# reads variance?: f32
//# reads weight?: f32
//# reads bias?: f32
//# writes y: vec4f
//# ints quads kept inner repeat period
//# floats eps
//# constants GIVEN RECTIFIES ALIGNED
fn value(v: f32, s: Statistics, e: u32) -> f32 {
  let m = mapped(v, s, (e / p.repeat) % p.period);
  if (RECTIFIES) { return rectify(m); }
  return m;
}
fn run(group: u32, lane: u32) {
  let i = group * SIZE + lane;
  if (i >= p.quads) { return; }
  let v = x[i];
  let e = 4u * i;
  let s = statistics_of((e / p.inner) % p.kept);
  if (ALIGNED) {
    y[i] = vec4f(value(v.x, s, e), value(v.y, s, e + 1u), value(v.z, s, e + 2u), value(v.w, s, e + 3u));
  } else {
    y[i] = vec4f(
      value(v.x, s, e),
      value(v.y, statistics_of(((e + 1u) / p.inner) % p.kept), e + 1u),
      value(v.z, statistics_of(((e + 2u) / p.inner) % p.kept), e + 2u),
      value(v.w, statistics_of(((e + 3u) / p.inner) % p.kept), e + 3u),
    );
  }
}

// Sums over what one index of (outer, kept, inner) = (p.o, p.k, p.i) reaches: of g and of g * x̂, products that float32
// holds where those with x do not; g is dy where the map let values pass, times the weight if it is WEIGHTED. Lanes as
// in `moments`.
//# kernel gradientSums
//# uses tree statistics
//# reads dy: f32
//# reads x: f32
//# reads moments?: vec2f
//# reads mean?: f32
//# reads variance?: f32
//# reads weight?: f32
//# reads bias?: f32
//# writes parts: vec4f
//# ints k i values size pieces kept inner repeat period
//# floats eps
//# constants GIVEN RECTIFIES WEIGHTED LX LY
fn run(group: u32, lane: u32) {
  let own = (group / p.pieces) * LX + lane % LX;
  let piece = group % p.pieces;
  let begin = piece * p.size;
  let end = select(0u, min(p.values, begin + p.size), own < p.k);
  var first = vec2f();
  var second = vec2f();
  for (var v = begin + lane / LX; v < end; v += LY) {
    let e = ((v / p.i) * p.k + own) * p.i + v % p.i;
    let s = statistics_of((e / p.inner) % p.kept);
    let q = (e / p.repeat) % p.period;
    var g = reaching(dy[e], x[e], s, q);
    if (WEIGHTED) { g *= weight_of(q); }
    first = add_to(first, g);
    second = add_to(second, g * (centred_value(x[e], s) * s.scale));
  }
  first = tree_sum(first, lane);
  second = tree_sum(second, lane);
  if (own < p.k && lane < LX) { parts[own * p.pieces + piece] = vec4f(first, second); }
}

// The sums of the pieces, which are what the gradients of weight and bias are.
//# kernel gradientTotals
//# reads parts: vec4f
//# writes sums?: vec4f
//# writes dweight?: f32
//# writes dbias?: f32
//# ints k pieces
fn run(group: u32, lane: u32) {
  let own = group * SIZE + lane;
  if (own >= p.k) { return; }
  var first = vec2f();
  var second = vec2f();
  for (var i = 0u; i < p.pieces; i++) {
    let part = parts[own * p.pieces + i];
    let a = two_sum(first.x, part.x);
    let b = two_sum(second.x, part.z);
    first = vec2f(a.x, a.y + first.y + part.y);
    second = vec2f(b.x, b.y + second.y + part.w);
  }
  if (HAS_sums) { sums[own] = vec4f(first, second); }
  if (HAS_dbias) { dbias[own] = total(first); }
  if (HAS_dweight) { dweight[own] = total(second); }
}

// dx = s * (g - mean(g) - x̂ * mean(g * x̂)): with the weight inside of the sums, or outside where all values that
// share a mean share it.
//# kernel inputGradient
//# uses statistics
//# reads dy: f32
//# reads x: f32
//# reads sums?: vec4f
//# reads moments?: vec2f
//# reads mean?: f32
//# reads variance?: f32
//# reads weight?: f32
//# reads bias?: f32
//# writes dx: f32
//# ints length kept inner repeat period
//# floats eps
//# constants GIVEN RECTIFIES WEIGHTED CENTRED
fn run(group: u32, lane: u32) {
  for (var j = 0u; j < 4u; j++) {
    let e = (group * 4u + j) * SIZE + lane;
    if (e >= p.length) { return; }
    let k = (e / p.inner) % p.kept;
    let s = statistics_of(k);
    let q = (e / p.repeat) % p.period;
    var g = reaching(dy[e], x[e], s, q);
    var factor = s.scale;
    if (WEIGHTED) { g *= weight_of(q); } else { factor *= weight_of(q); }
    if (HAS_sums) {
      if (s.count > 0.0) {
        let t = sums[k];
        if (CENTRED) { g = opaque(g - (t.x + t.y) / s.count); }
        g -= centred_value(x[e], s) * s.scale * ((t.z + t.w) / s.count);
      }
    }
    dx[e] = factor * g;
  }
}
